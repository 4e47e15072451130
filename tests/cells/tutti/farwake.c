/* farwake.c - a condition that processes share: a broadcast lets all go on that wait, in
 * both processes. */
#include "far.h"

static bool ready;

static void *wakes(void *arg)
{
    tutti_mutex *m = &arena.user[0].mutex;
    lane_enter(WORKER);
    tutti_mutex_lock(m);
    ready = true;
    tutti_mutex_unlock(m);
    tutti_cond_broadcast(&arena.user[1].cond);
    return arg;
}

static void *waits(void *arg)
{
    tutti_mutex *m = &arena.user[0].mutex;
    lane_enter((long)arg % LANES);
    tutti_mutex_lock(m);
    while (!ready)
        assert(tutti_cond_wait(&arena.user[1].cond, m) == 0);
    tutti_mutex_unlock(m);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    assert(tutti_cond_share(&s, &arena.user[1].cond) == 0);
    CELL_RUN(waits, waits, wakes);
    home_close(&s);
    return 0;
}
