/* calls_lock.c - each call that locks, with its answers: mutexes of every type, spin
 * and read-write locks, with and without a time, in POSIX's and in C11's words.
 *
 * bug 1  lock-leak: what a timed lock has taken is not given back  @timed
 * bug 2  race: a reader writes  @write
 * bug 3  deadlock: an ordinary mutex is locked twice  @twice */
#include "bug.h"
#include <errno.h>
#include <threads.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, typed[3];
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static mtx_t timed;
static int data, runs;
static struct timespec past = { 1, 0 }, wrong = { 1, -1 };

static struct timespec soon(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    at.tv_sec += 5;
    return at;
}

/* Whether a lock with a time was got. */
static bool got(int answer)
{
    assert(answer == 0 || answer == ETIMEDOUT);
    return answer == 0;
}

static void *mutexes(void *arg)
{
    struct timespec at = soon(CLOCK_REALTIME);
    if (got(pthread_mutex_timedlock(&lock, &at))) { /* @timed */
        data++;
        if (BUG != 1)
            pthread_mutex_unlock(&lock);
    }
    at = soon(CLOCK_MONOTONIC);
    if (BUG != 1 && got(pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &at))) {
        data++;
        assert(pthread_mutex_timedlock(&typed[0], &past) == 0);
        assert(pthread_mutex_unlock(&typed[0]) == 0);
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

static void *readers(void *arg)
{
    struct timespec at = soon(CLOCK_REALTIME);
    if (got(pthread_rwlock_timedrdlock(&shared, &at))) {
        look_at(data);
        if (BUG == 2)
            runs++; /* @write */
        pthread_rwlock_unlock(&shared);
    }
    at = soon(CLOCK_MONOTONIC);
    if (got(pthread_rwlock_clockrdlock(&shared, CLOCK_MONOTONIC, &at)))
        pthread_rwlock_unlock(&shared);
    if (pthread_rwlock_tryrdlock(&shared) == 0)
        pthread_rwlock_unlock(&shared);
    return arg;
}

static void *writers(void *arg)
{
    struct timespec at = soon(CLOCK_REALTIME);
    if (got(pthread_rwlock_timedwrlock(&shared, &at))) {
        assert(pthread_rwlock_wrlock(&shared) == EDEADLK);
        assert(pthread_rwlock_timedrdlock(&shared, &wrong) == EINVAL);
        pthread_rwlock_unlock(&shared);
    }
    at = soon(CLOCK_MONOTONIC);
    if (got(pthread_rwlock_clockwrlock(&shared, CLOCK_MONOTONIC, &at)))
        pthread_rwlock_unlock(&shared);
    if (pthread_rwlock_trywrlock(&shared) == 0)
        pthread_rwlock_unlock(&shared);
    return arg;
}

static void *spins(void *arg)
{
    pthread_spin_lock(&spin);
    runs++;
    assert(pthread_spin_trylock(&spin) == EBUSY);
    pthread_spin_unlock(&spin);
    struct timespec at;
    timespec_get(&at, TIME_UTC);
    if (mtx_timedlock(&timed, &at) == thrd_success)
        mtx_unlock(&timed);
    if (mtx_trylock(&timed) == thrd_success) {
        assert(mtx_lock(&timed) == thrd_success); /* it is recursive */
        mtx_unlock(&timed);
        mtx_unlock(&timed);
    }
    return arg;
}

static void each_type(void)
{
    static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                                 PTHREAD_MUTEX_ERRORCHECK };
    static const int second[] = { EBUSY, 0, EBUSY };
    pthread_mutexattr_t attr;
    for (int i = 0; i < 3; i++) {
        assert(!pthread_mutexattr_init(&attr));
        assert(!pthread_mutexattr_settype(&attr, types[i]));
        assert(!pthread_mutex_init(&typed[i], &attr));
        assert(!pthread_mutex_lock(&typed[i]));
        assert(pthread_mutex_trylock(&typed[i]) == second[i]);
        assert(!pthread_mutex_unlock(&typed[i]));
        pthread_mutexattr_destroy(&attr);
    }
    assert(!pthread_mutex_unlock(&typed[1])); /* as often as locked */
    assert(pthread_mutex_unlock(&typed[1]) == EPERM);
    assert(pthread_mutex_unlock(&typed[2]) == EPERM);
    pthread_mutex_lock(&typed[2]);
    assert(pthread_mutex_lock(&typed[2]) == EDEADLK);
    pthread_mutex_unlock(&typed[2]);
    if (BUG == 3) {
        pthread_mutex_lock(&typed[0]);
        pthread_mutex_lock(&typed[0]); /* @twice */
    }
}

int main(void)
{
    each_type();
    assert(!pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE));
    assert(mtx_init(&timed, mtx_timed | mtx_recursive) == thrd_success);
    TOGETHER(mutexes, mutexes, spins);
    TOGETHER(readers, readers, writers);
    pthread_spin_destroy(&spin);
    mtx_destroy(&timed);
    assert(!pthread_rwlock_destroy(&shared) && !pthread_mutex_destroy(&typed[1]));
}
