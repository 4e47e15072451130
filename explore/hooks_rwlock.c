/* explore/hooks_rwlock.c - read-write locks: readers are ordered after writers, and
 * writers after both.  Whoever is let in is decided by the schedule, as in
 * hooks_lock.c.
 * Holds: owner >= 0 while somebody writes; readers counts those who read, reader_set
 * says who has read since nobody did.
 * Tests: tests/explore/rwlock.c, calls_lock.c. */
#include "engine.h"
#include "fail.h"
#include "locks.h"
#include "objects.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>

/* Wait until nobody holds it alone and, to hold it alone, nobody reads: 0 or why not.
 */
static int rwlock_wait(struct object *o, bool alone, uint64_t until, bool try)
{
    if (until == TIME_WRONG)
        return EINVAL;
    if (o->owner == ex.me->id)
        return try ? EBUSY : EDEADLK;
    while (o->owner >= 0 || (alone && o->readers)) {
        if (try) {
            trace_flag(STEP_FAILED);
            return EBUSY;
        }
        if ((until && until <= ex.time) ||
            block(o, alone ? OP_WRLOCK : OP_RDLOCK, until)) {
            trace_flag(STEP_TIMEOUT);
            return ETIMEDOUT;
        }
    }
    return 0;
}

static int read_take(pthread_rwlock_t *l, uint64_t until, bool try, const void *pc)
{
    point(try ? OP_TRYLOCK : OP_RDLOCK, l, pc);
    struct object *o = object_of(l, OBJECT_RWLOCK);
    int r = rwlock_wait(o, false, until, try);
    if (r)
        return r;
    o->readers++;
    o->reader_set |= 1ull << ex.me->id;
    o->pc = pc;
    acquire_clock(&o->clock);
    return 0;
}

static int write_take(pthread_rwlock_t *l, uint64_t until, bool try, const void *pc)
{
    point(try ? OP_TRYLOCK : OP_WRLOCK, l, pc);
    struct object *o = object_of(l, OBJECT_RWLOCK);
    int r = rwlock_wait(o, true, until, try);
    if (r)
        return r;
    lock_taken(o, pc);
    acquire_clock(&object_of(l, OBJECT_READERS)->clock);
    return 0;
}

exported int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *attr)
{
    if (ex.on)
        object_made(l, sizeof *l);
    return REAL(pthread_rwlock_init)(l, attr);
}

exported int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
    if (ex.on)
        lock_destroy(l, OBJECT_RWLOCK, CALLER);
    return ex.on ? 0 : REAL(pthread_rwlock_destroy)(l);
}

exported int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
    return ex.on ? read_take(l, 0, false, CALLER) : REAL(pthread_rwlock_rdlock)(l);
}

exported int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
    return ex.on ? read_take(l, 0, true, CALLER) : REAL(pthread_rwlock_tryrdlock)(l);
}

exported int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *at)
{
    return ex.on ? read_take(l, time_until(CLOCK_REALTIME, at), false, CALLER)
                 : REAL(pthread_rwlock_timedrdlock)(l, at);
}

exported int pthread_rwlock_clockrdlock(pthread_rwlock_t *l, clockid_t clock,
                                        const struct timespec *at)
{
    return ex.on ? read_take(l, time_until(clock, at), false, CALLER)
                 : REAL(pthread_rwlock_clockrdlock)(l, clock, at);
}

exported int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
    return ex.on ? write_take(l, 0, false, CALLER) : REAL(pthread_rwlock_wrlock)(l);
}

exported int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
    return ex.on ? write_take(l, 0, true, CALLER) : REAL(pthread_rwlock_trywrlock)(l);
}

exported int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *at)
{
    return ex.on ? write_take(l, time_until(CLOCK_REALTIME, at), false, CALLER)
                 : REAL(pthread_rwlock_timedwrlock)(l, at);
}

exported int pthread_rwlock_clockwrlock(pthread_rwlock_t *l, clockid_t clock,
                                        const struct timespec *at)
{
    return ex.on ? write_take(l, time_until(clock, at), false, CALLER)
                 : REAL(pthread_rwlock_clockwrlock)(l, clock, at);
}

exported int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
    if (!ex.on)
        return REAL(pthread_rwlock_unlock)(l);
    point(OP_UNLOCK, l, CALLER);
    struct object *o = object_of(l, OBJECT_RWLOCK);
    struct thread *me = ex.me;
    if (o->owner == me->id) {
        lock_given(o);
        return 0;
    }
    if (!(o->reader_set >> me->id & 1))
        fail(FAIL_MISUSE, CALLER,
             "thread %d unlocks a read-write lock that it does not "
             "hold",
             me->id);
    if (--o->readers == 0)
        o->reader_set = 0;
    release_clock(&object_of(l, OBJECT_READERS)->clock);
    if (!o->readers)
        wake_all(o);
    return 0;
}
