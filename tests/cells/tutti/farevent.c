/* farevent.c - an event that processes share is set: who waits goes on, in both processes,
 * and sees what was done before. */
#include "far.h"

static int done;

static void *setter(void *arg)
{
    lane_enter(WORKER);
    done = 1;
    tutti_event_set(&arena.user[0].event);
    return arg;
}

static void *waiter(void *arg)
{
    lane_enter((long)arg % LANES);
    assert(tutti_event_wait(&arena.user[0].event) == 0);
    assert(done == 1);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_event_share(&s, &arena.user[0].event) == 0);
    CELL_RUN(waiter, waiter, setter);
    home_close(&s);
    return 0;
}
