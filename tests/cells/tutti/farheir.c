/* farheir.c - a worker dies at any of its steps with a mutex or without, and nobody at home
 * waits, so that nobody there looks: another worker that waits is told by the burial alone. */
#define CELL_LANES 3
#include "far.h"

enum { OTHER = WORKER + 1 };

void __wrap_far_step_last(void);
void __wrap_far_step_last(void)
{
    if (lane_now == lanes[WORKER])
        pthread_exit(NULL);
    atomic_store_explicit(&far_steps, 1, memory_order_relaxed); /* not of the others */
}

static void *worker(void *arg)
{
    lane_enter(WORKER);
    if (tutti_mutex_trylock(&arena.user[0].mutex) == 0)
        tutti_mutex_unlock(&arena.user[0].mutex);
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

static void *heir(void *arg)
{
    lane_enter(OTHER);
    int rc = tutti_mutex_lock_cut(&arena.user[0].mutex);
    assert(rc == 0 || rc == -TUTTI_EOWNERDEAD);
    tutti_mutex_unlock(&arena.user[0].mutex);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    CELL_RUN(keeper, heir);
    assert(tutti_scope_close(&s) == 0);
    far_space_close(lanes[OTHER]);
    far_space_close(lanes[HOME]);
    return 0;
}
