/* semaphore.c - two connections shared by three threads through a semaphore.
 *
 * bug 1  lost-wakeup|deadlock: a path that fails does not give its connection back
 *        @wait
 * bug 2  assert: the semaphore starts with one too many
 * bug 3  assert: nobody looks whether sem_trywait got one
 * bug 4  deadlock|lost-wakeup: waits for a connection while it holds the lock
 *        @wait @lock */
#include "bug.h"
#include <semaphore.h>

static sem_t free_ones;
static atomic_int used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int served;

static void take(void)
{
    if (BUG == 3)
        sem_trywait(&free_ones);
    else
        sem_wait(&free_ones); /* @wait */
    assert(atomic_fetch_add(&used, 1) < 2);
}

static bool use(void)
{
    pthread_mutex_lock(&lock); /* @lock */
    bool failed = ++served >= 2;
    pthread_mutex_unlock(&lock);
    return !failed;
}

static void *client(void *arg)
{
    if (BUG == 4) {
        pthread_mutex_lock(&lock); /* @lock */
        take();
        served++;
        pthread_mutex_unlock(&lock);
        use();
    } else {
        take();
        if (!use() && BUG == 1)
            return arg;
    }
    atomic_fetch_sub(&used, 1);
    sem_post(&free_ones);
    return arg;
}

int main(void)
{
    sem_init(&free_ones, 0, BUG == 2 ? 3 : BUG == 4 ? 1 : 2);
    if (BUG == 1)
        TOGETHER(client, client, client, client);
    else
        TOGETHER(client, client, client);
    sem_destroy(&free_ones);
}
