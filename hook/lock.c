/* hook/lock.c - mutexes and conditions of pthreads, taken by tasks.
 *
 * A library may hold a mutex over a call that parks its task.  Another task on the same
 * thread that wants it would stop the thread, and so the holder, for ever; so it parks
 * instead, until who unlocks it wakes it.  A recursive mutex is worse: it knows threads
 * alone, and would let the second task in; so each thread remembers which of its tasks
 * holds which.
 *
 * Design: who finds a mutex taken enters the table below, tries again, and parks; who has
 * unlocked looks whether anybody is in the table.  One of the two sees the other (each has
 * a full barrier in between).  What this cannot see, unlocking in another process or by
 * libc itself, is found by looking again after NET.  Neither is cut off: a library has no
 * answer to a mutex that cannot be had.
 * What holds of a mutex's type is read from glibc's own fields, which are part of its ABI.
 * Tests: tests/hook_lock_test.c. */
#include "hook/hook.h"
#include <assert.h>
#include <string.h>
#include <tutti/sync.h>

enum { BUCKETS = 64, HELD_MOST = 64 };
#define NET (20 * TUTTI_MS)

/* --- who waits for what ---------------------------------------------------------- */

/* One wait.  Holds: in its bucket's list while linked; woken is set by who took it out. */
struct waiter {
    struct waiter *next, **link; /* link NULL: not in the list */
    const void *on;
    tutti_event woken;
};

/* Holds: last is NULL, and it is empty, or the link behind the last waiter. */
struct bucket {
    struct spin lock;
    struct waiter *first, **last;
};
static struct bucket buckets[BUCKETS];
static _Atomic uint32_t waiters; /* in all buckets */

static struct bucket *bucket_of(const void *on)
{
    struct bucket *b = &buckets[((uintptr_t)on >> 4) * 0x9E3779B97F4A7C15u >> 58];
    spin_lock(&b->lock);
    if (!b->last)
        b->last = &b->first;
    assert(!*b->last);
    return b;
}

static void waiter_unlink(struct bucket *b, struct waiter *w)
{
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    else
        b->last = w->link;
    w->link = NULL;
}

static void waiter_enter(struct waiter *w, const void *on)
{
    memset(w, 0, sizeof *w);
    struct bucket *b = bucket_of(on);
    w->on = on;
    w->link = b->last;
    *b->last = w;
    b->last = &w->next;
    spin_unlock(&b->lock);
    add_seqcst(&waiters, 1); /* pairs with wake: see Design */
}

/* True: somebody has woken it. */
static bool waiter_leave(struct waiter *w)
{
    struct bucket *b = bucket_of(w->on);
    bool woken = !w->link;
    if (!woken)
        waiter_unlink(b, w);
    spin_unlock(&b->lock);
    sub_relaxed(&waiters, 1); /* a count too many costs a look */
    return woken;
}

/* How many were woken. */
static int wake(const void *on, bool all)
{
    int count = 0;
    fence_seqcst(); /* what the caller unlocked, before the look */
    if (likely(load_relaxed(&waiters) == 0)) /* pairs with waiter_enter, by the fence */
        return 0;
    struct bucket *b = bucket_of(on);
    struct waiter *w = b->first, *next;
    for (; w && (all || !count); w = next) {
        next = w->next;
        if (w->on != on)
            continue;
        waiter_unlink(b, w);
        tutti_event_set(&w->woken); /* under the lock, which it takes before it goes */
        count++;
    }
    spin_unlock(&b->lock);
    return count;
}

/* Park until woken or the time has come, whatever becomes of the scope. */
static void waiter_park(struct waiter *w, tutti_time until)
{
    tutti_scope shield;
    tutti_scope_open(&shield, NULL, until, TUTTI_SHIELD);
    int rc = tutti_event_wait(&w->woken);
    tutti_scope_close(&shield);
    if (rc < 0 && tutti_now() < until)
        libc()->sched_yield(); /* no scope could be had: other threads go on at least */
}

