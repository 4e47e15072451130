/* fardeath.c - a worker dies at any of its steps while it has a mutex and a unit of a
 * semaphore, or has not: who waits at home gets both, and is told if they were held. */
#include "far.h"

void __wrap_far_step_last(void);
void __wrap_far_step_last(void)
{
    if (lane_now == lanes[WORKER])
        pthread_exit(NULL);
    atomic_store_explicit(&far_steps, 1, memory_order_relaxed); /* not home's */
}

static void *worker(void *arg)
{
    lane_enter(WORKER);
    if (tutti_mutex_trylock(&arena.user[0].mutex) == 0) {
        if (tutti_sem_trydown(&arena.user[1].sem) == 0)
            tutti_sem_up(&arena.user[1].sem);
        tutti_mutex_unlock(&arena.user[0].mutex);
    }
    return arg;
}

static void *keeper(void *arg)
{
    pthread_t t;
    lane_enter(HOME);
    assert(pthread_create(&t, NULL, worker, NULL) == 0);
    atomic_store_explicit(&far_steps, 1, memory_order_relaxed);
    pthread_join(t, NULL);
    atomic_store_explicit(&far_steps, 0, memory_order_relaxed);
    far_lane_died(lanes[HOME], WORKER, false);
    return arg;
}

static void *waiter(void *arg)
{
    lane_enter(HOME);
    int rc = tutti_mutex_lock_cut(&arena.user[0].mutex);
    assert(rc == 0 || rc == -TUTTI_EOWNERDEAD);
    rc = tutti_sem_down(&arena.user[1].sem);
    assert(rc == 0 || rc == -TUTTI_EOWNERDEAD);
    tutti_mutex_unlock(&arena.user[0].mutex);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    assert(tutti_sem_share(&s, &arena.user[1].sem, 1) == 0);
    CELL_RUN(keeper, waiter);
    assert(tutti_sem_trydown(&arena.user[1].sem) == -EBUSY); /* there was but one */
    assert(tutti_scope_close(&s) == 0);
    far_space_close(lanes[HOME]);
    return 0;
}
