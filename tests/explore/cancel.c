/* cancel.c - a thread that waits for work is cancelled.
 *
 * bug 1  deadlock|lock-leak: no clean-up handler: it dies with the lock
 *        @lock @wait
 * bug 2  heap|race: its buffer is freed before it has ended  @use @free
 * bug 3  deadlock|lock-leak: it is cancelled in a sleep inside the lock  @lock @nap
 * bug 4  assert: the clean-up handler runs although the item was taken already */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static int items, taken, given_back;
static int *buffer;

static void unlock(void *arg)
{
    pthread_mutex_unlock(arg);
}

static void give_back(void *arg)
{
    (void)arg;
    given_back++;
}

static void take(void)
{
    pthread_mutex_lock(&lock); /* @lock */
    if (BUG == 1) {
        while (!items)
            pthread_cond_wait(&more, &lock); /* @wait */
        items--;
    } else {
        pthread_cleanup_push(unlock, &lock);
        while (!items)
            pthread_cond_wait(&more, &lock);
        items--;
        taken++;
        pthread_cleanup_pop(0);
    }
    pthread_mutex_unlock(&lock);
}

static void *worker(void *arg)
{
    if (BUG == 3) {
        pthread_mutex_lock(&lock); /* @lock */
        usleep(1000);              /* @nap */
        pthread_mutex_unlock(&lock);
        return arg;
    }
    if (BUG == 4) {
        pthread_cleanup_push(give_back, NULL);
        take();
        pthread_testcancel();
        pthread_cleanup_pop(0);
        return arg;
    }
    take();
    buffer[0] = 1; /* @use */
    return arg;
}

static void put(void)
{
    pthread_mutex_lock(&lock); /* @lock */
    items++;
    pthread_cond_signal(&more);
    pthread_mutex_unlock(&lock);
}

int main(void)
{
    pthread_t thread;
    buffer = calloc(1, sizeof *buffer);
    pthread_create(&thread, NULL, worker, NULL);
    put();
    pthread_cancel(thread);
    if (BUG == 2)
        free(buffer); /* @free */
    if (BUG == 1 || BUG == 3)
        put();
    pthread_join(thread, NULL);
    if (BUG != 2)
        free(buffer);
    assert(taken + given_back <= 1);
}
