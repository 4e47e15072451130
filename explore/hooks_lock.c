/* explore/hooks_lock.c - mutexes of every type and spin locks; hooks_rwlock.c has those
 * of readers and writers.  Whoever is let in is decided by the schedule: a release
 * wakes all who wait, as a lock that can be overtaken does.
 * Holds: owner >= 0 while somebody holds it.
 * Tests: tests/cells/robust.c, gone.c; tests/explore/calls_lock.c, leak.c. */
#include "engine.h"
#include "fail.h"
#include "locks.h"
#include "objects.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

static int held; /* mutexes and such, in all, in this schedule */

void locks_reset(void)
{
    held = 0;
}

void lock_taken(struct object *o, const void *pc)
{
    struct thread *me = ex.me;
    o->owner = me->id;
    o->count = 1;
    o->pc = pc;
    held++;
    acquire_clock(&o->clock);
    behave((uint64_t)me->id << 56 ^ (uint64_t)me->points << 28 ^ o->last);
    me->same = 0;
}

void lock_given(struct object *o)
{
    struct thread *me = ex.me;
    assert(held > 0 && o->owner == me->id);
    o->owner = -1;
    o->count = 0;
    o->last = (uint64_t)me->id << 32 | me->points;
    held--;
    release_clock(&o->clock);
    wake_all(o);
}

static int kind_of(const pthread_mutex_t *m)
{
    return m->__data.__kind & 3; /* normal, recursive, errorcheck, adaptive */
}

/* A mutex whose holder has ended. */
static bool orphan(const struct object *o)
{
    return o->owner >= 0 && ex.thread[o->owner].state == THREAD_ENDED;
}

static int again(struct object *o, const pthread_mutex_t *m, bool try, const void *pc)
{
    if (kind_of(m) == PTHREAD_MUTEX_RECURSIVE) {
        o->count++;
        return 0;
    }
    if (try)
        return EBUSY;
    if (kind_of(m) == PTHREAD_MUTEX_ERRORCHECK)
        return EDEADLK;
    fail_place(ex.me->id, OP_LOCK, o->pc);
    fail(FAIL_DEADLOCK, pc, "thread %d locks a mutex that it holds", ex.me->id);
}

static int inherit(struct object *o, const void *pc)
{
    if (!o->robust) /* nobody will ever unlock it */
        return -1;
    acquire_clock(&ex.thread[o->owner].now);
    held--;
    lock_taken(o, pc);
    o->dead = true;
    return EOWNERDEAD;
}

/* Take what nobody holds: 0 or why not. */
static int take(struct object *o, const pthread_mutex_t *m, const void *pc)
{
    if (o->lost)
        return ENOTRECOVERABLE;
    lock_taken(o, pc);
    o->robust = m->__data.__kind & 16;
    return 0;
}

/* Unlocked without being made consistent, a robust one is of no use any more. */
static void give(struct object *o)
{
    o->lost = o->dead;
    lock_given(o);
}

static int lock_loop(pthread_mutex_t *m, struct object *o, uint64_t until,
                     const void *pc)
{
    if (o->owner == ex.me->id)
        return again(o, m, false, pc);
    while (o->owner >= 0) {
        int r = orphan(o) ? inherit(o, pc) : -1;
        if (r >= 0)
            return r;
        if (until == TIME_WRONG)
            return EINVAL;
        if (until && until <= ex.time)
            return ETIMEDOUT;
        if (block(o, OP_LOCK, until))
            return ETIMEDOUT;
    }
    return take(o, m, pc);
}

int mutex_lock(pthread_mutex_t *m, uint64_t until, const void *pc)
{
    point(OP_LOCK, m, pc);
    return lock_loop(m, object_of(m, OBJECT_MUTEX), until, pc);
}

int mutex_try(pthread_mutex_t *m, const void *pc)
{
    point(OP_TRYLOCK, m, pc);
    struct object *o = object_of(m, OBJECT_MUTEX);
    if (o->owner == ex.me->id)
        return again(o, m, true, pc);
    if (o->owner >= 0) {
        int r = orphan(o) ? inherit(o, pc) : -1;
        if (r >= 0)
            return r;
        trace_flag(STEP_FAILED);
        return EBUSY;
    }
    return take(o, m, pc);
}

int mutex_unlock(pthread_mutex_t *m, const void *pc)
{
    point(OP_UNLOCK, m, pc);
    struct object *o = object_of(m, OBJECT_MUTEX);
    if (o->owner != ex.me->id) {
        int kind = kind_of(m);
        if (kind == PTHREAD_MUTEX_RECURSIVE || kind == PTHREAD_MUTEX_ERRORCHECK ||
            (m->__data.__kind & 16))
            return EPERM;
        if (o->owner < 0)
            fail(FAIL_MISUSE, pc, "thread %d unlocks a mutex that nobody holds",
                 ex.me->id);
        fail_place(o->owner, OP_LOCK, o->pc);
        fail(FAIL_MISUSE, pc, "thread %d unlocks a mutex that thread %d holds",
             ex.me->id, o->owner);
    }
    if (--o->count > 0)
        return 0;
    give(o);
    return 0;
}

int mutex_leave(pthread_mutex_t *m, const void *pc)
{
    struct object *o = object_of(m, OBJECT_MUTEX);
    if (o->owner != ex.me->id)
        fail(FAIL_MISUSE, pc,
             "thread %d waits on a condition with a mutex that it does "
             "not hold",
             ex.me->id);
    int depth = o->count;
    give(o);
    return depth;
}

