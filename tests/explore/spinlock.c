/* spinlock.c - a lock of one atomic.
 *
 * bug 1  race: the unlock is relaxed  @inside
 * bug 2  race: the lock is relaxed  @inside
 * bug 3  race: looked at and taken in two steps  @inside
 * bug 4  livelock|assert: a path leaves without unlocking  @spin @end */
#include "bug.h"

static atomic_int held;
static int inside;

static void lock(void)
{
    if (BUG == 3) {
        while (atomic_load(&held))
            sched_yield();
        atomic_store(&held, 1);
        return;
    }
    while (atomic_exchange_explicit(&held, 1, ORDER(2, relaxed, acquire))) /* @spin */
        sched_yield();                                                     /* @spin */
}

static void unlock(void)
{
    atomic_store_explicit(&held, 0, ORDER(1, relaxed, release));
}

static void *worker(void *arg)
{
    for (int i = 0; i < 2; i++) {
        lock();
        inside++; /* @inside */
        if (BUG == 4 && inside == 3)
            return arg;
        unlock();
    }
    return arg;
}

int main(void)
{
    TOGETHER(worker, worker);
    assert(inside == 4); /* @end */
}
