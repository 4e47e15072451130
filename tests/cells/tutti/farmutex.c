/* farmutex.c - a mutex that processes share: one holder at a time, who sees what the last
 * one did; and who waits gets it, in whichever process. */
#include "far.h"

static int inside, turns;

static void *turn(void *arg)
{
    tutti_mutex *m = &arena.user[0].mutex;
    lane_enter((long)arg % LANES);
    tutti_mutex_lock(m);
    assert(inside++ == 0);
    turns++;
    inside--;
    tutti_mutex_unlock(m);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    CELL_RUN(turn, turn, turn);
    assert(turns == 3);
    home_close(&s);
    return 0;
}
