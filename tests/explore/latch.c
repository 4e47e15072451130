/* latch.c - a count that goes down to nothing and lets all waiters through.
 *
 * bug 1  lost-wakeup: the last one wakes one waiter  @wait
 * bug 2  lost-wakeup: counted down without the lock  @wait
 * bug 3  race: results are read although the count was not waited for
 *        @result @read */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t zero = PTHREAD_COND_INITIALIZER;
static atomic_int count = 2;
static int results[4];

static void down(void)
{
    if (BUG != 2)
        pthread_mutex_lock(&lock);
    if (--count == 0) {
        if (BUG == 1)
            pthread_cond_signal(&zero);
        else
            pthread_cond_broadcast(&zero);
    }
    if (BUG != 2)
        pthread_mutex_unlock(&lock);
}

static void *worker(void *arg)
{
    results[(size_t)arg] = 1; /* @result */
    down();
    return NULL;
}

static void *waiter(void *arg)
{
    pthread_mutex_lock(&lock);
    while (count && BUG != 3)
        pthread_cond_wait(&zero, &lock); /* @wait */
    pthread_mutex_unlock(&lock);
    int sum = results[0] + results[1]; /* @read */
    assert(BUG == 3 ? sum <= 2 : sum == 2);
    return arg;
}

int main(void)
{
    TOGETHER(worker, worker, waiter, waiter);
}
