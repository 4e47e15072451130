/* core/alarm.c - deadlines that were brought forward while tasks may be parked under the old
 * one (tutti_scope_expire).  One thread for the process, started at the first use, sleeping
 * until the earliest; deadlines set at opening need it not, every wait arms its own timer.
 * A thread whose time is its own (base/clock.h) fires those that were set there itself.
 * Tests: tests/cut_test.c, tests/sim_test.c. */
#include "base/fence.h"
#include "base/launch.h"
#include "base/memory.h"
#include "base/wheel.h"
#include "core/scope.h"
#include "core/thread.h"
#include <pthread.h>
#include <signal.h>

/* Holds: scope is open, and `alarmed` is set there; it is in its chain of the table; it is
 * armed, or in the list where its time is one thread's. */
struct alarm {
    struct wheel_timer timer;
    struct list link;
    struct alarm *chain;
    struct scope *scope;
    const void *clock; /* the thread whose time that is; NULL: it is everybody's */
};

/* Holds: under the latch; every alarm's scope is open, since closing takes its alarm out;
 * latch comes before any scope's; count alarms in the chains of the table, found by scope;
 * ring_at: the alarm thread wakes by itself then. */
static struct latch alarm_latch;
static struct wheel alarms;
static struct list alarms_sim = { &alarms_sim, &alarms_sim };
static struct alarm **table;
static size_t table_size, count; /* a power of two, or 0 */
static int64_t ring_at = CLOCK_NEVER;
static bool alarm_runs;
static _Atomic uint32_t alarm_bell; /* futex: bumped when there is an earlier one */
static _Thread_local bool alarm_here; /* some were set in this thread's own time */

static const void *clock_here(void)
{
    return clock_sim ? thread_mark() : NULL;
}

/* --- by scope ---------------------------------------------------------------------- */

static struct alarm **chain_of(struct alarm **in, size_t size, const struct scope *s)
{
    uint64_t n = (uintptr_t)s * UINT64_C(0x9E3779B97F4A7C15);
    return &in[(n >> 32) & (size - 1)];
}

/* The table has room for one more.  False: no memory at all; without memory for a larger one
 * chains grow. */
static bool table_grow(void)
{
    size_t size = table_size ? 2 * table_size : 64;
    if (count < table_size)
        return true;
    struct alarm **larger = memory_zalloc(size * sizeof *larger);
    if (!larger)
        return table_size > 0;
    for (size_t i = 0; i < table_size; i++)
        for (struct alarm *a = table[i], *next; a; a = next) {
            struct alarm **chain = chain_of(larger, size, a->scope);
            next = a->chain;
            a->chain = *chain;
            *chain = a;
        }
    memory_free(table);
    table = larger;
    table_size = size;
    return true;
}

/* Where the alarm of s hangs, or would. */
static struct alarm **alarm_of(const struct scope *s)
{
    struct alarm **at = chain_of(table, table_size, s);
    while (*at && (*at)->scope != s)
        at = &(*at)->chain;
    return at;
}

static void alarm_free(struct alarm **at)
{
    struct alarm *a = *at;
    *at = a->chain;
    count--;
    if (a->clock)
        list_remove(&a->link);
    else
        wheel_cancel(&alarms, &a->timer);
    memory_free(a);
}

static void alarm_fire(struct alarm *a)
{
    struct scope *s = a->scope;
    scope_stop(s, OVER_EXPIRED);
    alarm_free(alarm_of(s));
}

/* --- by time ------------------------------------------------------------------------- */

static void *alarm_main(void *unused)
{
    (void)unused;
    for (;;) {
        /* relaxed: if it is new the list is, too, since the bump came after a time under
         * the latch, and this comes before one */
        uint32_t seen = load_relaxed(&alarm_bell);
        latch_lock(&alarm_latch);
        struct wheel_timer *t = wheel_pop(&alarms, clock_now());
        if (t)
            alarm_fire(list_entry(t, struct alarm, timer));
        int64_t next = ring_at = t ? INT64_MIN : wheel_next(&alarms);
        latch_unlock(&alarm_latch); /* each time: others may close their scopes between */
        if (!t)
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
    wheel_init(&alarms, clock_now());
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
    int64_t next = CLOCK_NEVER, now = clock_now();
    const void *clock = clock_here();
    latch_lock(&alarm_latch);
    for (struct list *l = alarms_sim.next, *after; l != &alarms_sim; l = after) {
        struct alarm *a = list_entry(l, struct alarm, link);
        after = l->next;
        if (a->clock == clock && a->timer.when <= now)
            alarm_fire(a);
        else if (a->clock == clock && a->timer.when < next)
            next = a->timer.when;
    }
    latch_unlock(&alarm_latch);
    return next;
}

/* Under the latch: an alarm of s, not armed.  NULL: no memory. */
static struct alarm *alarm_make(struct scope *s)
{
    struct alarm *a = table_grow() ? memory_zalloc(sizeof *a) : NULL;
    if (!a)
        return NULL;
    a->scope = s;
    a->clock = clock_here();
    if (a->clock)
        list_push_back(&alarms_sim, &a->link);
    *alarm_of(s) = a;
    count++;
    return a;
}

/* Under the latch.  The earliest of those who race to bring it forward, not the last; relaxed:
 * each has set the deadline before it came by the latch. */
static void alarm_arm(struct alarm *a)
{
    int64_t when = load_relaxed(&a->scope->deadline);
    if (a->clock) {
        a->timer.when = when;
    } else {
        wheel_cancel(&alarms, &a->timer);
        wheel_arm(&alarms, &a->timer, when);
    }
    store_relaxed(&a->scope->alarmed, true); /* the closer was told of the expire, or raced */
}

int alarm_set(struct scope *s)
{
    alarm_here |= clock_sim != 0;
    latch_lock(&alarm_latch);
    int rc = clock_sim ? 0 : alarm_start();
    struct alarm *a = rc < 0 || !table_size ? NULL : *alarm_of(s);
    if (rc == 0 && !a)
        a = alarm_make(s);
    bool ring = false, set = a != NULL;
    if (set)
        alarm_arm(a);
    /* Against tutti_scope_close, which says that s is ending, passes a light fence and looks
     * at `alarmed`: it sees the alarm, or this sees that. */
    fence_heavy();
    if (set && load_relaxed(&s->state) != SCOPE_OPEN) { /* the fence orders it */
        alarm_free(alarm_of(s));
    } else if (set) {
        ring = !a->clock && a->timer.when < ring_at;
        if (ring)
            ring_at = a->timer.when;
    }
    latch_unlock(&alarm_latch);
    if (ring) {
        add_relaxed(&alarm_bell, 1); /* see alarm_main */
        futex_wake(&alarm_bell, 1);
    }
    return set ? 0 : -ENOMEM;
}

void alarm_clear(struct scope *s)
{
    if (!load_relaxed(&s->alarmed)) /* as in alarm_set */
        return;
    latch_lock(&alarm_latch);
    struct alarm **at = table_size ? alarm_of(s) : NULL;
    if (at && *at)
        alarm_free(at);
    latch_unlock(&alarm_latch);
}

static void alarm_after_fork(void)
{
    alarm_latch = (struct latch){ 0 };
    list_init(&alarms_sim); /* the parent's scopes; their memory is lost to the child */
    table = NULL;
    table_size = count = 0;
    ring_at = CLOCK_NEVER;
    alarm_runs = false;
}

__attribute__((constructor)) static void alarm_begin(void)
{
    fork_watch(alarm_after_fork);
}
