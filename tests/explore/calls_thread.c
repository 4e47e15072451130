/* calls_thread.c - each call that makes, names, awaits, cancels and ends threads, with
 * its answers, and values of a thread's own.
 *
 * bug 1  misuse: a thread that a timed join has joined is joined again  @again
 * bug 2  assert: the destructor of a key is left out
 * bug 3  assert: a cancelled thread leaves what its cleanup handler should have undone
 * bug 4  unmodelled: a signal is sent to a thread  @kill */
#include "bug.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <threads.h>
#include <time.h>

static pthread_key_t early, late;
static int dropped, undone;
static atomic_int go, ready;

__attribute__((constructor)) static void before_main(void)
{
    pthread_key_create(&early, NULL);
    pthread_setspecific(early, &early);
}

static void drop(void *value)
{
    dropped += *(int *)value;
}

static void undo(void *arg)
{
    if (BUG != 3)
        ++*(int *)arg;
}

static void *waiter(void *arg)
{
    static int one = 1;
    while (!atomic_load(&go))
        sched_yield();
    assert(pthread_getspecific(early) == NULL);
    assert(pthread_setspecific(late, &one) == 0);
    return arg;
}

static void *ends(void *arg)
{
    return arg;
}

static void *sleeper(void *arg)
{
    int old;
    assert(!pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old));
    assert(old == PTHREAD_CANCEL_ENABLE);
    assert(!pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old));
    assert(old == PTHREAD_CANCEL_DEFERRED);
    assert(pthread_setcanceltype(99, NULL) == EINVAL);
    pthread_cleanup_push(undo, arg);
    atomic_store(&ready, 1);
    for (;;)
        sleep(1000);
    pthread_cleanup_pop(0);
    return arg;
}

static void joins(pthread_t t)
{
    struct timespec past = { 1, 0 }, later, wrong = { 1, 1000000000 };
    void *value;
    assert(pthread_tryjoin_np(t, NULL) == EBUSY);
    assert(pthread_timedjoin_np(t, NULL, &past) == ETIMEDOUT);
    assert(pthread_timedjoin_np(t, NULL, &wrong) == EINVAL);
    assert(pthread_clockjoin_np(t, NULL, CLOCK_MONOTONIC, &past) == ETIMEDOUT);
    assert(pthread_join(pthread_self(), NULL) == EDEADLK);
    atomic_store(&go, 1);
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec += 60;
    while (pthread_timedjoin_np(t, &value, &later) == ETIMEDOUT)
        later.tv_sec += 60;
    assert(value == &go);
    if (BUG == 1)
        pthread_join(t, NULL); /* @again */
}

static void names(void)
{
    char name[16];
    struct sched_param param;
    int policy;
    assert(!pthread_setname_np(pthread_self(), "fifteen letters"));
    assert(pthread_setname_np(pthread_self(), "sixteen letters.") == ERANGE);
    assert(!pthread_getname_np(pthread_self(), name, sizeof name));
    assert(!strcmp(name, "fifteen letters"));
    assert(pthread_equal(pthread_self(), pthread_self()));
    assert(!pthread_getschedparam(pthread_self(), &policy, &param));
    assert(!pthread_setschedparam(pthread_self(), policy, &param));
    assert(pthread_kill(pthread_self(), 0) == 0);
    if (BUG == 4)
        pthread_kill(pthread_self(), SIGUSR1); /* @kill */
}

static void masks(void)
{
    sigset_t one, old;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    assert(!pthread_sigmask(SIG_BLOCK, &one, &old) && !sigismember(&old, SIGUSR1));
    assert(!pthread_sigmask(SIG_SETMASK, NULL, &old) && sigismember(&old, SIGUSR1));
    assert(sigprocmask(99, &one, NULL) == -1 && errno == EINVAL);
}

static void attributes(pthread_attr_t *attr)
{
    int state;
    size_t size;
    assert(!pthread_attr_init(attr));
    assert(!pthread_attr_setdetachstate(attr, PTHREAD_CREATE_DETACHED));
    assert(!pthread_attr_getdetachstate(attr, &state) &&
           state == PTHREAD_CREATE_DETACHED);
    assert(!pthread_attr_setstacksize(attr, 1 << 17));
    assert(!pthread_attr_getstacksize(attr, &size) && size == 1 << 17);
    assert(pthread_attr_setstacksize(attr, 1) == EINVAL);
}

static int eleven(void *arg)
{
    thrd_exit(*(int *)arg);
}

static void in_c11(void)
{
    static int value = 11; /* outlives whoever is detached */
    thrd_t t;
    int answer;
    assert(thrd_create(&t, eleven, &value) == thrd_success);
    assert(thrd_join(t, &answer) == thrd_success && answer == 11);
    assert(thrd_create(&t, eleven, &value) == thrd_success);
    assert(thrd_detach(t) == thrd_success &&
           thrd_equal(thrd_current(), thrd_current()));
    assert(thrd_sleep(&(struct timespec){ .tv_nsec = 5 }, NULL) == 0);
    assert(thrd_sleep(&(struct timespec){ .tv_nsec = -5 }, NULL) < -1);
    thrd_yield();
}

int main(void)
{
    pthread_t t;
    pthread_attr_t attr;
    void *value;
    assert(pthread_getspecific(early) == &early);
    assert(!pthread_key_create(&late, BUG == 2 ? NULL : drop));
    assert(!pthread_create(&t, NULL, waiter, &go));
    joins(t);
    assert(dropped == 1);
    assert(!pthread_key_delete(late) && pthread_setspecific(late, &t) == EINVAL);
    assert(!pthread_create(&t, NULL, sleeper, &undone));
    while (!atomic_load(&ready))
        sched_yield();
    assert(!pthread_cancel(t));
    assert(!pthread_join(t, &value) && value == PTHREAD_CANCELED);
    assert(undone == 1);
    attributes(&attr);
    assert(!pthread_create(&t, &attr, ends, NULL) && pthread_detach(t) == EINVAL);
    pthread_attr_destroy(&attr);
    names();
    masks();
    in_c11();
}
