/* gone.c - an object that waits are made with is used when its memory has been freed, or
 * when it has been destroyed, although it was all right when first used.  Memory of a
 * destroyed one may hold a new one.
 *
 * explore: -> good
 * explore: -DSTATIC -> good
 * explore: -DFREED -DLOCK -> heap
 * explore: -DFREED -DREAD -> heap
 * explore: -DFREED -DSIGNAL -> heap
 * explore: -DFREED -DPOST -> heap
 * explore: -DDESTROYED -DLOCK -> misuse
 * explore: -DDESTROYED -DREAD -> misuse
 * explore: -DDESTROYED -DSIGNAL -> misuse
 * explore: -DDESTROYED -DPOST -> misuse
 * explore: -DDESTROYED -DTWICE -> misuse */
#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

struct all {
    pthread_mutex_t lock;
    pthread_rwlock_t shared;
    pthread_cond_t changed;
    sem_t sem;
};

static void use(struct all *a)
{
    assert(pthread_mutex_lock(&a->lock) == 0);
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    assert(pthread_rwlock_rdlock(&a->shared) == 0);
    pthread_rwlock_unlock(&a->shared);
    assert(sem_post(&a->sem) == 0 && sem_wait(&a->sem) == 0);
}

static void make(struct all *a)
{
#ifdef STATIC
    *a = (struct all){ PTHREAD_MUTEX_INITIALIZER, PTHREAD_RWLOCK_INITIALIZER,
                       PTHREAD_COND_INITIALIZER, { { 0 } } };
#else
    pthread_mutex_init(&a->lock, NULL);
    pthread_rwlock_init(&a->shared, NULL);
    pthread_cond_init(&a->changed, NULL);
#endif
    sem_init(&a->sem, 0, 0);
}

static void destroy(struct all *a)
{
    pthread_mutex_destroy(&a->lock);
    pthread_rwlock_destroy(&a->shared);
    pthread_cond_destroy(&a->changed);
    sem_destroy(&a->sem);
}

static void use_one(struct all *a)
{
    (void)a;
#ifdef LOCK
    pthread_mutex_lock(&a->lock);
#endif
#ifdef READ
    pthread_rwlock_rdlock(&a->shared);
#endif
#ifdef SIGNAL
    pthread_cond_signal(&a->changed);
#endif
#ifdef POST
    sem_post(&a->sem);
#endif
#ifdef TWICE
    pthread_mutex_destroy(&a->lock);
#endif
}

static void *late(void *arg)
{
    use_one(arg);
    return arg;
}

int main(void)
{
    pthread_t thread;
    struct all *a = malloc(sizeof *a);
    for (int i = 0; i < 2; i++) {
        make(a);
        use(a);
#ifndef FREED
        destroy(a);
#endif
    }
#ifdef FREED
    free(a);
#endif
    pthread_create(&thread, NULL, late, a);
    pthread_join(thread, NULL);
#ifndef FREED
    free(a);
#endif
}
