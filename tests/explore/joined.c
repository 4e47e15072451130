/* joined.c - threads waiting for the end of threads.
 *
 * bug 1  deadlock|lost-wakeup: joined while holding what the other needs
 *        @join @need
 * bug 2  deadlock|lost-wakeup: two threads join each other  @other
 * bug 3  race: the result is read before the join  @result @early
 * bug 4  race: the helper that was not waited for still writes  @late @read */
#include "bug.h"
#include <semaphore.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int result, extra;
static pthread_t threads[2];
static sem_t known;

static void *work(void *arg)
{
    pthread_mutex_lock(&lock); /* @need */
    result = 42;               /* @result */
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *join_other(void *arg)
{
    sem_wait(&known);
    pthread_join(threads[arg == NULL], NULL); /* @other */
    return arg;
}

static void *helper(void *arg)
{
    extra = 1; /* @late */
    return arg;
}

int main(void)
{
    sem_init(&known, 0, 0);
    if (BUG == 2) {
        for (size_t i = 0; i < 2; i++)
            pthread_create(&threads[i], NULL, join_other, (void *)i);
        sem_post(&known);
        sem_post(&known);
        pthread_join(threads[0], NULL); /* @other */
        return 0;
    }
    pthread_create(&threads[0], NULL, work, NULL);
    pthread_create(&threads[1], NULL, helper, NULL);
    if (BUG == 1)
        pthread_mutex_lock(&lock);
    if (BUG == 3)
        look_at(result);            /* @early */
    pthread_join(threads[0], NULL); /* @join */
    if (BUG == 1)
        pthread_mutex_unlock(&lock);
    if (BUG != 4)
        pthread_join(threads[1], NULL);
    assert(result == 42);
    look_at(extra); /* @read */
    if (BUG == 4)
        pthread_join(threads[1], NULL);
}
