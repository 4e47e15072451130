/* sync/barrier.c - a barrier for n, used in rounds.  If one of a round is cut, before
 * it came or while it waits, the round is broken: all others of it, also those who have
 * yet to come, get -ECANCELED at once, since the n-th would never come for them.
 * Tests: tests/sync_test.c. */
#include "core/waiters.h"
#include "sync/far/far.h"
#include <tutti/sync.h>

enum { BARRIER_PASSED, BARRIER_BROKEN }; /* outcomes */

/* Holds: arrived < n with the latch free; waiters are those of this round who came and
 * still wait; if broken, nobody waits. */
struct barrier {
    struct latch latch; /* guards all */
    uint32_t n, arrived;
    bool broken;
    struct list waiters;
};
_Static_assert(sizeof(struct barrier) <= sizeof(tutti_barrier), "grow tutti_barrier");

static struct barrier *barrier_of(tutti_barrier *b)
{
    return (struct barrier *)(void *)b;
}

void tutti_barrier_init(tutti_barrier *public, unsigned n)
{
    if (unlikely(!public))
        misuse_null(__func__);
    if (far_is(public, FAR_BARRIER)) {
        far_barrier_init(public);
        return;
    }
    *public = (tutti_barrier){ { 0 } };
    barrier_of(public)->n = n;
}

/* Under the latch: this round will not be complete. */
static void barrier_break(struct barrier *b, struct list *woken)
{
    struct list *l;
    b->broken = true;
    waiters_claim_all(&b->waiters, woken);
    for (l = woken->next; l != woken; l = l->next)
        list_entry(l, struct wait_node, link)->index = BARRIER_BROKEN;
}

/* Under the latch: the last of the round has come.  Those who wait are claimed before
 * it is decided, since one may be cut at this very moment.  True: the round was
 * whole. */
static bool barrier_round(struct barrier *b, struct list *woken)
{
    bool whole = !b->broken && waiters_claim_all(&b->waiters, woken) == b->n - 1;
    if (!whole)
        barrier_break(b, woken);
    b->arrived = 0;
    b->broken = false;
    return whole;
}

static int barrier_park(struct barrier *b, struct context *c)
{
    struct wait_node n;
    struct list woken;
    list_init(&woken);
    uint64_t ticket = wait_prepare(c, "barrier", b);
    wait_node_init(&n, c, ticket, BARRIER_PASSED);
    waiters_add(&b->waiters, &n);
    latch_unlock(&b->latch);
    int rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
    if (rc == BARRIER_PASSED)
        return 0;
    if (rc == BARRIER_BROKEN)
        return why_static(-ECANCELED, "another of this round of the barrier was cut off");
    latch_lock(&b->latch);
    if (list_linked(&n.link)) { /* else the round has ended, and knows */
        list_remove(&n.link);
        barrier_break(b, &woken);
    }
    latch_unlock(&b->latch);
    waiters_wake(&woken);
    return wait_failed(rc);
}

int tutti_barrier_wait(tutti_barrier *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct barrier *b = barrier_of(public);
    struct context *c = context_self();
    struct list woken;
    if (far_is(public, FAR_BARRIER))
        return far_barrier_wait(public, c);
    int rc = context_check(c), whole = 0;
    list_init(&woken);
    latch_lock(&b->latch);
    if (unlikely(b->n == 0)) {
        latch_unlock(&b->latch);
        return why_static(-EINVAL, "a barrier for nobody: see tutti_barrier_init");
    }
    bool last = ++b->arrived == b->n;
    if (rc < 0 && !b->broken)
        barrier_break(b, &woken);
    if (rc == 0 && !last && !b->broken)
        return barrier_park(b, c); /* lets the latch go */
    if (last)
        whole = barrier_round(b, &woken);
    latch_unlock(&b->latch);
    waiters_wake(&woken);
    if (rc == 0 && !whole)
        rc = why_static(-ECANCELED, "another of this round of the barrier was cut off");
    return rc < 0 ? rc : 1;
}
