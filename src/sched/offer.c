/* sched/offer.c - see offer.h. */
#include "sched/offer.h"
#include "sched/monitor.h"

#define WAKE_AFTER INT64_C(16000) /* ns */

void offer_answer(struct pool *p, bool found)
{
    uint32_t n = load_relaxed(&p->useless); /* hints; one searches at a time */
    if (found && n)
        store_relaxed(&p->useless, 0);
    else if (!found && n < USELESS_MOST)
        store_relaxed(&p->useless, n + 1);
}

/* The first few, and then now and then. */
static bool offer_is_due(struct worker *w)
{
    uint32_t n = ++w->offers;
    return ((n & (n - 1)) == 0 || n % 16 == 0) && clock_now() - w->offered >= WAKE_AFTER;
}

static void offer_wake(struct worker *w)
{
    w->offered = 0;
    pool_notify_slow(w->pool);
}

void offer_slow(struct worker *w)
{
    struct pool *p = w->pool;
    if (load_relaxed(&p->useless) < USELESS_MOST /* a hint */
        || !p->is_watched || !monitor_runs()
        || load_relaxed(&monitor_naps)) { /* w was stuck, and is not known to be back */
        offer_wake(w);
    } else if (!w->offered) {
        w->offered = clock_now();
        w->offers = 0;
    } else if (offer_is_due(w)) {
        offer_wake(w);
    }
}

void offer_turn(struct worker *w)
{
    if (deque_seems_empty(&w->deque))
        w->offered = 0;
    else if (offer_is_due(w) && load_relaxed(&w->pool->sleepers)) /* a hint */
        offer_wake(w);
}
