/* core/wait.h - waiting in four verbs: prepare, park, wake, abandon.  Every primitive that
 * blocks is written on them and on nothing else, so deadlines, cancellation, tracing and
 * the views each have one place to stand, and a primitive serves tasks and plain threads
 * without asking which it has.
 *
 * The life of one wait, by the context c that waits:
 *
 *     rc = context_check(c)                   every [wait] call looks first
 *     latch_lock(&x->latch)                   the primitive's own latch
 *     if (x can go on) { ...; latch_unlock; return }
 *     ticket = wait_prepare(c, "what", x)     open: may be claimed from here on
 *     wait_node_init(&n, c, ticket, 0); list_push_back(&x->waiters, &n.link)
 *     latch_unlock(&x->latch)
 *     outcome = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE)
 *     if (outcome < 0) { latch_lock; if (list_linked(&n.link)) list_remove; latch_unlock }
 *
 * and by whoever lets it go on, holding the primitive's latch:
 *
 *     while ((l = list_pop(&x->waiters)))     take it out of the list first
 *         if (wait_node_claim(n)) { hand over what c waits for; woken = n->who; break; }
 *     latch_unlock(&x->latch)
 *     wait_wake(woken, outcome)               outcome >= 0; n is not touched after
 *
 * A claim is won by exactly one party: a waker, the deadline, a cancel, or c itself
 * (wait_abandon).  Who won calls wait_wake exactly once; until then c cannot run, so the
 * node and what it points to on c's stack are safe to use.  A node is touched under the
 * primitive's latch only, and c takes its nodes out under that latch before its frame
 * goes, so a waker that lost finds no dead node. */
#ifndef CORE_WAIT_H
#define CORE_WAIT_H
#include "base/clock.h"
#include "base/list.h"
#include "core/context.h"

enum { WAIT_OPEN = 1, WAIT_CUTTABLE = 2, WAIT_TICKET_SHIFT = 2 };
enum { WAIT_TIME = INT32_MAX }; /* outcome: `until` has come */
enum { WAIT_CUT = INT32_MAX - 1 }; /* outcome: a scope was cancelled; wait_park turns it
                                      into the code */
enum { WAIT_ENDED = INT32_MAX - 2 }; /* outcome of a waker: what it waits at has ended */
enum { WAIT_ODD = WAIT_ENDED };      /* the least of these: see core/last.h */

/* Begin a wait of c, which is the caller.  what: static words ("channel to receive");
 * on: the object, for views. */
uint64_t wait_prepare(struct context *c, const char *what, const void *on);
/* Wait.  flags: 0 or WAIT_CUTTABLE.  Returns what wait_wake gave (>= 0), WAIT_TIME when
 * `until` came first, or with WAIT_CUTTABLE -ECANCELED, -ETIMEDOUT. */
int wait_park(struct context *c, uint64_t ticket, int64_t until, unsigned flags);
/* By c itself, after prepare, instead of park: true: nobody has claimed it, the wait is
 * over.  False: somebody has, and c must park to take the wake (the outcome is real). */
bool wait_abandon(struct context *c, uint64_t ticket);
/* Win the right to end the wait.  Any thread, any time; signal handlers too. */
static inline bool wait_claim(struct context *c, uint64_t ticket)
{
    /* relaxed, both: the ticket is no secret of ours: it is what wait_prepare returned, and
     * c has handed it over, under a latch or by a release of its own, so that what c prepared
     * is seen.  The CAS decides; who loses reads nothing. */
    uint64_t word = load_relaxed(&c->wait_word);
    while (word >> WAIT_TICKET_SHIFT == ticket && word & WAIT_OPEN)
        if (cas_relaxed(&c->wait_word, &word, ticket << WAIT_TICKET_SHIFT))
            return true;
    return false;
}
/* After a won claim.  Any thread. */
static inline void wait_wake(struct context *c, int outcome)
{
    c->outcome = outcome; /* seen by c: the carrier's ready releases */
    c->carrier->ready(c);
}
/* The same from where a signal handler may be the caller: never touches what the
 * interrupted code of this thread may hold. */
void wait_wake_signal(struct context *c, int outcome);

static inline void wait_node_init(struct wait_node *n, struct context *c,
                                  uint64_t ticket, int index)
{
    *n = (struct wait_node){ .who = c, .ticket = ticket, .index = index };
}
/* For a node just taken out of its list, under its latch. */
static inline bool wait_node_claim(struct wait_node *n)
{
    if (unlikely(n->notify != NULL)) {
        n->notify(n);
        return false;
    }
    return wait_claim(n->who, n->ticket);
}
#endif
