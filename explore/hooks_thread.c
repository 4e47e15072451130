/* explore/hooks_thread.c - threads: create, join, detach, exit, cancel, in POSIX's
 * words; hooks_c11.c says the same in C11's, hooks_keys.c has keys and once.
 * Tests: tests/cells/cancel.c, tests/explore/calls_thread.c, joined.c. */
#include "clock.h"
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "gaps.h"
#include "keys.h"
#include "life.h"
#include "locks.h"
#include "objects.h"
#include "races.h"
#include "real.h"
#include "run.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* libc's, behind pthread_cleanup_push; not in its headers. */
exported void __pthread_register_cancel(__pthread_unwind_buf_t *);
exported void __pthread_unregister_cancel(__pthread_unwind_buf_t *);
exported void __pthread_unwind_next(__pthread_unwind_buf_t *) __attribute__((noreturn));

/* --- the life of a thread --- */

static void finish(void *value) __attribute__((noreturn));
static void finish(void *value)
{
    struct thread *me = ex.me;
    if (me->cleanups >
        0) { /* to the innermost pthread_cleanup_push, which comes back */
        me->value = value;
        me->cancel_off = true;
        longjmp(*(jmp_buf *)me->cleanup[--me->cleanups], 1);
    }
    keys_end(me);
    point(OP_EXIT, NULL, me->pc);
    me->value = value;
    thread_over(me);
}

void thread_finish(void *value)
{
    finish(value);
}

struct thread *thread_start(void *(*run)(void *), int (*run11)(void *), void *argument,
                            const void *pc)
{
    point(OP_CREATE, NULL, pc);
    if (ex.threads >= ex.lanes * LANE && ex.lanes < LANES) {
        ex.lanes++; /* run.c begins this schedule again */
        ex.over = true;
        thread_leave();
    }
    struct thread *t = thread_new();
    if (!t) {
        gap("more than 64 threads at once: pthread_create() failed with EAGAIN");
        return NULL;
    }
    keys_begin(t);
    t->mask = ex.me->mask;
    t->main = run;
    t->main11 = run11;
    t->argument = argument;
    clock_set(&ex.me->now, ex.me->id, ++ex.me->at);
    trace_value((uint64_t)t->id);
    return t;
}

void thread_begin(struct thread *t)
{
    ex.on = true;
    if (rare(ex.stepping) && t->id)
        step_main();
    if (t->main11)
        finish((void *)(intptr_t)t->main11(t->argument));
    finish(t->main(t->argument));
}

int thread_join(struct thread *t, void **value, uint64_t until, const void *pc)
{
    point(OP_JOIN, NULL, pc);
    if (!t || t->joined || t->detached || t->state == THREAD_FREE)
        fail(FAIL_MISUSE, pc, "thread %d joins a thread that is %s", ex.me->id,
             !t ? "not known" : t->detached ? "detached" : "joined already");
    if (t == ex.me)
        return EDEADLK;
    trace_value((uint64_t)t->id);
    while (t->state != THREAD_ENDED) {
        cancel_point();
        if (until == TIME_WRONG)
            return EINVAL;
        if ((until && until <= ex.time) || block(t, OP_JOIN, until)) {
            trace_flag(STEP_TIMEOUT);
            return ETIMEDOUT;
        }
    }
    acquire_clock(&t->now);
    t->joined = true;
    if (value)
        *value = t->value;
    return 0;
}

bool cancel_due(void)
{
    return rare(ex.me->cancel_asked) && !ex.me->cancel_off;
}

void cancel_point(void)
{
    if (cancel_due())
        finish(PTHREAD_CANCELED);
}

exported int pthread_create(pthread_t *p, const pthread_attr_t *attr,
                            void *(*run)(void *), void *argument)
{
    if (!ex.on)
        return REAL(pthread_create)(p, attr, run, argument);
    race_access(p, sizeof *p, true, CALLER); /* before the thread can look at it */
    struct thread *t = thread_start(run, NULL, argument, CALLER);
    int state = 0;
    size_t size = 0;
    if (!t)
        return EAGAIN;
    if (attr && !pthread_attr_getdetachstate(attr, &state))
        t->detached = state == PTHREAD_CREATE_DETACHED;
    if (attr && !pthread_attr_getstacksize(attr, &size) && size > 8u << 20)
        gap("stacks of more than 8 MiB: each thread has one of 8 MiB");
    *p = (pthread_t)t->tp;
    return 0;
}

exported int pthread_join(pthread_t p, void **value)
{
    if (!ex.on)
        return REAL(pthread_join)(p, value);
    return thread_join(thread_of((void *)p), value, 0, CALLER);
}

exported int pthread_tryjoin_np(pthread_t p, void **value)
{
    if (!ex.on)
        return REAL(pthread_tryjoin_np)(p, value);
    struct thread *t = thread_of((void *)p);
    if (t && t->state != THREAD_ENDED) {
        point(OP_TRYLOCK, NULL, CALLER);
        if (t->state != THREAD_ENDED)
            return EBUSY;
    }
    return thread_join(t, value, 0, CALLER);
}

exported int pthread_timedjoin_np(pthread_t p, void **value, const struct timespec *at)
{
    if (!ex.on)
        return REAL(pthread_timedjoin_np)(p, value, at);
    return thread_join(thread_of((void *)p), value,
                       at ? time_until(CLOCK_REALTIME, at) : 0, CALLER);
}

