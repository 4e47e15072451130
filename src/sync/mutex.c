/* sync/mutex.c - a mutex whose word is its holder, so that locking and unlocking what
 * nobody else wants is one compare-and-swap each, and a wrong unlock is noticed for
 * free.
 *
 * Design: with somebody waiting, unlock hands the mutex to who has waited longest
 * instead of freeing it.  That costs a switch for each hand-over where letting the
 * running caller barge in would not; in return nobody starves, the order is that of
 * arrival (which the header promises), and the waker is done after one wake.  A caller
 * that finds the mutex held queues at once: spinning for a holder that is parked, or on
 * this same thread, would be waste, and which it is cannot be seen from here.
 * Tests: tests/lock_test.c. */
#include "sync/mutex.h"
#include "core/task.h"
#include "core/waiters.h"
#include "sync/far/far.h"

/* Words no holder's address can make: *m was overwritten, or is no mutex. */
enum { MUTEX_NEVER = 6 };

/* Before the latch is taken, which would be waited for in vain. */
static void mutex_check(struct mutex *m, struct context *c)
{
    /* relaxed, both: any value that was ever there will do */
    if (unlikely(load_relaxed(&m->word) & MUTEX_NEVER
                 || load_relaxed(&m->latch.word) > (LATCH_WAITED | LATCH_POKE)))
        misuse("%s: the memory of mutex %p was overwritten, or never zeroed",
               task_name(c), (void *)m);
}

static int mutex_held(struct mutex *m, struct context *c, uintptr_t word)
{
    if ((word & ~(uintptr_t)MUTEX_WAITED) == (uintptr_t)c)
        return why_set(-EDEADLK, "%s holds mutex %p already and would wait for itself",
                       task_name(c), (void *)m);
    return 0;
}

/* Take it, or mark it as waited for.  Under the latch.  1: taken. */
static int mutex_take_or_mark(struct mutex *m, struct context *c)
{
    uintptr_t word = load_relaxed(&m->word); /* each CAS decides */
    for (;;) {
        if (!word) {
            /* acquire: pairs with the release that freed it */
            if (cas_acquire(&m->word, &word, (uintptr_t)c))
                return 1;
            continue;
        }
        int rc = mutex_held(m, c, word);
        /* relaxed: tells the holder to look under the latch, which orders the rest */
        if (rc < 0 || word & MUTEX_WAITED
            || cas_relaxed(&m->word, &word, word | MUTEX_WAITED))
            return rc;
    }
}

static int mutex_lock_slow(struct mutex *m, struct context *c, unsigned flags)
{
    struct wait_node n;
    if (far_is(m, FAR_MUTEX)) /* its word is never 0: see far/share.c */
        return far_mutex_lock((tutti_mutex *)(void *)m, c, flags);
    mutex_check(m, c);
    latch_lock(&m->latch);
    int rc = mutex_take_or_mark(m, c);
    if (rc) {
        latch_unlock(&m->latch);
        c->locks += rc > 0;
        return rc < 0 ? rc : 0;
    }
    uint64_t ticket = wait_prepare(c, "mutex", m);
    wait_node_init(&n, c, ticket, 0);
    waiters_add(&m->waiters, &n);
    latch_unlock(&m->latch);
    rc = wait_park(c, ticket, CLOCK_NEVER, flags);
    if (likely(rc >= 0)) { /* handed over: word is c */
        c->locks++;
        return 0;
    }
    latch_lock(&m->latch);
    waiters_remove(&n);
    latch_unlock(&m->latch);
    return wait_failed(rc);
}

int tutti_mutex_lock(tutti_mutex *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct mutex *m = mutex_of(public);
    struct context *c = context_self();
    uintptr_t word = 0;
    /* acquire: pairs with the release in tutti_mutex_unlock */
    if (unlikely(!cas_acquire(&m->word, &word, (uintptr_t)c)))
        return mutex_lock_slow(m, c, 0);
    c->locks++;
    return 0;
}

int tutti_mutex_lock_cut(tutti_mutex *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct mutex *m = mutex_of(public);
    struct context *c = context_self();
    uintptr_t word = 0;
    int rc = context_check(c);
    if (unlikely(rc < 0))
        return rc;
    if (unlikely(!cas_acquire(&m->word, &word, (uintptr_t)c))) /* as tutti_mutex_lock */
        return mutex_lock_slow(m, c, WAIT_CUTTABLE);
    c->locks++;
    return 0;
}

int tutti_mutex_trylock(tutti_mutex *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct context *c = context_self();
    uintptr_t word = 0;
    /* as tutti_mutex_lock */
    if (!cas_acquire(&mutex_of(public)->word, &word, (uintptr_t)c))
        return far_is(public, FAR_MUTEX) ? far_mutex_trylock(public, c) : -EBUSY;
    c->locks++;
    return 0;
}

static _Noreturn void mutex_not_mine(struct mutex *m, struct context *c, uintptr_t word)
{
    struct context *holder = (struct context *)(word & ~(uintptr_t)MUTEX_WAITED);
    if (word & MUTEX_NEVER)
        misuse("%s unlocks %p, which is no mutex or was overwritten", task_name(c),
               (void *)m);
    if (!holder)
        misuse("%s unlocks mutex %p, which nobody holds", task_name(c), (void *)m);
    misuse("%s unlocks mutex %p, which %s holds", task_name(c), (void *)m,
           task_name(holder));
}

/* Somebody waits, or the caller is not the holder.  Not inlined: the fast path would
 * save its registers. */
__attribute__((noinline)) static void mutex_unlock_slow(struct mutex *m, struct context *c)
{
    if (far_is(m, FAR_MUTEX)) {
        far_mutex_unlock((tutti_mutex *)(void *)m, c);
        return;
    }
    if (unlikely(!mutex_mine(m, c)))
        mutex_not_mine(m, c, load_relaxed(&m->word)); /* for its words only */
    uintptr_t word = (uintptr_t)c;
    do {
        latch_lock(&m->latch);
        struct wait_node *n = waiters_claim(&m->waiters);
        if (n) {
            word = (uintptr_t)n->who | (waiters_none(&m->waiters) ? 0 : MUTEX_WAITED);
            /* relaxed: the new holder sees what we did by the wake, and the latch
             * orders it for who waits later */
            store_relaxed(&m->word, word);
            latch_unlock(&m->latch);
            wait_wake(n->who, 0);
            return;
        }
        store_relaxed(&m->word, (uintptr_t)c); /* nobody waits; still held: as above */
        latch_unlock(&m->latch);
        /* Freed only after the latch: who locks it next may destroy it.  release: pairs
         * with the acquire of who locks it next. */
        word = (uintptr_t)c;
    } while (!cas_release(&m->word, &word, 0));
}

void tutti_mutex_unlock(tutti_mutex *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct mutex *m = mutex_of(public);
    struct context *c = context_self();
    uintptr_t word = (uintptr_t)c;
    /* release: pairs with the acquire in tutti_mutex_lock */
    if (unlikely(!cas_release(&m->word, &word, 0)))
        mutex_unlock_slow(m, c);
    c->locks--;
}
