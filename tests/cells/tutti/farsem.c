/* farsem.c - a semaphore that processes share: each unit is taken once, and who takes it
 * sees what was done before it was given. */
#include "far.h"

enum { UNITS = 2 };
static int given[UNITS];
static atomic_int taken;

static void *giver(void *arg)
{
    lane_enter(WORKER);
    for (int i = 0; i < UNITS; i++) {
        given[i] = 1;
        tutti_sem_up(&arena.user[0].sem);
    }
    return arg;
}

static void *taker(void *arg)
{
    lane_enter((long)arg % LANES);
    assert(tutti_sem_down(&arena.user[0].sem) == 0);
    assert(given[0] == 1); /* the first is given before any is taken */
    atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_sem_share(&s, &arena.user[0].sem, 0) == 0);
    CELL_RUN(taker, taker, giver);
    assert(atomic_load_explicit(&taken, memory_order_relaxed) == UNITS);
    assert(tutti_sem_trydown(&arena.user[0].sem) == -EBUSY);
    home_close(&s);
    return 0;
}
