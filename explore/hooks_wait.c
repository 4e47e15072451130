/* explore/hooks_wait.c - conditions and barriers; hooks_sem.c has semaphores.  A wait
 * may end without a signal where POSIX allows it, and a timed one by its time, at any
 * point.
 * Tests: tests/cells/wake_cancelled.c; tests/explore/calls_wait.c, barrier.c. */
#include "engine.h"
#include "fail.h"
#include "life.h"
#include "locks.h"
#include "objects.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>

/* --- conditions --- */

int cond_wait(void *cond, pthread_mutex_t *m, uint64_t until, const void *pc)
{
    if (until == TIME_WRONG)
        return EINVAL;
    point(OP_COND_WAIT, cond, pc);
    cancel_point();
    struct object *o = object_of(cond, OBJECT_COND);
    int depth = mutex_leave(m, pc), r = 0;
    bool signalled = false;
    if (spurious())
        trace_flag(STEP_SPURIOUS);
    else if (until && until <= ex.time)
        r = ETIMEDOUT;
    else {
        r = block(o, OP_COND_WAIT, until);
        signalled = !r && !ex.me->cancel_woke;
    }
    if (r)
        trace_flag(STEP_TIMEOUT);
    int taken = mutex_return(m, depth); /* of a robust one: not always 0 */
    if (signalled && cancel_due())
        wake_one(o); /* who is cancelled consumes no signal */
    cancel_point();
    return taken ? taken : r;
}

void cond_wake(void *cond, bool all, const void *pc)
{
    point(all ? OP_BROADCAST : OP_SIGNAL, cond, pc);
    struct object *o = object_of(cond, OBJECT_COND);
    if (all)
        wake_all(o);
    else
        wake_one(o);
}

/* Which clock a condition's deadlines are by: pthread_condattr_setclock left it there.
 */
static clockid_t clock_of(const pthread_cond_t *c)
{
    return c->__data.__wrefs & 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

exported int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
    if (ex.on)
        object_made(c, sizeof *c);
    return REAL(pthread_cond_init)(c, attr);
}

void cond_destroy(void *cond, const void *pc)
{
    point(OP_DESTROY, cond, pc);
    object_live(cond);
    struct object *o = object_find(cond, OBJECT_COND);
    if (o && waiters(o))
        fail(FAIL_MISUSE, pc, "thread %d destroys a condition that is waited on",
             ex.me->id);
    object_gone(cond, pc);
}

exported int pthread_cond_destroy(pthread_cond_t *c)
{
    if (!ex.on)
        return REAL(pthread_cond_destroy)(c);
    cond_destroy(c, CALLER);
    return 0;
}

exported int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    return ex.on ? cond_wait(c, m, 0, CALLER) : REAL(pthread_cond_wait)(c, m);
}

exported int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                                    const struct timespec *at)
{
    return ex.on ? cond_wait(c, m, time_until(clock_of(c), at), CALLER)
                 : REAL(pthread_cond_timedwait)(c, m, at);
}

exported int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m,
                                    clockid_t clock, const struct timespec *at)
{
    return ex.on ? cond_wait(c, m, time_until(clock, at), CALLER)
                 : REAL(pthread_cond_clockwait)(c, m, clock, at);
}

exported int pthread_cond_signal(pthread_cond_t *c)
{
    if (!ex.on)
        return REAL(pthread_cond_signal)(c);
    cond_wake(c, false, CALLER);
    return 0;
}

exported int pthread_cond_broadcast(pthread_cond_t *c)
{
    if (!ex.on)
        return REAL(pthread_cond_broadcast)(c);
    cond_wake(c, true, CALLER);
    return 0;
}

/* --- barriers --- */

/* A barrier's count lies behind two other numbers in libc's structure, where its own
 * initialisation has put it, perhaps before main. */
static struct object *barrier_of(pthread_barrier_t *b)
{
    struct object *o = object_of(b, OBJECT_BARRIER);
    if (!o->count)
        o->count = (int)((const unsigned *)b)[2];
    if (!o->count)
        fail(FAIL_MISUSE, ex.me->pc, "thread %d uses a barrier that is not initialised",
             ex.me->id);
    return o;
}

exported int pthread_barrier_init(pthread_barrier_t *b,
                                  const pthread_barrierattr_t *attr, unsigned count)
{
    if (ex.on)
        object_made(b, sizeof *b);
    return REAL(pthread_barrier_init)(b, attr, count);
}

exported int pthread_barrier_destroy(pthread_barrier_t *b)
{
    if (!ex.on)
        return REAL(pthread_barrier_destroy)(b);
    point(OP_DESTROY, b, CALLER);
    if (waiters(barrier_of(b)))
        fail(FAIL_MISUSE, CALLER, "thread %d destroys a barrier at which threads wait",
             ex.me->id);
    object_gone(b, CALLER);
    return 0;
}

exported int pthread_barrier_wait(pthread_barrier_t *b)
{
    if (!ex.on)
        return REAL(pthread_barrier_wait)(b);
    point(OP_BARRIER, b, CALLER);
    struct object *o = barrier_of(b);
    int generation = o->generation;
    release_clock(&o->clock);
    if (++o->value >= o->count) {
        o->value = 0;
        o->generation++;
        wake_all(o);
        acquire_clock(&o->clock);
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    while (o->generation == generation)
        block(o, OP_BARRIER, 0);
    acquire_clock(&o->clock);
    return 0;
}
