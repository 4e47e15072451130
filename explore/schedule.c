/* explore/schedule.c - who runs: points, blocking, waking, virtual time.  A point comes
 * before each effect that other threads could see, so a thread that is switched out is
 * always about to do what it named.  Never looks at addresses to decide.
 * Holds: who runs is ready; who waits for a time is blocked; see struct thread.
 * Tests: all cells; tests/explore/timers.c. */
#include "clock.h"
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "locks.h"
#include "process.h"
#include "schedule.h"
#include "script.h"
#include "strategy.h"
#include "trace.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct engine ex;

enum { SPIN = 16, PLAIN_LIMIT = 2000, STEP_TIME = 50 };

static uint64_t bit(const struct thread *t)
{
    return 1ull << t->id;
}

static struct thread *lowest(uint64_t set)
{
    return &ex.thread[__builtin_ctzll(set)];
}

void schedule_reset(void)
{
    ex.ready = ex.blocked = ex.timed = 0;
    ex.steps = 0;
    ex.time = 1000000000;
    ex.sc = 0;
    ex.hash = 0;
    ex.over = false;
    ex.threads = 0;
    clock_zero(&ex.sc_clock, ex.lanes);
}

/* For asserts. */
__attribute__((unused)) static bool sets_hold(void)
{
    bool good = !(ex.ready & ex.blocked) && !(ex.timed & ~ex.blocked);
    for (int i = 0; i < ex.threads; i++) {
        const struct thread *t = &ex.thread[i];
        good &= (t->state == THREAD_READY) == ((ex.ready & bit(t)) != 0);
        good &= (t->state == THREAD_BLOCKED) == ((ex.blocked & bit(t)) != 0);
    }
    return good;
}

void thread_ready(struct thread *t)
{
    t->state = THREAD_READY;
    ex.ready |= bit(t);
    ex.blocked &= ~bit(t);
    ex.timed &= ~bit(t);
}

/* The timer of t comes now: time jumps there. */
static void fire(struct thread *t)
{
    if (t->until > ex.time)
        ex.time = t->until;
    t->timed_out = true;
    thread_ready(t);
}

static struct thread *earliest(void)
{
    struct thread *first = NULL;
    for (uint64_t set = ex.timed; set; set &= set - 1) {
        struct thread *t = lowest(set);
        if (!first || t->until < first->until)
            first = t;
    }
    return first;
}

static void timers(struct thread *me)
{
    if (me->same >= SPIN && ex.ready == bit(me)) {
        fire(earliest()); /* who spins waits for somebody who sleeps */
        me->same = 0;
        return;
    }
    int who = ex.mode == MODE_SEARCH ? strategy_timer()
                                     : script_choose(CHOICE_TIMER, -1, strategy_timer);
    if (who >= 0 && (ex.timed >> who & 1))
        fire(&ex.thread[who]);
}

/* Who goes on where nothing is decided: this thread, unless it spins. */
static int usual_run(const struct thread *me)
{
    if (me->op != OP_YIELD && me->same < SPIN)
        return me->id;
    uint64_t others = ex.ready & ~bit(me), after = others & ~(2 * bit(me) - 1);
    return lowest(after ? after : others)->id;
}

static void maybe_switch(struct thread *me)
{
    int who;
    if (usual(ex.mode == MODE_SEARCH))
        who = strategy_run();
    else
        who = script_choose(CHOICE_RUN, usual_run(me), strategy_run);
    if (who != me->id && (ex.ready >> who & 1))
        thread_switch(&ex.thread[who]);
}

static bool quiet(enum op op)
{
    return op == OP_LOAD || op == OP_CAS || op == OP_YIELD || op == OP_TRYLOCK ||
           op == OP_CLOCK || op == OP_READ;
}

void point(enum op op, const void *address, const void *pc)
{
    struct thread *me = ex.me;
    me->op = op;
    me->address = (void *)address;
    me->pc = (void *)pc;
    me->points++;
    me->plain = 0;
    if (!quiet(op))
        me->same = 0;
    else
        me->same++;
    if (op != OP_CLOCK)
        me->clocks = 0;
    ex.time += STEP_TIME;
    if (rare(++ex.steps > ex.step_limit))
        fail(FAIL_LIVELOCK, pc, "%llu steps without coming to an end",
             (unsigned long long)ex.step_limit);
    if (rare((ex.steps & 4095) == 0))
        ex.result->steps = ex.steps; /* the watcher sees that it moves */
    if (rare(ex.mode != MODE_SEARCH))
        memset(me->nth, 0, sizeof me->nth);
    if (rare(ex.timed))
        timers(me);
    if (ex.ready & (ex.ready - 1))
        maybe_switch(me);
    behave((uint64_t)me->id << 32 | me->points << 8 | op);
    if (rare(ex.tracing))
        me->step = trace_step(op, address, pc);
}

