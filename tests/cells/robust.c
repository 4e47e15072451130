/* robust.c - who owns a robust mutex ends: whoever waits for it already, and whoever
 * comes later, takes it with EOWNERDEAD; nobody needs to, and an unlock without
 * pthread_mutex_consistent() spoils it for all.  A normal mutex stays taken for ever.
 *
 * explore: -> good
 * explore: -DNORMAL -> deadlock
 * explore: -DWAIT -> good
 * explore: -DORPHAN -> good
 * explore: -DORPHAN -DNORMAL -> lock-leak
 * explore: -DSPOIL -> good
 * explore: -DSPOIL -DWAIT -> good */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <pthread.h>

enum { HEIRS = 2 };
static pthread_mutex_t lock;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int data, dead; /* guarded by lock */

static void *owner(void *arg)
{
    assert(pthread_mutex_lock(&lock) == 0);
    data = 1;
    pthread_cond_broadcast(&changed);
    return arg;
}

/* What the taking of the mutex said is dealt with; it is then held unless lost. */
static int took(int r)
{
#ifdef SPOIL
    if (r == ENOTRECOVERABLE)
        return 0;
#endif
    assert(r == 0 || r == EOWNERDEAD);
    if (r == EOWNERDEAD) {
        assert(data == 1);
        dead++;
#ifndef SPOIL
        assert(pthread_mutex_consistent(&lock) == 0);
#endif
    }
    return 1;
}

static void *heir(void *arg)
{
    int held = took(pthread_mutex_lock(&lock));
#ifdef WAIT
    while (held && !data)
        held = took(pthread_cond_wait(&changed, &lock));
#endif
    if (held)
        assert(pthread_mutex_unlock(&lock) == 0);
    return arg;
}

int main(void)
{
    pthread_mutexattr_t attr;
    pthread_t one, heirs[HEIRS];
    pthread_mutexattr_init(&attr);
#ifndef NORMAL
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
#endif
    pthread_mutex_init(&lock, &attr);
    pthread_create(&one, NULL, owner, NULL);
#ifndef ORPHAN
    for (int i = 0; i < HEIRS; i++)
        pthread_create(&heirs[i], NULL, heir, NULL);
    for (int i = 0; i < HEIRS; i++)
        pthread_join(heirs[i], NULL);
#endif
    pthread_join(one, NULL);
#ifndef ORPHAN
    if (took(pthread_mutex_lock(&lock)))
        pthread_mutex_unlock(&lock);
    assert(dead == 1);
#ifdef SPOIL
    assert(pthread_mutex_trylock(&lock) == ENOTRECOVERABLE);
#endif
#endif
}
