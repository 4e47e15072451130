/* event.c - a thread waits until something has happened.
 *
 * bug 1  lost-wakeup: the flag is looked at before the lock is taken  @wait
 * bug 2  lost-wakeup: the flag is set without the lock  @wait
 * bug 3  lost-wakeup: one signal for two waiters  @wait
 * bug 4  assert: a time-out counts as the event */
#include "bug.h"
#include <errno.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_bool happened;

static int wait_changed(void)
{
    struct timespec at;
    if (BUG != 4)
        return pthread_cond_wait(&changed, &lock); /* @wait */
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += 2;
    return pthread_cond_timedwait(&changed, &lock, &at);
}

static void *waiter(void *arg)
{
    if (BUG == 1) {
        if (!happened) {
            pthread_mutex_lock(&lock);
            wait_changed();
            pthread_mutex_unlock(&lock);
        }
        return arg;
    }
    pthread_mutex_lock(&lock);
    while (!happened)
        if (wait_changed() == ETIMEDOUT)
            break;
    assert(happened);
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *teller(void *arg)
{
    if (BUG == 4)
        sleep(1);
    if (BUG == 2) {
        happened = true;
        pthread_cond_broadcast(&changed);
        return arg;
    }
    pthread_mutex_lock(&lock);
    happened = true;
    if (BUG == 3)
        pthread_cond_signal(&changed);
    else
        pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return arg;
}

int main(void)
{
    TOGETHER(waiter, waiter, teller);
}
