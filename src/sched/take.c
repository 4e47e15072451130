/* sched/take.c - what a worker runs next: the order among contexts that are ready, tasks
 * that have not begun, forked calls and the low class, and what is looked at only now and
 * then.  See worker.h.  What it does when there is nothing is in idle.c.
 * Tests: tests/pool_test.c, tests/executor_test.c. */
#include "base/small.h"
#include "sched/offer.h"
#include "sched/spare.h"
#include "sched/strand.h"
#include "sched/turn.h"

enum {
    LOW_EVERY = 32,  /* so often the low class goes first; a multiple of FAIR_EVERY */
    SELDOM = 4 * LOW_EVERY, /* so often what comes last by the usual order goes first */
    POLL_EVERY = 64, /* so often descriptors are looked at though there is work */
    LINGER = SMALL(200, 1), /* pauses, some 2 us: what an answer from another worker takes */
    LINGER_VAIN = 4, /* so often in a row for nothing, and it is seldom tried again */
    LINGER_AGAIN = 16
};
#define BRISK INT64_C(10000) /* ns, an eighth of a wheel's tick: so short a time between two
                                looks at the clock is too short */

void worker_fire(struct worker *w)
{
    if (w->wheel.count) {
        int64_t now = clock_now();
        w->time_mask = now - w->fired_at < BRISK ? FAIR_EVERY - 1 : TIME_EVERY - 1;
        w->fired_at = now;
        struct wheel_timer *t;
        while ((t = wheel_pop(&w->wheel, now))) {
            struct park_timer *p = list_entry(t, struct park_timer, timer);
            if (wait_claim(p->c, p->ticket))
                wait_wake(p->c, WAIT_TIME);
        }
    }
    if (w->poller && poller_busy(w->poller) && load_relaxed(&w->tick) % POLL_EVERY == 0)
        poller_run(w->poller, 0);
}

/* A call forked by one that is switched out: it may be what others wait for. */
static struct runnable *worker_take_call(struct worker *w)
{
    if (unlikely(!list_empty(&w->stash)) && stash_share(w))
        pool_notify(w->pool);
    return strand_steal(w, w);
}

/* One from outside, where such may begin. */
static struct task *worker_injected(struct worker *w)
{
    /* relaxed: told a moment late it takes one too many */
    return likely(load_relaxed(&w->takes)) ? pool_injected(w->pool) : NULL;
}

/* A task to begin: one of a loop, one started here, one from outside. */
static struct runnable *worker_take_task(struct worker *w)
{
    struct runnable *r = fifo_pop(&w->bound);
    if (r)
        return r;
    struct task *t = deque_pop(&w->deque);
    if (unlikely(w->offered))
        offer_turn(w);
    if (!t)
        t = worker_injected(w);
    return t ? &t->run : worker_take_call(w);
}

/* One of the low class from the pool, not begun, where such may begin. */
static struct runnable *worker_injected_low(struct worker *w)
{
    /* relaxed: as in worker_injected */
    struct task *t = load_relaxed(&w->takes) ? pool_injected_low(w->pool) : NULL;
    return t ? &t->run : NULL;
}

/* What was begun goes first, but not always: it may go on for ever. */
struct runnable *worker_take_low(struct worker *w)
{
    bool seldom = load_relaxed(&w->tick) % SELDOM == 0; /* ours */
    struct runnable *r = seldom ? worker_injected_low(w) : NULL;
    if (!r)
        r = fifo_pop(&w->low);
    return r || seldom ? r : worker_injected_low(w);
}

/* Tasks from outside, forked calls, tasks started here: each of these goes first in its turn,
 * before those that worker_take_task prefers, which may never end. */
static struct runnable *worker_take_seldom(struct worker *w)
{
    for (uint32_t i = 0, turn = load_relaxed(&w->tick) / SELDOM; i < 3; i++) { /* ours */
        struct task *t = NULL;
        struct runnable *r = NULL;
        if ((turn + i) % 3 == 0)
            t = worker_injected(w);
        else if ((turn + i) % 3 == 1)
            r = worker_take_call(w);
        else
            t = deque_pop(&w->deque);
        if (t || r)
            return t ? &t->run : r;
    }
    return NULL;
}

/* What was begun goes on before anything new begins: it may be about to cancel the rest, and
 * fewer stacks are in use at once.  But now and then it is the other way round, so that two
 * who yield to each other keep nobody from beginning. */
static __attribute__((noinline)) struct runnable *worker_take_fair(struct worker *w)
{
    bool seldom = load_relaxed(&w->tick) % SELDOM == 0; /* ours */
    if (unlikely(!load_relaxed(&w->takes))) /* a hint */
        spare_turn(w);
    if (seldom && w->closers.count)
        closers_settle(&w->closers, false);
    if (load_relaxed(&w->tick) % LOW_EVERY == 0) { /* ours */
        struct runnable *low = worker_take_low(w);
        if (low)
            return low;
    }
    struct runnable *r = seldom ? worker_take_seldom(w) : NULL;
    return r ? r : worker_take_task(w);
}

/* What is not to be looked at each time.  NULL: nothing that must go first. */
struct runnable *worker_attend(struct worker *w)
{
    uint32_t tick = load_relaxed(&w->tick); /* ours */
    worker_drain(w);
    worker_settle(w);
    if (unlikely(w->sim != 0)) { /* forked calls are none of what it draws from */
        struct runnable *call = tick % SELDOM == 0 ? worker_take_call(w) : NULL;
        return call ? call : sim_take(w);
    }
    if (!(tick & w->time_mask))
        worker_fire(w);
    worker_due(w, w->wheel.count ? w->time_mask : FAIR_EVERY - 1);
    return tick % FAIR_EVERY == 0 ? worker_take_fair(w) : NULL;
}

struct runnable *worker_take(struct worker *w)
{
    struct runnable *r = worker_turn(w) ? worker_attend(w) : NULL;
    if (!r)
        r = fifo_pop(&w->ready);
    if (!r)
        r = worker_take_task(w);
    if (unlikely(!r && w->closers.count)) { /* we may sleep next */
        closers_settle(&w->closers, true);
        r = fifo_pop(&w->ready);
    }
    /* relaxed: a hint.  What others have that goes first, worker_idle will find. */
    if (!r && (w->low.head || load_relaxed(&w->pool->lows)) && !pool_has_tasks(w->pool))
        r = worker_take_low(w);
    return r;
}

/* Does anybody fork?  Then there is something to steal rather than to wait for. */
static bool pool_forks(const struct pool *p)
{
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        const struct worker *w = pool_worker(p, i);
        if (w && load_relaxed(&w->asked)) /* a hint */
            return true;
    }
    return false;
}

/* Nothing to do.  Where two workers answer each other, the answer is there before either
 * could fall asleep and be woken, which takes a hundred times as long; and before there is
 * anything to steal.  So wait for it a moment, where that has been of use lately. */
static struct runnable *worker_linger(struct worker *w)
{
    if (w->pool->gil || w->poller
        || (w->lingered >= LINGER_VAIN && ++w->lingered % LINGER_AGAIN)
        || pool_forks(w->pool))
        return NULL;
    for (int i = 0; i < LINGER; i++) {
        if (load_relaxed(&w->inbox)) { /* a hint, as in worker_drain */
            w->lingered = 0;
            return worker_take(w);
        }
        spin_pause();
    }
    w->lingered++;
    return NULL;
}

struct runnable *worker_await_slow(struct worker *w)
{
    worker_settle(w);
    struct runnable *r = worker_linger(w);
    return r ? r : worker_idle(w);
}
