/* explore/hooks_thread.c - threads: create, join, detach, exit, cancel, keys, once, in
 * POSIX's words; hooks_c11.c says the same in C11's.
 * Tests: tests/cells/ (thread_*.c). */
#include "real.h"
#include "trace.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

/* libc's, behind pthread_cleanup_push; not in its headers. */
exported void __pthread_register_cancel(__pthread_unwind_buf_t *);
exported void __pthread_unregister_cancel(__pthread_unwind_buf_t *);
exported void __pthread_unwind_next(__pthread_unwind_buf_t *) __attribute__((noreturn));

static struct { bool used; void (*drop)(void *); } keys[KEYS];
static int keys_used;

void keys_reset(void)
{
    if (keys_used)
        memset(keys, 0, sizeof keys);
    keys_used = 0;
}

void keys_end(struct thread *t)
{
    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; round++)
        for (int i = 0; i < keys_used; i++) {
            void *value = t->specific[i];
            t->specific[i] = NULL;
            if (value && keys[i].used && keys[i].drop)
                keys[i].drop(value);
        }
}

/* --- the life of a thread --- */

static void finish(void *value) __attribute__((noreturn));
static void finish(void *value)
{
    struct thread *me = ex.me;
    if (me->cleanups > 0) { /* to the innermost pthread_cleanup_push, which comes back */
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
    if (keys_used)
        memset(t->specific, 0, sizeof t->specific);
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
        if (block(t, OP_JOIN, until))
            return ETIMEDOUT;
    }
    acquire_clock(&t->now);
    t->joined = true;
    if (value)
        *value = t->value;
    return 0;
}

void cancel_point(void)
{
    struct thread *me = ex.me;
    if (rare(me->cancel_asked) && !me->cancel_off)
        finish(PTHREAD_CANCELED);
}

exported int pthread_create(pthread_t *p, const pthread_attr_t *attr, void *(*run)(void *),
                            void *argument)
{
    if (!ex.on)
        return REAL(pthread_create)(p, attr, run, argument);
    race_access(p, sizeof *p, true, CALLER); /* before the thread can look at it */
    struct thread *t = thread_start(run, NULL, argument, CALLER);
    int state = 0;
    if (!t)
        return EAGAIN;
    if (attr && !pthread_attr_getdetachstate(attr, &state))
        t->detached = state == PTHREAD_CREATE_DETACHED;
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

exported int pthread_detach(pthread_t p)
{
    if (!ex.on)
        return REAL(pthread_detach)(p);
    struct thread *t = thread_of((void *)p);
    point(OP_DETACH, NULL, CALLER);
    if (!t || t->detached || t->joined)
        return EINVAL;
    t->detached = true;
    return 0;
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
    return ex.on ? 0 : REAL(pthread_setname_np)(p, name);
}

exported int pthread_getattr_np(pthread_t p, pthread_attr_t *attr)
{
    if (!ex.on)
        return REAL(pthread_getattr_np)(p, attr);
    struct thread *t = thread_of((void *)p);
    pthread_attr_init(attr);
    return t ? pthread_attr_setstack(attr, t->low, (size_t)(t->high - t->low)) : ESRCH;
}

exported int pthread_kill(pthread_t p, int number)
{
    if (!ex.on)
        return REAL(pthread_kill)(p, number);
    struct thread *t = thread_of((void *)p);
    if (number)
        fail(FAIL_UNMODELLED, CALLER, "pthread_kill() is not modelled: signals between "
             "threads cannot be explored");
    return t && t->state != THREAD_ENDED ? 0 : ESRCH;
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
    if (t->state == THREAD_BLOCKED && cancellable && !t->cancel_off)
        thread_ready(t);
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
    if (old)
        *old = ex.me->cancel_off ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
    ex.me->cancel_off = state == PTHREAD_CANCEL_DISABLE;
    return 0;
}

exported int pthread_setcanceltype(int type, int *old)
{
    if (!ex.on)
        return REAL(pthread_setcanceltype)(type, old);
    if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
        gap("asynchronous cancellation: taken at the next call that can be cancelled");
    if (old)
        *old = PTHREAD_CANCEL_DEFERRED;
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
        fail(FAIL_UNMODELLED, CALLER, "more than %d cleanup handlers at once", CLEANUPS);
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

/* --- keys and once --- */

exported int pthread_key_create(pthread_key_t *key, void (*drop)(void *))
{
    if (!ex.on)
        return REAL(pthread_key_create)(key, drop);
    if (keys_used == 0) /* what earlier schedules left */
        for (int i = 0; i < ex.threads; i++)
            memset(ex.thread[i].specific, 0, sizeof ex.thread[i].specific);
    if (keys_used == KEYS)
        return EAGAIN;
    keys[keys_used].used = true;
    keys[keys_used].drop = drop;
    *key = (pthread_key_t)keys_used++;
    return 0;
}

exported int pthread_key_delete(pthread_key_t key)
{
    if (!ex.on)
        return REAL(pthread_key_delete)(key);
    if (key >= KEYS || !keys[key].used)
        return EINVAL;
    keys[key].used = false;
    return 0;
}

exported void *pthread_getspecific(pthread_key_t key)
{
    if (!ex.on)
        return REAL(pthread_getspecific)(key);
    return key < KEYS && keys[key].used ? ex.me->specific[key] : NULL;
}

exported int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (!ex.on)
        return REAL(pthread_setspecific)(key, value);
    if (key >= KEYS || !keys[key].used)
        return EINVAL;
    ex.me->specific[key] = (void *)value;
    return 0;
}

int once_call(void *address, bool done, void (*run)(void), const void *pc)
{
    enum { FRESH, RUNNING, DONE };
    point(OP_ONCE, address, pc);
    struct object *o = object_of(address, OBJECT_ONCE);
    if (done)
        o->value = DONE;
    while (o->value == RUNNING)
        block(o, OP_ONCE, 0);
    if (o->value == FRESH) {
        o->value = RUNNING;
        o->owner = ex.me->id;
        run();
        o->value = DONE;
        release_clock(&o->clock);
        wake_all(o);
    }
    acquire_clock(&o->clock);
    return 0;
}

exported int pthread_once(pthread_once_t *once, void (*run)(void))
{
    if (!ex.on)
        return REAL(pthread_once)(once, run);
    return once_call(once, *once == 2, run, CALLER);
}
