/* spin.c - a statistic behind pthread_spin_lock.
 *
 * bug 1  race: one reader does without  @add @read
 * bug 2  deadlock|livelock|lock-leak: a path leaves with the lock  @lock
 * bug 3  deadlock|livelock: two of them, locked in both orders  @lock @second
 * bug 4  assert: trylock failed, counted as if it had the lock */
#include "bug.h"

static pthread_spinlock_t lock, other;
static int total;
static atomic_int inside;

static void *add(void *arg)
{
    pthread_spin_lock(&lock); /* @lock */
    total++;                  /* @add */
    if (BUG == 2 && total == 2)
        return arg;
    if (BUG == 3) {
        pthread_spin_lock(&other); /* @second */
        pthread_spin_unlock(&other);
    }
    pthread_spin_unlock(&lock);
    return arg;
}

static void *read_total(void *arg)
{
    if (BUG != 1)
        pthread_spin_lock(BUG == 3 ? &other : &lock); /* @lock */
    if (BUG == 3)
        pthread_spin_lock(&lock); /* @second */
    int seen = total;             /* @read */
    if (BUG == 3)
        pthread_spin_unlock(&lock);
    if (BUG != 1)
        pthread_spin_unlock(BUG == 3 ? &other : &lock);
    assert(seen <= 2);
    return arg;
}

static void *try(void *arg)
{
    if (pthread_spin_trylock(&lock) != 0 && BUG != 4)
        return arg;
    assert(atomic_fetch_add(&inside, 1) == 0);
    sched_yield();
    atomic_fetch_sub(&inside, 1);
    if (BUG != 4)
        pthread_spin_unlock(&lock);
    return arg;
}

int main(void)
{
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    pthread_spin_init(&other, PTHREAD_PROCESS_PRIVATE);
    if (BUG != 4)
        TOGETHER(add, add, read_total);
    if (BUG == 0 || BUG == 4)
        TOGETHER(try, try);
}
