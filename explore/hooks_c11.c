/* explore/hooks_c11.c - C11's threads, mutexes, conditions, keys and once, which are
 * POSIX's by other names and answers.
 * Tests: tests/explore/c11.c, calls_thread.c. */
#include "engine.h"
#include "fibers.h"
#include "keys.h"
#include "life.h"
#include "locks.h"
#include "objects.h"
#include "races.h"
#include "real.h"
#include "schedule.h"
#include <errno.h>
#include <sched.h>
#undef __USE_EXTERN_INLINES /* thrd_equal is defined here, not there */
#include <threads.h>

static int answer(int r)
{
    switch (r) {
    case 0: return thrd_success;
    case ETIMEDOUT: return thrd_timedout;
    case EBUSY: return thrd_busy;
    case ENOMEM: return thrd_nomem;
    default: return thrd_error;
    }
}

exported int thrd_create(thrd_t *p, thrd_start_t run, void *argument)
{
    if (!ex.on)
        return REAL(thrd_create)(p, run, argument);
    race_access(p, sizeof *p, true, CALLER); /* before the thread can look at it */
    struct thread *t = thread_start(NULL, run, argument, CALLER);
    if (!t)
        return thrd_nomem;
    *p = (thrd_t)t->tp;
    return thrd_success;
}

exported int thrd_join(thrd_t p, int *value)
{
    if (!ex.on)
        return REAL(thrd_join)(p, value);
    void *v = NULL;
    int r = thread_join(thread_of((void *)p), &v, 0, CALLER);
    if (value)
        *value = (int)(intptr_t)v;
    return answer(r);
}

exported int thrd_detach(thrd_t p)
{
    return ex.on ? answer(thread_detach(thread_of((void *)p), CALLER))
                 : REAL(thrd_detach)(p);
}

exported thrd_t thrd_current(void)
{
    return ex.on ? (thrd_t)ex.me->tp : REAL(thrd_current)();
}

exported int thrd_equal(thrd_t a, thrd_t b)
{
    return a == b;
}

exported void thrd_exit(int value)
{
    if (!ex.on)
        REAL(thrd_exit)(value);
    thread_finish((void *)(intptr_t)value);
}

exported void thrd_yield(void)
{
    if (!ex.on)
        REAL(thrd_yield)();
    else
        point(OP_YIELD, NULL, CALLER);
}

exported int thrd_sleep(const struct timespec *span, struct timespec *left)
{
    if (!ex.on)
        return REAL(thrd_sleep)(span, left);
    return sleep_until(time_after(span), CALLER) ? -2 : 0;
}

exported int mtx_init(mtx_t *m, int type)
{
    if (ex.on)
        object_made(m, sizeof *m);
    return REAL(mtx_init)(m, type);
}

exported void mtx_destroy(mtx_t *m)
{
    if (ex.on)
        lock_destroy(m, OBJECT_MUTEX, CALLER);
}

exported int mtx_lock(mtx_t *m)
{
    return ex.on ? answer(mutex_lock((pthread_mutex_t *)m, 0, CALLER))
                 : REAL(mtx_lock)(m);
}

exported int mtx_trylock(mtx_t *m)
{
    return ex.on ? answer(mutex_try((pthread_mutex_t *)m, CALLER))
                 : REAL(mtx_trylock)(m);
}

exported int mtx_timedlock(mtx_t *m, const struct timespec *at)
{
    return ex.on ? answer(mutex_lock((pthread_mutex_t *)m,
                                     time_until(CLOCK_REALTIME, at), CALLER))
                 : REAL(mtx_timedlock)(m, at);
}

exported int mtx_unlock(mtx_t *m)
{
    return ex.on ? answer(mutex_unlock((pthread_mutex_t *)m, CALLER))
                 : REAL(mtx_unlock)(m);
}

exported int cnd_init(cnd_t *c)
{
    if (ex.on)
        object_made(c, sizeof *c);
    return REAL(cnd_init)(c);
}

exported void cnd_destroy(cnd_t *c)
{
    if (ex.on)
        cond_destroy(c, CALLER);
}

exported int cnd_wait(cnd_t *c, mtx_t *m)
{
    return ex.on ? answer(cond_wait(c, (pthread_mutex_t *)m, 0, CALLER))
                 : REAL(cnd_wait)(c, m);
}

exported int cnd_timedwait(cnd_t *c, mtx_t *m, const struct timespec *at)
{
    return ex.on ? answer(cond_wait(c, (pthread_mutex_t *)m,
                                    time_until(CLOCK_REALTIME, at), CALLER))
                 : REAL(cnd_timedwait)(c, m, at);
}

exported int cnd_signal(cnd_t *c)
{
    if (!ex.on)
        return REAL(cnd_signal)(c);
    cond_wake(c, false, CALLER);
    return thrd_success;
}

exported int cnd_broadcast(cnd_t *c)
{
    if (!ex.on)
        return REAL(cnd_broadcast)(c);
    cond_wake(c, true, CALLER);
    return thrd_success;
}

exported void tss_delete(tss_t key)
{
    pthread_key_delete(key);
}

exported void *tss_get(tss_t key)
{
    return pthread_getspecific(key);
}

exported int tss_set(tss_t key, void *value)
{
    return answer(pthread_setspecific(key, value));
}

exported void call_once(once_flag *once, void (*run)(void))
{
    if (!ex.on)
        REAL(call_once)(once, run);
    else
        once_call(once, once->__data == 2, run, CALLER);
}
