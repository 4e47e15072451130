/* farcond.c - a condition that processes share: each of two signals lets one of two that
 * wait go on, in whichever process they are. */
#include "far.h"

enum { ITEMS = 2 };
static int items, got;

static void *maker(void *arg)
{
    tutti_mutex *m = &arena.user[0].mutex;
    lane_enter(WORKER);
    for (int i = 0; i < ITEMS; i++) {
        tutti_mutex_lock(m);
        items++;
        tutti_mutex_unlock(m);
        tutti_cond_signal(&arena.user[1].cond);
    }
    return arg;
}

static void *taker(void *arg)
{
    tutti_mutex *m = &arena.user[0].mutex;
    lane_enter((long)arg % LANES);
    tutti_mutex_lock(m);
    while (!items)
        assert(tutti_cond_wait(&arena.user[1].cond, m) == 0);
    items--;
    got++;
    tutti_mutex_unlock(m);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    assert(tutti_cond_share(&s, &arena.user[1].cond) == 0);
    CELL_RUN(taker, taker, maker);
    assert(got == ITEMS && items == 0);
    home_close(&s);
    return 0;
}
