/* leak.c - a cache behind a lock; what is wrong is how the lock is left.
 *
 * bug 1  lock-leak|deadlock: an early return keeps it  @lock
 * bug 2  lock-leak: the last one to leave keeps it, nobody comes after  @lock
 * bug 3  misuse: unlocked by a thread that does not hold it  @unlock
 * bug 4  deadlock: locked again by its holder through a callback  @lock
 * bug 5  misuse: destroyed while it is held  @destroy @lock */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int hits, entries;

static void acquire(void)
{
    pthread_mutex_lock(&lock); /* @lock */
}

static void release(void)
{
    pthread_mutex_unlock(&lock); /* @unlock */
}

static void forget(void)
{
    acquire();
    entries = 0;
    release();
}

static void *user(void *arg)
{
    acquire();
    hits++;
    if (BUG == 1 && hits == 2)
        return arg;
    if (BUG == 4 && hits == 2)
        forget();
    entries++;
    if (BUG == 2 && entries == 3)
        return arg;
    release();
    if (BUG == 3 && arg)
        release();
    return arg;
}

static void *closer(void *arg)
{
    acquire();
    pthread_mutex_destroy(&lock); /* @destroy */
    return arg;
}

int main(void)
{
    TOGETHER(user, user, user);
    if (BUG == 5)
        closer(NULL);
}
