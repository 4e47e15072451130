/* core/alarm.c - deadlines that were brought forward while tasks may be parked under the old
 * one (tutti_scope_expire).  One thread for the process, started at the first use, sleeping
 * until the earliest; deadlines set at opening need it not, every wait arms its own timer.
 * A thread whose time is its own (base/clock.h) fires those that were set there itself.
 * Tests: tests/cut_test.c, tests/sim_test.c. */
#include "base/launch.h"
#include "base/memory.h"
#include "core/scope.h"
#include "core/thread.h"
#include <pthread.h>
#include <signal.h>

/* Holds: scope is open, and `alarmed` is set there. */
struct alarm {
    struct list link;
    struct scope *scope;
    int64_t when;
    const void *clock; /* the thread whose time that is; NULL: it is everybody's */
};

/* Holds: under the latch; every alarm's scope is open, since closing takes its alarm out;
 * latch comes before any scope's. */
static struct latch alarm_latch;
static struct list alarms = { &alarms, &alarms };
static bool alarm_runs;
static _Atomic uint32_t alarm_bell; /* futex: bumped when the list has changed */
static _Thread_local bool alarm_here; /* some were set in this thread's own time */

static const void *clock_here(void)
{
    return clock_sim ? thread_mark() : NULL;
}

/* Under the latch: fire what is due by the clock of this thread; the time of the next. */
static int64_t alarms_fire(void)
{
    const void *clock = clock_here();
    int64_t next = CLOCK_NEVER, now = clock_now();
    for (struct list *l = alarms.next, *after; l != &alarms; l = after) {
        struct alarm *a = list_entry(l, struct alarm, link);
        after = l->next;
        if (a->clock != clock)
            continue;
        if (a->when <= now) {
            list_remove(&a->link);
            scope_stop(a->scope, OVER_EXPIRED);
            memory_free(a);
        } else if (a->when < next) {
            next = a->when;
        }
    }
    return next;
}

static void *alarm_main(void *unused)
{
    (void)unused;
    for (;;) {
        /* relaxed: if it is new the list is, too, since the bump came after a time under
         * the latch, and this comes before one */
        uint32_t seen = load_relaxed(&alarm_bell);
        latch_lock(&alarm_latch);
        int64_t next = alarms_fire();
        latch_unlock(&alarm_latch);
        futex_wait(&alarm_bell, seen, next);
    }
    return NULL;
}

/* Under the latch.  0 or -EAGAIN. */
static int alarm_start(void)
{
    pthread_t thread;
    if (alarm_runs)
        return 0;
    if (thread_launch(&thread, NULL, NULL, alarm_main, NULL))
        return -EAGAIN;
    pthread_detach(thread);
    alarm_runs = true;
    return 0;
}

int64_t alarms_fire_here(void)
{
    if (likely(!alarm_here))
        return CLOCK_NEVER;
    latch_lock(&alarm_latch);
    int64_t next = alarms_fire();
    latch_unlock(&alarm_latch);
    return next;
}

static struct alarm *alarm_of(struct scope *s)
{
    for (struct list *l = alarms.next; l != &alarms; l = l->next)
        if (list_entry(l, struct alarm, link)->scope == s)
            return list_entry(l, struct alarm, link);
    return NULL;
}

int alarm_set(struct scope *s)
{
    alarm_here |= clock_sim != 0;
    latch_lock(&alarm_latch);
    int rc = clock_sim ? 0 : alarm_start();
    struct alarm *a = rc < 0 ? NULL : alarm_of(s);
    if (rc == 0 && !a) {
        a = memory_alloc(sizeof *a);
        if (a) {
            a->scope = s;
            list_push_back(&alarms, &a->link);
        }
    }
    if (a) {
        a->clock = clock_here();
        /* The earliest of those who race to bring it forward, not the last; relaxed: each has
         * set the deadline before it came by the latch. */
        a->when = load_relaxed(&s->deadline);
        store_relaxed(&s->alarmed, true); /* the closer was told of the expire, or raced */
    }
    latch_unlock(&alarm_latch);
    add_relaxed(&alarm_bell, 1); /* see alarm_main */
    futex_wake(&alarm_bell, 1);
    return a ? 0 : -ENOMEM;
}

void alarm_clear(struct scope *s)
{
    if (!load_relaxed(&s->alarmed)) /* as in alarm_set */
        return;
    latch_lock(&alarm_latch);
    struct alarm *a = alarm_of(s);
    if (a)
        list_remove(&a->link);
    latch_unlock(&alarm_latch);
    memory_free(a);
}

static void alarm_after_fork(void)
{
    alarm_latch = (struct latch){ 0 };
    list_init(&alarms); /* the parent's scopes; their memory is lost to the child */
    alarm_runs = false;
}

__attribute__((constructor)) static void alarm_begin(void)
{
    fork_watch(alarm_after_fork);
}
