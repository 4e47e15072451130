/* sched/offer.h - when to wake a sleeper for tasks that a worker has started itself.
 *
 * A wake costs both sides some 16 us, more than a short burst of tasks does.  So who was woken
 * and found nothing any more says so, and after two of those in a row a worker waits until
 * its tasks have been there for 16 us: each of its starts and turns is a chance to look at
 * the clock, the first few and every 16th of them do.  One that takes no turns, since its task
 * computes or blocks, is the monitor's to notice.  As soon as a woken one finds something,
 * they are woken at once again.
 * Tests: tests/pool_test.c. */
#ifndef SCHED_OFFER_H
#define SCHED_OFFER_H
#include "base/fence.h"
#include "sched/worker.h"

enum { USELESS_MOST = 2 };

/* w has put a task into its deque and a worker sleeps.  offer.c. */
void offer_slow(struct worker *w);
/* w has taken one of those that it offers. */
void offer_turn(struct worker *w);
/* One that was woken has found something, or nothing. */
void offer_answer(struct pool *p, bool found);

/* w, of a pool with others, has put a task into its deque. */
static inline void offer(struct worker *w)
{
    struct pool *p = w->pool;
    fence_light(); /* as in pool_notify */
    if (unlikely(load_relaxed(&p->sleepers) && !load_relaxed(&p->searching)))
        offer_slow(w);
}
#endif
