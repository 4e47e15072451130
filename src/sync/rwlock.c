/* sync/rwlock.c - many readers or one writer.  With nobody waiting, locking and
 * unlocking are one compare-and-swap; once somebody waits, all goes through the latch
 * and in order of arrival: a writer at the head holds up readers behind it, readers at
 * the head are let in together up to the next writer.  So neither side starves.
 * Tests: tests/lock_test.c. */
#include "core/task.h"
#include "core/waiters.h"
#include <assert.h>
#include <tutti/sync.h>

/* RW_WAITED: somebody waits.  May be set with none waiting; must never be clear with
 * one waiting.  While it is set the word changes under the latch only. */
enum { RW_WAITED = 1, RW_WRITING = 2, RW_READER = 4 };
enum { RW_READ, RW_WRITE };

/* Holds: word = readers * RW_READER | RW_WRITING or not | RW_WAITED or not; readers ==
 * 0 or not RW_WRITING; writer is set if and only if RW_WRITING, by the writer or for
 * it. */
struct rwlock {
    _Atomic uint64_t word;
    _Atomic(struct context *) writer;
    struct latch latch; /* guards waiters */
    uint32_t unused;
    struct list waiters; /* node.item: its kind */
};
_Static_assert(sizeof(struct rwlock) <= sizeof(tutti_rwlock), "grow tutti_rwlock");

static struct rwlock *rwlock_of(tutti_rwlock *l)
{
    return (struct rwlock *)(void *)l;
}

static int kind_of(const struct wait_node *n)
{
    return n->item ? RW_WRITE : RW_READ;
}

/* May one of that kind come in beside what word holds? */
static bool rwlock_free(uint64_t word, int kind)
{
    return kind == RW_READ ? !(word & RW_WRITING) : word < RW_WRITING;
}
static uint64_t rwlock_with(uint64_t word, int kind)
{
    assert(rwlock_free(word, kind));
    return kind == RW_READ ? word + RW_READER : word | RW_WRITING;
}

/* Under the latch, with RW_WAITED set: let in who is at the head. */
static void rwlock_grant(struct rwlock *l, struct list *woken)
{
    struct wait_node *n;
    uint64_t word = load_relaxed(&l->word); /* the latch orders it while RW_WAITED is set */
    while ((n = waiters_first(&l->waiters)) && rwlock_free(word, kind_of(n))) {
        list_remove(&n->link);
        if (!wait_node_claim(n))
            continue;
        word = rwlock_with(word, kind_of(n));
        if (kind_of(n) == RW_WRITE)
            store_relaxed(&l->writer, n->who); /* n->who sees it by the wake */
        list_push_back(woken, &n->link);
    }
    if (waiters_none(&l->waiters))
        word &= ~(uint64_t)RW_WAITED;
    store_release(&l->word, word); /* pairs with the CAS of who locks next */
}

/* Come in, or mark the lock as waited for.  Under the latch.  True: in. */
static bool rwlock_enter_or_mark(struct rwlock *l, int kind)
{
    uint64_t word = load_relaxed(&l->word); /* the CASes decide */
    for (;;) {
        if (!(word & RW_WAITED) && rwlock_free(word, kind)) {
            /* acquire: pairs with the releases of those who were in before */
            if (cas_acquire(&l->word, &word, rwlock_with(word, kind)))
                return true;
        } else if (word & RW_WAITED || cas_relaxed(&l->word, &word, word | RW_WAITED)) {
            return false; /* relaxed: sends others to the latch, which orders the rest */
        }
    }
}

static int rwlock_queue(struct rwlock *l, struct context *c, int kind, unsigned flags)
{
    struct wait_node n;
    struct list woken;
    list_init(&woken);
    uint64_t ticket = wait_prepare(c, kind == RW_READ ? "lock to read" : "lock to write", l);
    wait_node_init(&n, c, ticket, 0);
    n.item = kind == RW_WRITE ? l : NULL;
    waiters_add(&l->waiters, &n);
    rwlock_grant(l, &woken); /* RW_WAITED may have been left behind by a wait that was cut */
    latch_unlock(&l->latch);
    waiters_wake(&woken);
    int rc = wait_park(c, ticket, CLOCK_NEVER, flags);
    if (likely(rc >= 0))
        return 0;
    latch_lock(&l->latch);
    waiters_remove(&n);
    if (load_relaxed(&l->word) & RW_WAITED) /* set under the latch, which we hold */
        rwlock_grant(l, &woken); /* those whom c held up */
    latch_unlock(&l->latch);
    waiters_wake(&woken);
    return wait_failed(rc);
}

