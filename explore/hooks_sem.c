/* explore/hooks_sem.c - semaphores, with and without names.  The names are the
 * program's own: when main begins there are none, whatever lies in /dev/shm, and each
 * schedule begins with none again.
 * Holds: a named one is in use while count > 0 of its opens are not closed, or while
 * its name stands.
 * Tests: tests/explore/semaphore.c, calls_wait.c. */
#include "calls.h"
#include "engine.h"
#include "fail.h"
#include "gaps.h"
#include "life.h"
#include "locks.h"
#include "memory_inside.h"
#include "objects.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <string.h>

enum { NAMED = 32, NAME = 252 };
static struct named {
    sem_t sem;
    char name[NAME]; /* "": unlinked, or never there */
    int opens;
} named[NAMED];
static int named_used;

void sems_reset(void)
{
    memset(named, 0, sizeof *named * (size_t)named_used);
    named_used = 0;
}

/* Its value lies first in libc's structure, where its own initialisation has put it,
 * perhaps before main. */
static struct object *sem_of(sem_t *s, const void *pc)
{
    object_live(s);
    struct object *o = object_find(s, OBJECT_SEM);
    const struct named *n = (const struct named *)s;
    if (n >= named && n < named + NAMED && !n->opens)
        fail(FAIL_MISUSE, pc, "thread %d uses a named semaphore that is closed",
             ex.me->id);
    if (!o) {
        o = object_of(s, OBJECT_SEM);
        o->value = (int)*(const unsigned *)s;
    }
    return o;
}

exported int sem_init(sem_t *s, int among, unsigned value)
{
    if (ex.on)
        object_made(s, sizeof *s);
    return REAL(sem_init)(s, among, value);
}

exported int sem_destroy(sem_t *s)
{
    if (!ex.on)
        return REAL(sem_destroy)(s);
    point(OP_DESTROY, s, CALLER);
    if (waiters(sem_of(s, CALLER)))
        fail(FAIL_MISUSE, CALLER, "thread %d destroys a semaphore that is waited for",
             ex.me->id);
    object_gone(s, CALLER);
    return 0;
}

static int wrong(int code)
{
    errno = code;
    return -1;
}

static int wait_sem(sem_t *s, uint64_t until, bool try, const void *pc)
{
    point(try ? OP_TRYLOCK : OP_SEM_WAIT, s, pc);
    if (!try)
        cancel_point();
    struct object *o = sem_of(s, pc);
    while (o->value <= 0) {
        if (try) {
            trace_flag(STEP_FAILED);
            return wrong(EAGAIN);
        }
        if (until == TIME_WRONG)
            return wrong(EINVAL);
        if ((until && until <= ex.time) || block(o, OP_SEM_WAIT, until)) {
            trace_flag(STEP_TIMEOUT);
            return wrong(ETIMEDOUT);
        }
        if (cancel_due() && o->value > 0)
            wake_one(o); /* the post that has woken this one is for another */
        cancel_point();
    }
    o->value--;
    behave((uint64_t)ex.me->id << 56 ^ (uint64_t)ex.me->points << 28 ^ o->last);
    acquire_clock(&o->clock);
    ex.me->same = 0;
    return 0;
}

exported int sem_wait(sem_t *s)
{
    return ex.on ? wait_sem(s, 0, false, CALLER) : REAL(sem_wait)(s);
}

exported int sem_trywait(sem_t *s)
{
    return ex.on ? wait_sem(s, 0, true, CALLER) : REAL(sem_trywait)(s);
}

exported int sem_timedwait(sem_t *s, const struct timespec *at)
{
    return ex.on ? wait_sem(s, time_until(CLOCK_REALTIME, at), false, CALLER)
                 : REAL(sem_timedwait)(s, at);
}

exported int sem_clockwait(sem_t *s, clockid_t clock, const struct timespec *at)
{
    return ex.on ? wait_sem(s, time_until(clock, at), false, CALLER)
                 : REAL(sem_clockwait)(s, clock, at);
}

exported int sem_post(sem_t *s)
{
    if (!ex.on)
        return REAL(sem_post)(s);
    point(OP_SEM_POST, s, CALLER);
    struct object *o = sem_of(s, CALLER);
    if (o->value == SEM_VALUE_MAX)
        return wrong(EOVERFLOW);
    o->value++;
    o->last = (uint64_t)ex.me->id << 32 | ex.me->points;
    release_clock(&o->clock);
    wake_one(o);
    return 0;
}

exported int sem_getvalue(sem_t *s, int *value)
{
    if (!ex.on)
        return REAL(sem_getvalue)(s, value);
    point(OP_LOAD, s, CALLER);
    memory_writes(value, sizeof *value, CALLER);
    *value = sem_of(s, CALLER)->value;
    return 0;
}

/* --- by name --- */

static struct named *find(const char *name)
{
    for (int i = 0; i < named_used; i++)
        if (named[i].name[0] && !strcmp(named[i].name, name))
            return &named[i];
    return NULL;
}

/* The name without slashes before it; NULL, with errno, if it is none. */
static const char *stem(const char *name)
{
    name += strspn(name, "/");
    errno = !*name || strchr(name, '/') ? EINVAL : ENAMETOOLONG;
    return !*name || strchr(name, '/') || strlen(name) >= NAME ? NULL : name;
}

static sem_t *create(const char *name, unsigned value)
{
    if (named_used == NAMED)
        fail(FAIL_UNMODELLED, ex.me->pc, "more than %d named semaphores", NAMED);
    if (value > SEM_VALUE_MAX) {
        errno = EINVAL;
        return SEM_FAILED;
    }
    gap("named semaphores: this program's own; none is there when main begins");
    struct named *n = &named[named_used++];
    strcpy(n->name, name);
    n->opens = 1;
    REAL(sem_init)(&n->sem, 1, value);
    return &n->sem;
}

exported sem_t *sem_open(const char *given, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    unsigned value = flags & O_CREAT ? va_arg(list, unsigned) : 0;
    va_end(list);
    if (!ex.on)
        return REAL(sem_open)(given, flags, mode, value);
    point(OP_SEM_WAIT, NULL, CALLER);
    const char *name = stem(given);
    struct named *n = name ? find(name) : NULL;
    if (name && !n && (flags & O_CREAT))
        return create(name, value);
    if (name)
        errno = n ? EEXIST : ENOENT;
    if (!n || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return SEM_FAILED;
    n->opens++;
    return &n->sem;
}

exported int sem_close(sem_t *s)
{
    if (!ex.on)
        return REAL(sem_close)(s);
    point(OP_DESTROY, s, CALLER);
    struct named *n = (struct named *)s;
    if (n < named || n >= named + NAMED || !n->opens)
        return wrong(EINVAL);
    if (n->opens == 1 && waiters(sem_of(s, CALLER)))
        fail(FAIL_MISUSE, CALLER, "thread %d closes a semaphore that is waited for",
             ex.me->id);
    n->opens--;
    return 0;
}

exported int sem_unlink(const char *given)
{
    if (!ex.on)
        return REAL(sem_unlink)(given);
    point(OP_DESTROY, NULL, CALLER);
    const char *name = stem(given);
    struct named *n = name ? find(name) : NULL;
    if (!n)
        return wrong(name ? ENOENT : errno);
    n->name[0] = 0;
    return 0;
}