/* A point before a plain access: on request, or when a thread has made so many of them
 * that it may be waiting for one to change. */
void plain_point(enum op op, const void *address, const void *pc)
{
    if (!ex.plain && ++ex.me->plain < PLAIN_LIMIT) {
        if (rare(ex.tracing))
            ex.me->step = trace_step(op, address, pc);
        return;
    }
    point(op, address, pc);
}

static int lowest_ready(void)
{
    return lowest(ex.ready)->id;
}

/* Who runs while this thread cannot. */
static struct thread *next_thread(void)
{
    if (rare(!ex.ready)) {
        if (!ex.timed)
            fail_all_blocked();
        fire(earliest());
    } else if (rare(ex.timed)) {
        timers(ex.me);
    }
    int who = lowest_ready();
    if (ex.ready & (ex.ready - 1)) {
        int drawn = ex.mode == MODE_SEARCH
                        ? strategy_next()
                        : script_choose(CHOICE_NEXT, who, strategy_next);
        if (ex.ready >> drawn & 1)
            who = drawn;
    }
    return &ex.thread[who];
}

int block(void *key, enum op op, uint64_t until)
{
    struct thread *me = ex.me;
    me->state = THREAD_BLOCKED;
    me->key = key;
    me->until = until;
    me->timed_out = me->cancel_woke = false;
    me->op = op;
    me->same = 0;
    ex.ready &= ~bit(me);
    ex.blocked |= bit(me);
    if (until)
        ex.timed |= bit(me);
    trace_flag(STEP_BLOCKED);
    assert(sets_hold());
    thread_switch(next_thread());
    assert(ex.me == me && me->state == THREAD_READY);
    me->key = NULL;
    return me->timed_out ? ETIMEDOUT : 0;
}

int block_any(void *const *keys, unsigned n, enum op op, uint64_t until)
{
    struct thread *me = ex.me;
    me->any = keys;
    me->many = n;
    me->woke = -1;
    block(me, op, until);
    me->many = 0;
    return me->woke;
}

static int which_of(const struct thread *t, const void *key)
{
    for (unsigned i = 0; i < t->many; i++)
        if (t->any[i] == key)
            return (int)i;
    return -1;
}

void wake_all(void *key)
{
    for (uint64_t set = ex.blocked; set; set &= set - 1)
        if (lowest(set)->key == key)
            thread_ready(lowest(set));
}

static uint64_t waiting(void *key, uint32_t bits)
{
    uint64_t found = 0;
    for (uint64_t set = ex.blocked; set; set &= set - 1) {
        const struct thread *t = lowest(set);
        bool waits = t->key == key || (rare(t->many) && which_of(t, key) >= 0);
        if (waits && (!bits || (t->bits & bits)))
            found |= bit(t);
    }
    return found;
}

int waiters(void *key)
{
    return __builtin_popcountll(waiting(key, 0));
}

static unsigned wake_from;
static int draw_wake(void)
{
    return (int)strategy_wake(wake_from);
}

bool wake_one_of(void *key, uint32_t bits)
{
    uint64_t set = waiting(key, bits);
    int n = __builtin_popcountll(set), which = 0;
    if (n == 0)
        return false;
    wake_from = (unsigned)n;
    if (n > 1)
        which = ex.mode == MODE_SEARCH ? draw_wake()
                                       : script_choose(CHOICE_WAKE, 0, draw_wake);
    while (which-- > 0 && (set & (set - 1)))
        set &= set - 1;
    lowest(set)->woke = which_of(lowest(set), key);
    thread_ready(lowest(set));
    return true;
}

bool wake_one(void *key)
{
    return wake_one_of(key, 0);
}

static int draw_spurious(void)
{
    return strategy_spurious();
}

bool spurious(void)
{
    return ex.mode == MODE_SEARCH
               ? strategy_spurious()
               : script_choose(CHOICE_SPURIOUS, 0, draw_spurious) == 1;
}

void thread_over(struct thread *t)
{
    t->state = THREAD_ENDED;
    ex.ready &= ~bit(t);
    wake_all(t);
    locks_orphan(t);
    if (!ex.ready && !ex.blocked)
        process_exit(0); /* the last one */
    thread_switch(next_thread());
    abort();
}
