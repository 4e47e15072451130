/* park.c - a worker announces that it sleeps, looks once more, and sleeps; who brings
 * work wakes it if the announcement is there.
 *
 * bug 1  lost-wakeup: the worker's fence is missing  @wait
 * bug 2  lost-wakeup: the bringer's fence is missing  @wait
 * bug 3  lost-wakeup: the worker looks first and announces after  @wait */
#include "bug.h"
#include <semaphore.h>

static atomic_int parked, work;
static sem_t wake;

static void *worker(void *arg)
{
    if (BUG == 3 && atomic_load(&work))
        return arg;
    atomic_store_explicit(&parked, 1, memory_order_relaxed);
    atomic_thread_fence(ORDER(1, relaxed, seq_cst));
    if (BUG == 3 || !atomic_load_explicit(&work, memory_order_acquire))
        sem_wait(&wake); /* @wait */
    return arg;
}

static void *bringer(void *arg)
{
    atomic_store_explicit(&work, 1, memory_order_release);
    atomic_thread_fence(ORDER(2, relaxed, seq_cst));
    if (atomic_load_explicit(&parked, memory_order_relaxed))
        sem_post(&wake);
    return arg;
}

int main(void)
{
    sem_init(&wake, 0, 0);
    TOGETHER(worker, bringer);
}
