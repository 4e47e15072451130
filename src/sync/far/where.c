/* sync/far/where.c - which addresses belong to which space, of this process.  Asked for each
 * object that is looked for, and so without a latch.  Tests: tests/processes_sync_test.c,
 * tests/fork_test.c. */
#include "core/task.h"
#include "sync/far/far.h"
#include <sys/mman.h>

/* Of one space.  Holds: from <= to; space is NULL if and only if from == to. */
struct range {
    _Atomic uintptr_t from, to;
    _Atomic(struct far_space *) space;
};
static struct range ranges[FAR_SPACES];
static struct latch ranges_latch; /* who changes them */
_Atomic uintptr_t far_from, far_span;

struct far_space *far_space_at(const void *p)
{
    for (unsigned i = 0; i < FAR_SPACES; i++) {
        /* acquire, all: pair with far_range_set; whoever has a p in a space learnt of it
         * after it was set, and any other may see what it likes */
        uintptr_t from = load_acquire(&ranges[i].from);
        if ((uintptr_t)p >= from && (uintptr_t)p < load_acquire(&ranges[i].to))
            return load_acquire(&ranges[i].space);
    }
    return NULL;
}

struct far_space *far_space_number(unsigned slot)
{
    return load_acquire(&ranges[slot].space); /* as above */
}

/* What far_is looks at first: from the lowest to the highest of all, never less again. */
static void span_grow(uintptr_t from, uintptr_t to)
{
    uintptr_t low = load_relaxed(&far_from), high = low + load_relaxed(&far_span);
    bool any = high > low;
    low = any && low < from ? low : from;
    high = any && high > to ? high : to;
    /* relaxed: see far_is.  The span first, so that no address in between is left out. */
    store_relaxed(&far_span, high - low);
    store_relaxed(&far_from, low);
    store_relaxed(&far_span, high - low);
}

void far_range_set(struct far_space *s, uint64_t from, uint64_t to)
{
    struct range *r = &ranges[s->at.slot];
    latch_lock(&ranges_latch);
    store_release(&r->to, 0); /* all: pair with far_space_at */
    store_release(&r->space, to ? s : NULL);
    store_release(&r->from, from);
    store_release(&r->to, to);
    if (to)
        span_grow(from, to);
    latch_unlock(&ranges_latch);
}

/* The child of a fork() has no arena; but a channel of the parent's shall say so. */
static void far_after_fork(void)
{
    ranges_latch = (struct latch){ 0 };
    for (unsigned i = 0; i < FAR_SPACES; i++) {
        struct far_space *s = load_relaxed(&ranges[i].space); /* one thread */
        store_relaxed(&ranges[i].to, 0);
        store_relaxed(&ranges[i].space, NULL);
        if (s)
            mmap(s->table, far_table_size(), PROT_READ,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
}

__attribute__((constructor)) static void where_begin(void)
{
    fork_watch(far_after_fork);
}
