/* core/last.h - to wait at one place as the last act of a call: what the wait gives is what
 * the call returns.  Cheaper than the four verbs of core/wait.h, of which it is made:
 *
 *     latch_lock(&x->latch)
 *     last_prepare(c, "what", x, item, value)   open, to cancels too
 *     list_push_back(&x->waiters, &c->node.link)
 *     latch_unlock(&x->latch)
 *     return last_park(c, odd)
 *
 * The waiter needs no frame: its node is in the context.  So the switch is made in the frame
 * that returns to the caller, and what is resumed returns but once.  A return on a stack
 * that was just switched to is never predicted right unless the one that was left came from
 * the same place, at some 9 ns each; so who is resumed returns by a jump, which is.
 *
 * odd(c) gives the value where c->outcome is WAIT_ODD or more: it was cut, and must be taken
 * out of the list; or a waker said WAIT_ENDED.
 * Tests: tests/chan_test.c, tests/cut_test.c. */
#ifndef CORE_LAST_H
#define CORE_LAST_H
#include "base/fence.h"
#include "core/scope.h"

static inline void last_prepare(struct context *c, const char *what, const void *on,
                                void *item, int value)
{
    /* relaxed: only c itself raises the ticket */
    uint64_t ticket = (load_relaxed(&c->wait_word) >> WAIT_TICKET_SHIFT) + 1;
    c->wait_what = what;
    c->wait_on = on;
    c->node.who = c;
    c->node.ticket = ticket;
    c->node.item = item;
    c->node.index = value;
    c->node.own = true;
    store_relaxed(&c->woken, 0); /* as wait_prepare */
    /* release: pairs with the acquire in context_end_wait. */
    store_release(&c->wait_word, ticket << WAIT_TICKET_SHIFT | WAIT_OPEN | WAIT_CUTTABLE);
}

/* Whose own node n is.  By arithmetic: what is woken next hangs on it, and who, just stored by
 * the waiter, would take some cycles to come. */
static inline struct context *node_owner(struct wait_node *n)
{
    struct context *c = list_entry(n, struct context, node);
    assert(n->own && n->who == c);
    return c;
}
/* The way through last_park that is not the usual one: wait.c. */
int last_park_bound(struct context *c, wait_odd *odd);
/* After a fence_light, or what stands for one; that pairs with fence_heavy in cuts_count: as
 * in wait_open_to_cuts, one of us sees the other. */
static inline int last_park_fenced(struct context *c, wait_odd *odd)
{
    if (unlikely(c->corks != NULL)) /* who is waited for may wait for what they hold */
        corks_flush(c);
    /* acquire: as in scope_clear */
    if (unlikely(load_acquire(&scope_cuts) != c->wait_at))
        return last_park_bound(c, odd);
    return c->carrier->wait(c, odd);
}
static inline int last_park(struct context *c, wait_odd *odd)
{
    fence_light();
    return last_park_fenced(c, odd);
}
/* For carriers: what a wait that is over gives. */
static inline int last_value(struct context *c, wait_odd *odd)
{
    int outcome = c->outcome;
    return likely(outcome < WAIT_ODD) ? outcome : odd(c);
}
#endif
