/* sync/group.c - a count of things to be done, and those who wait for it to be zero.
 * Counting is one compare-and-swap, but for the one that makes it zero while somebody
 * waits: that is done under the latch, so that exactly those who waited then are woken.
 * Tests: tests/sync_test.c. */
#include "core/task.h"
#include "core/waiters.h"
#include <tutti/sync.h>

/* GROUP_WAITED: somebody waits.  May be set with none waiting; must never be clear with
 * one waiting.  Changed under the latch. */
enum { GROUP_WAITED = 1, GROUP_ONE = 2 };

/* Holds: word = count * GROUP_ONE | GROUP_WAITED or not; with the latch free, count > 0
 * or nobody waits. */
struct group {
    _Atomic uint64_t word;
    struct latch latch; /* guards waiters */
    uint32_t unused;
    struct list waiters;
};
_Static_assert(sizeof(struct group) <= sizeof(tutti_group), "grow tutti_group");

static struct group *group_of(tutti_group *g)
{
    return (struct group *)(void *)g;
}

/* The word after n more. */
static uint64_t group_plus(struct group *g, uint64_t word, int n)
{
    int64_t count = (int64_t)(word / GROUP_ONE) + n;
    if (unlikely(count < 0))
        misuse("%s takes %d from the %lld of wait group %p", task_name(context_self()), -n,
               (long long)(word / GROUP_ONE), (void *)g);
    return (uint64_t)count * GROUP_ONE | (word & GROUP_WAITED);
}

/* As the caller's change makes it zero and somebody waits.  GROUP_WAITED stays: who
 * waits next and finds zero comes by the latch, so *g cannot go away while we hold
 * it. */
static void group_change_waited(struct group *g, int n)
{
    struct list woken;
    list_init(&woken);
    latch_lock(&g->latch);
    uint64_t word = load_relaxed(&g->word), then; /* the CAS decides */
    do
        then = group_plus(g, word, n);
    while (!cas_acquire(&g->word, &word, then)); /* pairs with tutti_group_add; what we did
                                                    ourselves goes with the wake */
    if (then == GROUP_WAITED)
        waiters_claim_all(&g->waiters, &woken);
    latch_unlock(&g->latch);
    waiters_wake(&woken);
}

void tutti_group_add(tutti_group *public, int n)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct group *g = group_of(public);
    uint64_t word = load_relaxed(&g->word), then; /* the CAS decides */
    do {
        then = group_plus(g, word, n);
        if (unlikely(then == GROUP_WAITED)) {
            group_change_waited(g, n);
            return;
        }
        /* release: pairs with the acquires in tutti_group_wait and above: each change of
         * the word carries on what was released before it */
    } while (!cas_release(&g->word, &word, then));
}

void tutti_group_done(tutti_group *g)
{
    if (unlikely(!g))
        misuse_null(__func__);
    tutti_group_add(g, -1);
}

int tutti_group_wait(tutti_group *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct group *g = group_of(public);
    struct context *c = context_self();
    struct wait_node n;
    int rc = context_check(c);
    if (unlikely(rc < 0) || load_acquire(&g->word) == 0) /* pairs with tutti_group_add */
        return rc;
    latch_lock(&g->latch);
    /* acquire: as above.  From here on zero is reached under the latch only. */
    if (or_acquire(&g->word, GROUP_WAITED) < GROUP_ONE) {
        if (waiters_none(&g->waiters)) /* relaxed: the latch orders it */
            and_relaxed(&g->word, ~(uint64_t)GROUP_WAITED);
        latch_unlock(&g->latch);
        return 0;
    }
    uint64_t ticket = wait_prepare(c, "wait group", g);
    wait_node_init(&n, c, ticket, 0);
    waiters_add(&g->waiters, &n);
    latch_unlock(&g->latch);
    rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
    if (likely(rc >= 0))
        return 0;
    latch_lock(&g->latch);
    waiters_remove(&n);
    latch_unlock(&g->latch);
    return wait_failed(rc);
}