static int rwlock_lock(struct rwlock *l, int kind, unsigned flags)
{
    struct context *c = context_self();
    int rc = flags & WAIT_CUTTABLE ? context_check(c) : 0;
    if (unlikely(rc < 0))
        return rc;
    uint64_t word = load_relaxed(&l->word); /* the CAS decides */
    bool in = !(word & RW_WAITED) && rwlock_free(word, kind)
              && cas_acquire(&l->word, &word, rwlock_with(word, kind)); /* as below */
    if (unlikely(!in)) {
        if (load_relaxed(&l->writer) == c) /* relaxed: only c makes it c */
            return why_set(-EDEADLK, "%s holds lock %p for writing and would wait for "
                           "itself", task_name(c), (void *)l);
        latch_lock(&l->latch);
        if (!rwlock_enter_or_mark(l, kind)) {
            rc = rwlock_queue(l, c, kind, flags); /* lets the latch go */
            c->locks += rc == 0 && kind == RW_WRITE;
            return rc;
        }
        latch_unlock(&l->latch);
    }
    if (kind == RW_WRITE) {
        store_relaxed(&l->writer, c); /* read by c, and by others for messages only */
        c->locks++;
    }
    return 0;
}

int tutti_rwlock_rdlock(tutti_rwlock *l)
{
    if (unlikely(!l))
        return why_null(__func__);
    return rwlock_lock(rwlock_of(l), RW_READ, 0);
}
int tutti_rwlock_wrlock(tutti_rwlock *l)
{
    if (unlikely(!l))
        return why_null(__func__);
    return rwlock_lock(rwlock_of(l), RW_WRITE, 0);
}
int tutti_rwlock_rdlock_cut(tutti_rwlock *l)
{
    if (unlikely(!l))
        return why_null(__func__);
    return rwlock_lock(rwlock_of(l), RW_READ, WAIT_CUTTABLE);
}
int tutti_rwlock_wrlock_cut(tutti_rwlock *l)
{
    if (unlikely(!l))
        return why_null(__func__);
    return rwlock_lock(rwlock_of(l), RW_WRITE, WAIT_CUTTABLE);
}

/* What the caller, who is in, takes away from the word by leaving. */
static uint64_t rwlock_share(struct rwlock *l, uint64_t word)
{
    struct context *c = context_self();
    struct context *writer = load_relaxed(&l->writer); /* own, or for the message */
    if (!(word & RW_WRITING)) {
        if (unlikely(word < RW_READER))
            misuse("%s unlocks lock %p, which nobody holds", task_name(c), (void *)l);
        return RW_READER;
    }
    if (unlikely(writer != c))
        misuse("%s unlocks lock %p, which %s holds for writing", task_name(c), (void *)l,
               writer ? task_name(writer) : "another task");
    return RW_WRITING;
}

/* Somebody waits: under the latch.  The word is published last, after the latch was let
 * go, when nobody is left, since who comes next may destroy the lock. */
static bool rwlock_leave_waited(struct rwlock *l, uint64_t share)
{
    struct list woken;
    list_init(&woken);
    latch_lock(&l->latch);
    uint64_t word = load_relaxed(&l->word); /* the latch orders it, if RW_WAITED is set */
    if (word & RW_WAITED && waiters_none(&l->waiters)) {
        /* left behind by a wait that was cut; relaxed: nothing is released yet */
        store_relaxed(&l->word, word & ~(uint64_t)RW_WAITED);
        word = 0;
    }
    if (word & RW_WAITED) {
        store_relaxed(&l->word, word - share); /* published by the grant */
        rwlock_grant(l, &woken);
    }
    latch_unlock(&l->latch);
    waiters_wake(&woken);
    return word & RW_WAITED;
}

void tutti_rwlock_unlock(tutti_rwlock *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct rwlock *l = rwlock_of(public);
    uint64_t word = load_relaxed(&l->word); /* the CAS decides */
    uint64_t share = rwlock_share(l, word);
    if (share == RW_WRITING) {
        store_relaxed(&l->writer, NULL); /* before others can come in; seen by the CAS */
        context_self()->locks--;
    }
    for (;;) {
        if (word & RW_WAITED) {
            if (rwlock_leave_waited(l, share))
                return;
            word = load_relaxed(&l->word); /* as above */
        } else if (cas_release(&l->word, &word, word - share)) {
            return; /* release: pairs with the acquire of who comes in next */
        }
    }
}
