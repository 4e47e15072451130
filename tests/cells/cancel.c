/* Cancelling: at a wait, with what was pushed for it, and not where it is switched off.
 * explore:                 -> good
 * explore: -DNO_CLEANUP    -> deadlock
 * explore: -DKEY           -> assert */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static int dropped, cleaned;

static void drop(void *value)
{
    dropped = value == &dropped;
}

static void unlock(void *unused)
{
    (void)unused;
    cleaned = 1;
#ifndef NO_CLEANUP
    pthread_mutex_unlock(&lock);
#endif
}

static void *thread(void *unused)
{
    int old;
    pthread_setspecific(key, &dropped);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    usleep(5);
    pthread_mutex_lock(&lock);
    pthread_setcancelstate(old, NULL);
    pthread_cleanup_push(unlock, NULL);
    for (;;)
        pthread_cond_wait(&never, &lock);
    pthread_cleanup_pop(1);
    return unused;
}

int main(void)
{
    pthread_t t;
    void *value;
    pthread_key_create(&key, drop);
    pthread_create(&t, NULL, thread, NULL);
    pthread_cancel(t);
    pthread_join(t, &value);
    assert(value == PTHREAD_CANCELED && cleaned);
#ifdef KEY
    assert(!dropped);
#else
    assert(dropped);
#endif
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return 0;
}
