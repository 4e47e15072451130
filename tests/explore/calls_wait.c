/* calls_wait.c - each call on conditions, barriers, semaphores with and without names,
 * and what is done once, with its answers, in POSIX's and in C11's words.
 *
 * bug 1  assert: a wait that timed out is taken for a signal
 * bug 2  misuse: a named semaphore is waited for after it was closed  @closed
 * bug 3  lost-wakeup|deadlock: the semaphore is opened anew each time  @open
 * bug 4  misuse: a barrier is destroyed while somebody waits at it  @gone */
#include "bug.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <threads.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more;
static mtx_t lock11;
static cnd_t more11;
static int items, items11, times;
static pthread_barrier_t barrier;
static sem_t early, counted;
static once_flag once = ONCE_FLAG_INIT;
static tss_t own;

__attribute__((constructor)) static void before_main(void)
{
    sem_init(&early, 0, 2);
    pthread_barrier_init(&barrier, NULL, 2);
}

static struct timespec soon(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    at.tv_nsec = 0;
    at.tv_sec++;
    return at;
}

static void *consumer(void *arg)
{
    struct timespec at = soon(CLOCK_MONOTONIC), wrong = { 1, 1000000000 };
    pthread_mutex_lock(&lock);
    assert(pthread_cond_timedwait(&more, &lock, &wrong) == EINVAL);
    int answer = 0;
    while (!items && !answer)
        answer = pthread_cond_timedwait(&more, &lock, &at);
    assert(answer == 0 || answer == ETIMEDOUT);
    if (BUG == 1)
        assert(items == 1);
    while (!items) {
        at = soon(CLOCK_REALTIME);
        pthread_cond_clockwait(&more, &lock, CLOCK_REALTIME, &at);
    }
    pthread_mutex_unlock(&lock);
    mtx_lock(&lock11);
    while (!items11) {
        at = soon(CLOCK_REALTIME);
        cnd_timedwait(&more11, &lock11, &at);
    }
    mtx_unlock(&lock11);
    return arg;
}

static void *producer(void *arg)
{
    pthread_mutex_lock(&lock);
    items = 1;
    pthread_cond_broadcast(&more);
    pthread_mutex_unlock(&lock);
    mtx_lock(&lock11);
    items11 = 1;
    cnd_signal(&more11);
    mtx_unlock(&lock11);
    return arg;
}

static void run_once(void)
{
    times++;
}

static void *meets(void *arg)
{
    int answer = pthread_barrier_wait(&barrier);
    assert(answer == 0 || answer == PTHREAD_BARRIER_SERIAL_THREAD);
    call_once(&once, run_once);
    assert(tss_get(own) == NULL && tss_set(own, &own) == thrd_success);
    assert(sem_wait(&early) == 0);
    if (BUG == 4 && answer) {
        pthread_barrier_destroy(&barrier);
        return arg;
    }
    return arg;
}

static void *leaver(void *arg)
{
    if (BUG == 4)
        pthread_barrier_destroy(&barrier); /* @gone */
    return arg;
}

static void *posts(void *arg)
{
    sem_t *s = sem_open("/tutti-calls", O_CREAT, 0600, 0);
    if (BUG == 3)
        sem_unlink("/tutti-calls");
    assert(s != SEM_FAILED && sem_post(s) == 0);
    assert(sem_close(s) == 0);
    return arg;
}

static void *takes(void *arg)
{
    sem_t *s = sem_open("tutti-calls", O_CREAT, 0600, 0);
    assert(s != SEM_FAILED && sem_wait(s) == 0); /* @open */
    assert(sem_close(s) == 0);
    if (BUG == 2)
        sem_wait(s); /* @closed */
    return arg;
}

static void semaphores(void)
{
    struct timespec past = { 1, 0 }, wrong = { 1, -1 };
    int value;
    assert(sem_trywait(&early) == -1 && errno == EAGAIN);
    assert(sem_init(&counted, 0, (unsigned)SEM_VALUE_MAX + 1) == -1 && errno == EINVAL);
    assert(!sem_init(&counted, 0, SEM_VALUE_MAX));
    assert(sem_post(&counted) == -1 && errno == EOVERFLOW);
    assert(!sem_wait(&counted) && !sem_getvalue(&counted, &value));
    assert(value == SEM_VALUE_MAX - 1 && !sem_destroy(&counted));
    assert(!sem_init(&counted, 0, 0));
    assert(sem_timedwait(&counted, &past) == -1 && errno == ETIMEDOUT);
    assert(sem_timedwait(&counted, &wrong) == -1 && errno == EINVAL);
    assert(sem_clockwait(&counted, CLOCK_MONOTONIC, &past) == -1 && errno == ETIMEDOUT);
}

static void by_name(void)
{
    assert(sem_open("/none", 0) == SEM_FAILED && errno == ENOENT);
    assert(sem_open("/a/b", O_CREAT, 0600, 1) == SEM_FAILED && errno == EINVAL);
    sem_t *a = sem_open("/one", O_CREAT | O_EXCL, 0600, 1);
    assert(a != SEM_FAILED && sem_open("/one", 0) == a);
    assert(sem_open("/one", O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED &&
           errno == EEXIST);
    assert(!sem_unlink("/one") && sem_unlink("/one") == -1 && errno == ENOENT);
    assert(!sem_wait(a) && !sem_close(a) && !sem_close(a));
    assert(sem_close(a) == -1 && errno == EINVAL);
}

int main(void)
{
    pthread_condattr_t attr;
    assert(!pthread_condattr_init(&attr));
    assert(!pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    assert(!pthread_cond_init(&more, &attr) && !pthread_condattr_destroy(&attr));
    assert(mtx_init(&lock11, mtx_plain) == thrd_success);
    assert(cnd_init(&more11) == thrd_success && tss_create(&own, NULL) == thrd_success);
    assert(pthread_barrier_init(&(pthread_barrier_t){ 0 }, NULL, 0) == EINVAL);
    TOGETHER(consumer, producer);
    TOGETHER(meets, meets, leaver);
    assert(times == 1);
    semaphores();
    by_name();
    TOGETHER(posts, takes);
    cnd_destroy(&more11);
    tss_delete(own);
}