static void lock_after_fork(void)
{
    memset(buckets, 0, sizeof buckets);
    store_relaxed(&waiters, 0); /* one thread */
}

__attribute__((constructor)) static void lock_begin(void)
{
    pthread_atfork(NULL, NULL, lock_after_fork);
}

/* --- which task holds what --------------------------------------------------------- */

/* Holds: task has locked it depth > 0 times more often than unlocked; a mutex is there once. */
struct held {
    const pthread_mutex_t *mutex;
    uintptr_t task;
    unsigned depth;
};
/* Mutexes with an owner that tasks of this thread hold.  Beyond HELD_MOST they are not told
 * apart by task. */
static _Thread_local struct held held[HELD_MOST];
static _Thread_local unsigned held_count;

static int kind_of(const pthread_mutex_t *m)
{
    return m->__data.__kind & 3;
}

static bool has_owner(const pthread_mutex_t *m)
{
    return kind_of(m) == PTHREAD_MUTEX_RECURSIVE || kind_of(m) == PTHREAD_MUTEX_ERRORCHECK;
}

static struct held *held_find(const pthread_mutex_t *m)
{
    for (unsigned i = held_count; i-- > 0;)
        if (held[i].mutex == m)
            return &held[i];
    return NULL;
}

static void held_add(const pthread_mutex_t *m, uintptr_t task)
{
    struct held *h = held_find(m);
    if (h)
        h->depth++;
    else if (held_count < HELD_MOST)
        held[held_count++] = (struct held){ m, task, 1 };
}

/* True: it is free of tasks now. */
static bool held_remove(const pthread_mutex_t *m)
{
    struct held *h = held_find(m);
    if (h && --h->depth == 0)
        *h = held[--held_count];
    else if (h)
        return false;
    return true;
}

/* --- mutexes ------------------------------------------------------------------------- */

/* As pthread_mutex_trylock, for a task. */
static int task_trylock(pthread_mutex_t *m, uintptr_t task)
{
    if (!has_owner(m))
        return libc()->pthread_mutex_trylock(m);
    const struct held *h = held_find(m);
    if (h && h->task != task)
        return EBUSY;
    int rc = libc()->pthread_mutex_trylock(m);
    if (rc == 0 || rc == EOWNERDEAD)
        held_add(m, task);
    return rc;
}

/* Until it is had, or the time has come. */
static int task_lock(pthread_mutex_t *m, uintptr_t task, tutti_time until)
{
    int kept = errno, rc;
    while ((rc = task_trylock(m, task)) == EBUSY) {
        const struct held *h = held_find(m);
        if (h && h->task == task && kind_of(m) == PTHREAD_MUTEX_ERRORCHECK)
            return EDEADLK;
        if (until != TUTTI_NEVER && tutti_now() >= until)
            return ETIMEDOUT;
        struct waiter w;
        waiter_enter(&w, m);
        fence_seqcst(); /* pairs with the one in wake: see Design */
        rc = task_trylock(m, task);
        if (rc == EBUSY) {
            tutti_time net = tutti_after(NET);
            waiter_park(&w, until < net ? until : net);
        }
        if (waiter_leave(&w) && rc != EBUSY)
            wake(m, false); /* ours, but we had it by ourselves: the next may want to know */
        if (rc != EBUSY)
            break;
    }
    errno = kept;
    return rc;
}

HOOK int pthread_mutex_lock(pthread_mutex_t *m)
{
    uintptr_t task = HOOK_CALLER();
    return task ? task_lock(m, task, TUTTI_NEVER) : libc()->pthread_mutex_lock(m);
}

HOOK int pthread_mutex_trylock(pthread_mutex_t *m)
{
    uintptr_t task = HOOK_CALLER();
    return task ? task_trylock(m, task) : libc()->pthread_mutex_trylock(m);
}

