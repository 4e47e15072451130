/* sync/counter.c - an atomic counter on a cache line of its own, as far as its place
 * allows.
 * Tests: tests/sync_test.c. */
#include "base/atomic.h"
#include "core/context.h"
#include <tutti/sync.h>

struct counter {
    _Atomic int64_t value;
};
_Static_assert(sizeof(struct counter) <= sizeof(tutti_counter), "grow tutti_counter");

/* acq_rel and acquire: people read a counter to learn that something was done ("all ten
 * have finished") and then look at what was done. */
int64_t tutti_counter_add(tutti_counter *public, int64_t n)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct counter *c = (struct counter *)(void *)public;
    /* unsigned, so that going over wraps around as the atomic does */
    return (int64_t)((uint64_t)add_acqrel(&c->value, n) + (uint64_t)n);
}

int64_t tutti_counter_get(const tutti_counter *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    const struct counter *c = (const struct counter *)(const void *)public;
    return load_acquire(&c->value); /* pairs with tutti_counter_add */
}