exported int pthread_clockjoin_np(pthread_t p, void **value, clockid_t clock,
                                  const struct timespec *at)
{
    if (!ex.on)
        return REAL(pthread_clockjoin_np)(p, value, clock, at);
    return thread_join(thread_of((void *)p), value, at ? time_until(clock, at) : 0,
                       CALLER);
}

int thread_detach(struct thread *t, const void *pc)
{
    point(OP_DETACH, NULL, pc);
    if (!t || t->detached || t->joined)
        return EINVAL;
    t->detached = true;
    return 0;
}

exported int pthread_detach(pthread_t p)
{
    return ex.on ? thread_detach(thread_of((void *)p), CALLER) : REAL(pthread_detach)(p);
}

exported pthread_t pthread_self(void)
{
    if (!ex.on)
        return REAL(pthread_self)();
    return (pthread_t)ex.me->tp;
}

exported void pthread_exit(void *value)
{
    if (!ex.on)
        REAL(pthread_exit)(value);
    else
        finish(value);
    abort();
}

exported int pthread_setname_np(pthread_t p, const char *name)
{
    if (!ex.on)
        return REAL(pthread_setname_np)(p, name);
    struct thread *t = thread_of((void *)p);
    size_t n = strlen(name);
    if (n >= sizeof t->name)
        return ERANGE;
    if (t)
        memcpy(t->name, name, n + 1);
    return t ? 0 : ESRCH;
}

exported int pthread_getname_np(pthread_t p, char *name, size_t room)
{
    if (!ex.on)
        return REAL(pthread_getname_np)(p, name, room);
    struct thread *t = thread_of((void *)p);
    const char *own = t && t->name[0] ? t->name : program_invocation_short_name;
    size_t n = strnlen(own, sizeof t->name - 1);
    if (n >= room)
        return ERANGE;
    memcpy(name, own, n);
    name[n] = 0;
    return t ? 0 : ESRCH;
}

exported int pthread_getattr_np(pthread_t p, pthread_attr_t *attr)
{
    if (!ex.on)
        return REAL(pthread_getattr_np)(p, attr);
    struct thread *t = thread_of((void *)p);
    pthread_attr_init(attr);
    return t ? pthread_attr_setstack(attr, t->low, (size_t)(t->high - t->low)) : ESRCH;
}

/* --- cancelling --- */

exported int pthread_cancel(pthread_t p)
{
    if (!ex.on)
        return REAL(pthread_cancel)(p);
    struct thread *t = thread_of((void *)p);
    point(OP_CANCEL, NULL, CALLER);
    if (!t || t->state == THREAD_FREE)
        return ESRCH;
    trace_value((uint64_t)t->id);
    t->cancel_asked = true;
    bool cancellable = t->op == OP_COND_WAIT || t->op == OP_SEM_WAIT ||
                       t->op == OP_SLEEP || t->op == OP_JOIN || t->op == OP_BLOCKING;
    if (t->state == THREAD_BLOCKED && cancellable && !t->cancel_off) {
        t->cancel_woke = true;
        thread_ready(t);
    }
    return 0;
}

exported void pthread_testcancel(void)
{
    if (!ex.on) {
        REAL(pthread_testcancel)();
        return;
    }
    point(OP_YIELD, NULL, CALLER);
    cancel_point();
}

exported int pthread_setcancelstate(int state, int *old)
{
    if (!ex.on)
        return REAL(pthread_setcancelstate)(state, old);
    if (state != PTHREAD_CANCEL_DISABLE && state != PTHREAD_CANCEL_ENABLE)
        return EINVAL;
    if (old)
        *old = ex.me->cancel_off ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
    ex.me->cancel_off = state == PTHREAD_CANCEL_DISABLE;
    return 0;
}

exported int pthread_setcanceltype(int type, int *old)
{
    if (!ex.on)
        return REAL(pthread_setcanceltype)(type, old);
    if (type != PTHREAD_CANCEL_ASYNCHRONOUS && type != PTHREAD_CANCEL_DEFERRED)
        return EINVAL;
    if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
        gap("asynchronous cancellation: taken at the next call that can be cancelled");
    if (old)
        *old = ex.me->cancel_at_once ? PTHREAD_CANCEL_ASYNCHRONOUS
                                     : PTHREAD_CANCEL_DEFERRED;
    ex.me->cancel_at_once = type == PTHREAD_CANCEL_ASYNCHRONOUS;
    return 0;
}

void __pthread_register_cancel(__pthread_unwind_buf_t *b)
{
    struct thread *me = ex.me;
    if (!ex.on)
        REAL(__pthread_register_cancel)(b);
    else if (me->cleanups < CLEANUPS)
        me->cleanup[me->cleanups++] = b;
    else
        fail(FAIL_UNMODELLED, CALLER, "more than %d cleanup handlers at once",
             CLEANUPS);
}

void __pthread_unregister_cancel(__pthread_unwind_buf_t *b)
{
    if (!ex.on)
        REAL(__pthread_unregister_cancel)(b);
    else if (ex.me->cleanups > 0)
        ex.me->cleanups--;
}

void __pthread_unwind_next(__pthread_unwind_buf_t *b)
{
    if (!ex.on)
        REAL(__pthread_unwind_next)(b);
    finish(ex.me->value);
}