/* When the clock shows that time, on ours. */
static tutti_time until_of(clockid_t clock, const struct timespec *when)
{
    struct timespec now;
    int64_t left;
    clock_gettime(clock, &now);
    if (__builtin_mul_overflow((int64_t)(when->tv_sec - now.tv_sec), TUTTI_SEC, &left))
        return TUTTI_NEVER;
    return tutti_after(left + when->tv_nsec - now.tv_nsec);
}

static bool when_bad(const struct timespec *when)
{
    return when->tv_nsec < 0 || when->tv_nsec > 999999999 || when->tv_sec < 0;
}

HOOK int pthread_mutex_timedlock(pthread_mutex_t *restrict m,
                                 const struct timespec *restrict when)
{
    uintptr_t task = HOOK_CALLER();
    if (!task || when_bad(when))
        return libc()->pthread_mutex_timedlock(m, when);
    return task_lock(m, task, until_of(CLOCK_REALTIME, when));
}

HOOK int pthread_mutex_clocklock(pthread_mutex_t *restrict m, clockid_t clock,
                                 const struct timespec *restrict when)
{
    uintptr_t task = HOOK_CALLER();
    if (!task || when_bad(when) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
        return libc()->pthread_mutex_clocklock(m, clock, when);
    return task_lock(m, task, until_of(clock, when));
}

/* Whoever unlocks may have a task waiting. */
HOOK int pthread_mutex_unlock(pthread_mutex_t *m)
{
    bool owned = has_owner(m); /* before: who gets it next may destroy it */
    int rc = libc()->pthread_mutex_unlock(m);
    if (rc == 0 && (!owned || held_remove(m)))
        wake(m, false);
    return rc;
}

/* --- conditions ------------------------------------------------------------------------ */

/* A wake without a signal is allowed, and is what NET gives. */
static int task_cond_wait(pthread_cond_t *c, pthread_mutex_t *m, uintptr_t task,
                          tutti_time until)
{
    int kept = errno;
    struct waiter w;
    waiter_enter(&w, c);
    bool owned = has_owner(m);
    int rc = libc()->pthread_mutex_unlock(m);
    if (rc) {
        waiter_leave(&w);
        return rc;
    }
    if (!owned || held_remove(m))
        wake(m, false);
    tutti_time net = tutti_after(5 * NET);
    waiter_park(&w, until < net ? until : net);
    bool woken = waiter_leave(&w);
    rc = task_lock(m, task, TUTTI_NEVER);
    errno = kept;
    return rc ? rc : !woken && until != TUTTI_NEVER && tutti_now() >= until ? ETIMEDOUT : 0;
}

HOOK int pthread_cond_wait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m)
{
    uintptr_t task = HOOK_CALLER();
    return task ? task_cond_wait(c, m, task, TUTTI_NEVER)
                : libc()->pthread_cond_wait(c, m);
}

HOOK int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
                                const struct timespec *restrict when)
{
    uintptr_t task = HOOK_CALLER();
    if (!task || when_bad(when))
        return libc()->pthread_cond_timedwait(c, m, when);
    clockid_t clock = c->__data.__wrefs & 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return task_cond_wait(c, m, task, until_of(clock, when));
}

HOOK int pthread_cond_clockwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
                                clockid_t clock, const struct timespec *restrict when)
{
    uintptr_t task = HOOK_CALLER();
    if (!task || when_bad(when) || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
        return libc()->pthread_cond_clockwait(c, m, clock, when);
    return task_cond_wait(c, m, task, until_of(clock, when));
}

HOOK int pthread_cond_signal(pthread_cond_t *c)
{
    return wake(c, false) ? 0 : libc()->pthread_cond_signal(c);
}

HOOK int pthread_cond_broadcast(pthread_cond_t *c)
{
    wake(c, true);
    return libc()->pthread_cond_broadcast(c);
}
