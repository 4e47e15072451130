/* sync/sem.c - a counting semaphore, whose up is safe in signal handlers.
 *
 * Design: up adds one to the word and is done unless SEM_WAITED was set; then somebody
 * must settle: under the latch, hand units to waiters in order.  Who may not wait for
 * the latch (a handler, whose own thread may hold it) leaves a poke, and whoever lets
 * the latch go settles.  So every unlock of the latch settles first.
 * Tests: tests/sync_test.c, tests/sync_moment_test.c. */
#include "core/waiters.h"
#include "sync/far/far.h"
#include <sched.h>
#include <tutti/sync.h>

/* SEM_WAITED: somebody waits or is about to.  May be set with none waiting (an up takes
 * the latch for nothing); must never be clear with one waiting (it would sleep for
 * ever).  While it is set units go to waiters alone, in order; nobody takes one past
 * them.
 * SEM_UPPER and above: the count of ups that saw SEM_WAITED and are not done with *s.
 * Whoever got a unit, and may now destroy it, waits for them first. */
enum { SEM_WAITED = 1, SEM_ONE = 2 };
#define SEM_UPPER (UINT64_C(1) << 48)

/* Holds: word = uppers * SEM_UPPER | units * SEM_ONE | SEM_WAITED or not; with the latch
 * free and no up under way, units == 0 or nobody waits. */
struct sem {
    _Atomic uint64_t word;
    struct latch latch; /* guards waiters */
    uint32_t unused;
    struct list waiters;
};
_Static_assert(sizeof(struct sem) <= sizeof(tutti_sem), "grow tutti_sem");

static struct sem *sem_of(tutti_sem *s)
{
    return (struct sem *)(void *)s;
}

static bool sem_has_units(uint64_t word)
{
    return (word & (SEM_UPPER - 1)) >= SEM_ONE;
}

/* Before who got a unit returns.  An up never waits, so this takes a few steps.  The load
 * also brings what those did that have raised it. */
static int sem_wait_uppers(struct sem *s)
{
    /* acquire: pairs with the release in tutti_sem_up */
    while (unlikely(load_acquire(&s->word) >= SEM_UPPER) && !far_is(s, FAR_SEM)) /* else rubbish */
        sched_yield();
    return 0;
}

void tutti_sem_init(tutti_sem *public, unsigned n)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct sem *s = sem_of(public);
    *public = (tutti_sem){ { 0 } };
    store_relaxed(&s->word, (uint64_t)n * SEM_ONE); /* nobody else knows it yet */
}

/* Under the latch: give units to those who wait. */
static void sem_settle(struct sem *s, struct list *woken)
{
    struct wait_node *n;
    /* relaxed: the woken see by sem_wait_uppers what the upper did */
    while (sem_has_units(load_relaxed(&s->word)) && (n = waiters_claim(&s->waiters))) {
        sub_relaxed(&s->word, SEM_ONE); /* no order beyond that of the load above */
        list_push_back(woken, &n->link);
    }
    if (waiters_none(&s->waiters)) /* relaxed: set again under the latch only */
        and_relaxed(&s->word, ~(uint64_t)SEM_WAITED);
}

static void sem_unlock(struct sem *s, struct list *woken)
{
    sem_settle(s, woken);
    while (latch_unlock(&s->latch))
        sem_settle(s, woken);
}

/* Without waiting and without passing anybody. */
static bool sem_take(struct sem *s)
{
    uint64_t word = load_relaxed(&s->word); /* the CAS decides */
    while (sem_has_units(word) && !(word & SEM_WAITED))
        if (cas_relaxed(&s->word, &word, word - SEM_ONE)) /* then sem_wait_uppers */
            return true;
    return false;
}

static void settled_add(void *sem, struct wait_node *n)
{
    struct sem *s = sem;
    waiters_add(&s->waiters, n);
    /* relaxed: an up before it in the word's order is seen by the settling in
     * sem_unlock, one after it sees the bit and settles or pokes */
    or_relaxed(&s->word, SEM_WAITED);
}
static void settled_unlock(void *s, struct list *woken)
{
    sem_unlock(s, woken);
}
static const struct settled sem_settled = { settled_add, settled_unlock };

static int sem_down_slow(struct sem *s, struct context *c)
{
    if (far_is(s, FAR_SEM)) /* its word always says SEM_WAITED: see far/share.c */
        return far_sem_down((tutti_sem *)(void *)s, c);
    int rc = waiters_park(c, "semaphore", s, &s->latch, &sem_settled);
    return likely(rc == 0) ? sem_wait_uppers(s) : rc;
}

int tutti_sem_down(tutti_sem *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct context *c = context_self();
    int rc = context_check(c);
    if (unlikely(rc < 0))
        return rc;
    return sem_take(sem_of(public)) ? sem_wait_uppers(sem_of(public))
                                    : sem_down_slow(sem_of(public), c);
}

int tutti_sem_trydown(tutti_sem *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct sem *s = sem_of(public);
    struct list woken;
    if (sem_take(s))
        return sem_wait_uppers(s);
    if (far_is(s, FAR_SEM))
        return far_sem_trydown(public);
    if (!sem_has_units(load_relaxed(&s->word))) /* as if asked a moment earlier */
        return -EBUSY;
    list_init(&woken);
    latch_lock(&s->latch); /* there are units for those who wait; is one left over? */
    sem_unlock(s, &woken);
    waiters_wake(&woken);
    return sem_take(s) ? sem_wait_uppers(s) : -EBUSY;
}

void tutti_sem_up(tutti_sem *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct sem *s = sem_of(public);
    struct list woken;
    uint64_t word = load_relaxed(&s->word), upper; /* the CAS decides */
    if (unlikely(word & SEM_WAITED) && far_is(s, FAR_SEM)) {
        far_sem_up(public);
        return;
    }
    do
        upper = word & SEM_WAITED ? SEM_UPPER : 0;
    while (!cas_release(&s->word, &word, word + SEM_ONE + upper)); /* as sem_take, _settle */
    if (likely(!upper))
        return; /* *s may be gone: whoever took the unit may own it */
    list_init(&woken);
    if (latch_try_or_poke(&s->latch))
        sem_unlock(s, &woken);
    /* release: pairs with sem_wait_uppers; *s may be gone from here on */
    sub_release(&s->word, SEM_UPPER);
    waiters_wake_signal(&woken);
}