int mutex_return(pthread_mutex_t *m, int depth)
{
    struct object *o = object_of(m, OBJECT_MUTEX);
    int r = lock_loop(m, o, 0, ex.me->pc);
    if (r != ENOTRECOVERABLE)
        o->count = depth;
    return r;
}

void lock_destroy(void *address, enum object_kind kind, const void *pc)
{
    point(OP_DESTROY, address, pc);
    object_live(address);
    struct object *o = object_find(address, kind);
    if (o && (o->owner >= 0 || o->readers || waiters(o)))
        fail(FAIL_MISUSE, pc, "thread %d destroys a lock that is in use", ex.me->id);
    object_gone(address, pc);
}

exported int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
    if (ex.on)
        object_made(m, sizeof *m);
    return REAL(pthread_mutex_init)(m, attr);
}

exported int pthread_mutex_destroy(pthread_mutex_t *m)
{
    if (ex.on)
        lock_destroy(m, OBJECT_MUTEX, CALLER);
    return ex.on ? 0 : REAL(pthread_mutex_destroy)(m);
}

exported int pthread_mutex_lock(pthread_mutex_t *m)
{
    return ex.on ? mutex_lock(m, 0, CALLER) : REAL(pthread_mutex_lock)(m);
}

exported int pthread_mutex_trylock(pthread_mutex_t *m)
{
    return ex.on ? mutex_try(m, CALLER) : REAL(pthread_mutex_trylock)(m);
}

exported int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at)
{
    return ex.on ? mutex_lock(m, time_until(CLOCK_REALTIME, at), CALLER)
                 : REAL(pthread_mutex_timedlock)(m, at);
}

exported int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock,
                                     const struct timespec *at)
{
    return ex.on ? mutex_lock(m, time_until(clock, at), CALLER)
                 : REAL(pthread_mutex_clocklock)(m, clock, at);
}

exported int pthread_mutex_unlock(pthread_mutex_t *m)
{
    return ex.on ? mutex_unlock(m, CALLER) : REAL(pthread_mutex_unlock)(m);
}

exported int pthread_mutex_consistent(pthread_mutex_t *m)
{
    if (!ex.on)
        return REAL(pthread_mutex_consistent)(m);
    struct object *o = object_of(m, OBJECT_MUTEX);
    if (!o->dead || o->owner != ex.me->id)
        return EINVAL;
    o->dead = false;
    return 0;
}

/* --- spin locks: as mutexes, but who spins is not asleep for the deadlock's words ---
 */

exported int pthread_spin_init(pthread_spinlock_t *s, int among)
{
    if (ex.on)
        object_made((void *)s, sizeof *s);
    return REAL(pthread_spin_init)(s, among);
}

exported int pthread_spin_destroy(pthread_spinlock_t *s)
{
    if (ex.on)
        lock_destroy((void *)s, OBJECT_MUTEX, CALLER);
    return 0;
}

static int spin_take(pthread_spinlock_t *s, bool try, const void *pc)
{
    point(try ? OP_TRYLOCK : OP_SPIN, (void *)s, pc);
    struct object *o = object_of((void *)s, OBJECT_MUTEX);
    if (o->owner == ex.me->id && !try)
        fail(FAIL_DEADLOCK, pc, "thread %d spins for a lock that it holds", ex.me->id);
    if (try && o->owner >= 0)
        return EBUSY;
    while (o->owner >= 0)
        block(o, OP_SPIN, 0);
    lock_taken(o, pc);
    return 0;
}

exported int pthread_spin_lock(pthread_spinlock_t *s)
{
    return ex.on ? spin_take(s, false, CALLER) : REAL(pthread_spin_lock)(s);
}

exported int pthread_spin_trylock(pthread_spinlock_t *s)
{
    return ex.on ? spin_take(s, true, CALLER) : REAL(pthread_spin_trylock)(s);
}

exported int pthread_spin_unlock(pthread_spinlock_t *s)
{
    if (!ex.on)
        return REAL(pthread_spin_unlock)(s);
    point(OP_UNLOCK, (void *)s, CALLER);
    struct object *o = object_of((void *)s, OBJECT_MUTEX);
    if (o->owner != ex.me->id)
        fail(FAIL_MISUSE, CALLER, "thread %d unlocks a spin lock that it does not hold",
             ex.me->id);
    lock_given(o);
    return 0;
}

/* --- locks that nobody will give back --- */

struct leak { bool main_returns; };

static void look(struct object *o, void *arg)
{
    const struct leak *leak = arg;
    if ((o->kind != OBJECT_MUTEX && o->kind != OBJECT_RWLOCK) || o->owner < 0)
        return;
    bool ended = ex.thread[o->owner].state == THREAD_ENDED;
    if (ended && o->robust) /* whoever comes next gets it with EOWNERDEAD */
        return;
    if (!ended && !(leak->main_returns && o->owner == 0))
        return;
    fail_place(o->owner, OP_LOCK, o->pc);
    ex.result->address = (uintptr_t)o->address;
    fail(FAIL_LOCK_LEAK, NULL, "thread %d %s and still holds a lock", o->owner,
         ended ? "has ended" : "returns from main");
}

void lock_leaks(bool main_returns)
{
    struct leak leak = { main_returns };
    if (!held)
        return;
    objects_each(look, &leak);
}

/* Robust mutexes pass to who waits for them. */
static void orphaned(struct object *o, void *arg)
{
    const struct thread *t = arg;
    if (o->kind == OBJECT_MUTEX && o->owner == t->id && o->robust)
        wake_all(o);
}

void locks_orphan(struct thread *t)
{
    if (held)
        objects_each(orphaned, t);
}
