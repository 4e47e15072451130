/* wake_cancelled.c - of two who wait, one is cancelled when a post or a signal may have
 * woken it already: the other one gets the wake.  A cancelled waiter that was not woken
 * wakes nobody.
 *
 * explore: -> good
 * explore: -DCONDITION -> good
 * explore: -DCONDITION -DNO_SIGNAL -> lost-wakeup */
#undef NDEBUG
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

static sem_t sem;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int items;

#ifdef CONDITION
static void unlock(void *arg)
{
    pthread_mutex_unlock(arg);
}

static void *taker(void *arg)
{
    pthread_mutex_lock(&lock);
    pthread_cleanup_push(unlock, &lock);
    while (!items)
        pthread_cond_wait(&changed, &lock);
    items--;
    pthread_cleanup_pop(1);
    return arg;
}

static void put(void)
{
    pthread_mutex_lock(&lock);
    items++;
#ifndef NO_SIGNAL
    pthread_cond_signal(&changed);
#endif
    pthread_mutex_unlock(&lock);
}
#else
static void *taker(void *arg)
{
    sem_wait(&sem);
    return arg;
}

static void put(void)
{
    sem_post(&sem);
}
#endif

int main(void)
{
    pthread_t one, other;
    void *value;
    sem_init(&sem, 0, 0);
    pthread_create(&one, NULL, taker, NULL);
    pthread_create(&other, NULL, taker, NULL);
    put();
    pthread_cancel(one);
    pthread_join(one, &value);
    if (value != PTHREAD_CANCELED)
        put(); /* it took the item */
    pthread_join(other, NULL);
}
