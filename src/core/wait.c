/* core/wait.c - the four verbs, and the context of a plain thread, which waits on a futex.
 * See wait.h for the protocol.  Tests: tests/cut_test.c, and every primitive's. */
#include "core/wait.h"
#include "core/last.h"
#include "base/latch.h"
#include "core/thread.h"
#include <sched.h>

static _Atomic uint32_t *futex_of(struct context *c)
{
    return &c->woken;
}

/* --- the verbs ----------------------------------------------------------- */

uint64_t wait_prepare(struct context *c, const char *what, const void *on)
{
    /* relaxed: only c itself raises the ticket */
    uint64_t ticket = (load_relaxed(&c->wait_word) >> WAIT_TICKET_SHIFT) + 1;
    c->wait_what = what;
    c->wait_on = on;
    store_relaxed(&c->woken, 0); /* nobody sets it before a claim of the new ticket */
    /* release: for those who look on, as tests do (crew_until_waits): who finds it open sees
     * what it waits for and all that came before.  Who claims has the ticket from us, and
     * cancels do not look before wait_open_to_cuts. */
    store_release(&c->wait_word, ticket << WAIT_TICKET_SHIFT | WAIT_OPEN);
    return ticket;
}

bool wait_abandon(struct context *c, uint64_t ticket)
{
    return wait_claim(c, ticket);
}

void wait_wake_signal(struct context *c, int outcome)
{
    c->outcome = outcome;
    c->carrier->ready_signal(c);
}

/* Open the wait to cancels and find out whether one came before.  0: go on and park;
 * negative: c has ended its own wait; 1: somebody else has, so park to take the wake. */
static int wait_open_to_cuts(struct context *c, uint64_t ticket, int64_t *until)
{
    scope_enlist(c);
    uint64_t word = ticket << WAIT_TICKET_SHIFT | WAIT_OPEN;
    /* seq_cst: pairs with scope_stop, which sets `over`, counts, passes a fence, and then
     * looks at wait_word, while we set wait_word and then look at the count (in scope_over):
     * one of us sees the other. */
    if (!cas_seqcst(&c->wait_word, &word, word | WAIT_CUTTABLE))
        return 1;
    int64_t deadline;
    int rc = scope_over(c, &deadline);
    if (rc < 0)
        return wait_abandon(c, ticket) ? rc : 1;
    if (deadline < *until)
        *until = deadline;
    return 0;
}

void corks_flush(struct context *c)
{
    struct cork *k;
    while ((k = c->corks)) {
        c->corks = k->next;
        k->flush(k, c);
    }
}

int wait_park(struct context *c, uint64_t ticket, int64_t until, unsigned flags)
{
    int64_t limit = until;
    if (flags & WAIT_CUTTABLE) {
        int rc = wait_open_to_cuts(c, ticket, &limit);
        if (rc < 0)
            return rc;
    }
    if (unlikely(c->corks != NULL))
        corks_flush(c);
    c->carrier->park(c, ticket, limit);
    int outcome = c->outcome;
    if (unlikely(outcome == WAIT_CUT || (outcome == WAIT_TIME && limit < until)))
        return scope_cut_code(c);
    return outcome;
}

int last_park_bound(struct context *c, wait_odd *odd)
{
    int64_t deadline;
    uint64_t ticket = c->node.ticket;
    /* The fence of last_park does for this, too: a cancel whose fence came before it is
     * seen below, and one whose fence comes after sees the wait, if it finds c.  One that
     * looks for c before c is on the list lets a latch go that the list, or who put c's
     * scope there, takes after it, so that it is seen below. */
    scope_enlist(c);
    int rc = scope_over(c, &deadline);
    if (rc == 0)
        c->wait_at = c->clear_at;
    if (rc < 0 && wait_abandon(c, ticket))
        c->outcome = WAIT_CUT;
    else
        c->carrier->park(c, ticket, rc < 0 ? CLOCK_NEVER : deadline);
    return last_value(c, odd);
}

/* --- plain threads --------------------------------------------------------- */

static void thread_park(struct context *c, uint64_t ticket, int64_t until)
{
    if (c->sleep) {
        c->sleep->park(c->sleep, c, ticket, until);
        return;
    }
    /* acquire: pairs with the release in thread_ready; the outcome is seen. */
    struct tutti_executor *ex = c->scope && !scope_lost(c->scope) ? c->scope->ex : NULL;
    if (ex && ex->ops->help)
        ex->ops->help(ex, futex_of(c), 0, until);
    while (!load_acquire(futex_of(c))) {
        int rc = futex_wait(futex_of(c), 0, until);
        if (rc == -ETIMEDOUT) {
            if (wait_claim(c, ticket)) {
                c->outcome = WAIT_TIME;
                return;
            }
            until = CLOCK_NEVER; /* the claim's winner is about to wake us */
        }
    }
}

static int thread_wait(struct context *c, wait_odd *odd)
{
    thread_park(c, c->node.ticket, CLOCK_NEVER);
    return last_value(c, odd);
}

static void thread_ready(struct context *c)
{
    struct thread_sleep *sleep = c->sleep;
    _Atomic uint32_t *word = futex_of(c);
    if (sleep) { /* it sleeps elsewhere, with descriptors: see core/thread.h */
        sleep->interrupt(sleep, c);
        return;
    }
    bool own = c == context_current; /* it helped its executor, and found what it waits for */
    store_release(word, 1); /* pairs with thread_park; c may be gone from here on */
    if (!own)
        futex_wake(word, 1); /* harmless on a thread that has ended */
}

static int thread_yield(struct context *c)
{
    sched_yield();
    return context_check_here(c);
}

static struct poller *thread_poller(struct context *c)
{
    (void)c;
    return NULL;
}

static struct closers *thread_closers(struct context *c)
{
    (void)c;
    return NULL;
}

const struct carrier thread_carrier = { thread_park,  thread_wait,   thread_ready,
                                        thread_ready, thread_yield,  thread_poller,
                                        thread_closers };
