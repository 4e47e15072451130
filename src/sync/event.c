/* sync/event.c - a flag to wait for.  Setting it is safe in signal handlers.
 *
 * Design: set puts EVENT_SET into the word and is done unless EVENT_WAITED was there;
 * then somebody must settle: under the latch, wake all who wait.  Who may not wait for
 * the latch (a handler, whose own thread may hold it) leaves a poke, and whoever lets
 * the latch go settles.  What clears it wakes all who wait, so a set that is cleared at
 * once still ends the waits that had begun.  Signals: sync/event_signal.c.
 * Tests: tests/sync_test.c, tests/sync_moment_test.c, tests/wait_test.c. */
#include "core/waitable.h"
#include "core/waiters.h"
#include "sync/far/far.h"
#include <sched.h>
#include <tutti/sync.h>

/* EVENT_WAITED: somebody waits or is about to.  May be set with none waiting (a set
 * takes the latch for nothing); must never be clear with one waiting.  Both change
 * under the latch, but for setting EVENT_SET.
 * Above them is the count of those who set it, saw EVENT_WAITED, and are not done with
 * *e.  Whoever has waited, and may now destroy it, waits for them first. */
enum { EVENT_SET = 1, EVENT_WAITED = 2, EVENT_SETTER = 4 };

/* Holds: word = setters * EVENT_SETTER | EVENT_WAITED or not | EVENT_SET or not; with the
 * latch free and no set under way, not EVENT_SET or nobody waits. */
struct event {
    _Atomic uint32_t word;
    struct latch latch; /* guards waiters */
    struct list waiters;
};
_Static_assert(sizeof(struct event) <= sizeof(tutti_event), "grow tutti_event");

static struct event *event_of(tutti_event *e)
{
    return (struct event *)(void *)e;
}

static bool event_on(struct event *e)
{
    return load_acquire(&e->word) & EVENT_SET; /* pairs with tutti_event_set */
}

static void event_settle(struct event *e, struct list *woken)
{
    if (event_on(e))
        waiters_claim_all(&e->waiters, woken);
    if (waiters_none(&e->waiters)) /* relaxed: set again under the latch only */
        and_relaxed(&e->word, ~(uint32_t)EVENT_WAITED);
}

static void event_unlock(struct event *e, struct list *woken)
{
    event_settle(e, woken);
    while (latch_unlock(&e->latch))
        event_settle(e, woken);
}

static void event_add(struct event *e, struct wait_node *n)
{
    waiters_add(&e->waiters, n);
    /* relaxed: a set before it in the word's order is seen by the settling when the
     * latch is let go; one after it sees the bit, and settles or pokes */
    or_relaxed(&e->word, EVENT_WAITED);
}

/* Before who has waited returns.  A setter never waits, so this takes a few steps. */
static void event_wait_setters(struct event *e)
{
    /* acquire: pairs with the release in tutti_event_set */
    while (unlikely(load_acquire(&e->word) >= EVENT_SETTER)
           && !far_is(e, FAR_EVENT)) /* else rubbish */
        sched_yield();
}

void tutti_event_set(tutti_event *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct event *e = event_of(public);
    struct list woken;
    uint32_t was = load_relaxed(&e->word), setter; /* the CAS decides */
    if (unlikely(was & EVENT_WAITED) && far_is(e, FAR_EVENT)) { /* always, there: see far/share.c */
        far_event_set(public);
        return;
    }
    do
        setter = (was & (EVENT_SET | EVENT_WAITED)) == EVENT_WAITED ? EVENT_SETTER : 0;
    while (!cas_release(&e->word, &was, (was | EVENT_SET) + setter)); /* as event_on */
    if (!setter)
        return; /* nobody waits, or who set it before sees to them; *e may be gone */
    list_init(&woken);
    if (latch_try_or_poke(&e->latch))
        event_unlock(e, &woken);
    /* release: pairs with event_wait_setters; *e may be gone from here on */
    sub_release(&e->word, EVENT_SETTER);
    waiters_wake_signal(&woken);
}

void tutti_event_clear(tutti_event *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct event *e = event_of(public);
    struct list woken;
    if (far_is(e, FAR_EVENT)) {
        far_event_clear(public);
        return;
    }
    list_init(&woken);
    latch_lock(&e->latch);
    /* relaxed: whom we wake sees by event_wait_setters what a setter did */
    if (and_relaxed(&e->word, ~(uint32_t)EVENT_SET) & EVENT_SET)
        waiters_claim_all(&e->waiters, &woken); /* who set it may not have come to it */
    event_unlock(e, &woken);
    waiters_wake(&woken);
}

int tutti_event_is_set(tutti_event *e)
{
    return e && (event_on(event_of(e)) || (far_is(e, FAR_EVENT) && far_event_is_set(e)));
}

static void settled_add(void *e, struct wait_node *n)
{
    event_add(e, n);
}
static void settled_unlock(void *e, struct list *woken)
{
    event_unlock(e, woken);
}
static const struct settled event_settled = { settled_add, settled_unlock };

static int event_park(struct event *e, struct context *c)
{
    int rc = waiters_park(c, "event", e, &e->latch, &event_settled);
    if (likely(rc == 0))
        event_wait_setters(e);
    return rc;
}

int tutti_event_wait(tutti_event *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct context *c = context_self();
    int rc = context_check(c);
    if (unlikely(rc < 0))
        return rc;
    if (!event_on(event_of(public)))
        return far_is(public, FAR_EVENT) ? far_event_wait(public, c)
                                         : event_park(event_of(public), c);
    event_wait_setters(event_of(public));
    return 0;
}

/* --- waiting for any ------------------------------------------------------- */

static struct latch *case_latch(tutti_case *c, int *rc)
{
    *rc = -EINVAL;
    return c->on.event ? &event_of(c->on.event)->latch : NULL;
}
static bool case_attempt(tutti_case *c, struct context **wake, int *outcome)
{
    (void)wake;
    (void)outcome;
    c->code = 0;
    return event_on(event_of(c->on.event));
}
static bool case_ready(tutti_case *c)
{
    return event_on(event_of(c->on.event));
}
static void case_enlist(tutti_case *c, struct wait_node *n)
{
    event_add(event_of(c->on.event), n);
}
static void case_finish(tutti_case *c, struct wait_node *n)
{
    (void)n;
    c->code = 0;
}
static void case_end(tutti_case *c, struct context *self, bool done)
{
    (void)self;
    if (done)
        event_wait_setters(event_of(c->on.event));
}
static void case_unlock(tutti_case *c, struct latch *l)
{
    struct list woken;
    (void)l;
    list_init(&woken);
    event_unlock(event_of(c->on.event), &woken);
    waiters_wake(&woken);
}

const struct waitable event_waitable = { .latch = case_latch,
                                         .attempt = case_attempt,
                                         .ready = case_ready,
                                         .enlist = case_enlist,
                                         .finish = case_finish,
                                         .unlock = case_unlock,
                                         .end = case_end };
