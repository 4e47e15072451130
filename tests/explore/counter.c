/* counter.c - hits counted by several threads.
 *
 * bug 1  race: a plain counter  @count
 * bug 2  assert: an atomic that is read and written in two steps
 * bug 3  race: volatile in place of atomic  @volatile
 * bug 4  race: one of the threads forgot the lock  @locked */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int plain, locked;
static volatile int watched;
static atomic_int counter;

static void count(bool first)
{
    if (BUG == 1)
        plain++; /* @count */
    if (BUG == 2)
        atomic_store(&counter, atomic_load(&counter) + 1);
    else
        atomic_fetch_add(&counter, 1);
    if (BUG == 3)
        watched++; /* @volatile */
    if (BUG != 4 || first)
        pthread_mutex_lock(&lock);
    locked++; /* @locked */
    if (BUG != 4 || first)
        pthread_mutex_unlock(&lock);
}

static void *first(void *arg)
{
    count(true);
    return arg;
}

static void *second(void *arg)
{
    count(false);
    return arg;
}

int main(void)
{
    TOGETHER(first, second);
    assert(counter == 2);
}
