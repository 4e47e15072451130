/* base/biased.c - see biased.h.  Tests: tests/latch_test.c. */
#include "base/biased.h"
#include <sched.h>

/* Under the latch. */
static void biased_take(struct biased *b, const void *me)
{
    const void *owner = load_relaxed(&b->owner); /* changes under the latch */
    if (likely(!owner))
        return;
    store_relaxed(&b->owner, NULL); /* the fence orders it */
    if (owner == me)
        return; /* and not inside: it is calling this */
    fence_heavy(); /* pairs with fence_light in biased_lock */
    /* acquire: pairs with biased_unlock: what the owner did in there is seen */
    while (load_acquire(&b->inside))
        sched_yield();
}

void biased_lock_slow(struct biased *b, const void *me)
{
    latch_lock(&b->latch);
    biased_take(b, me);
}

void biased_give_up(struct biased *b, const void *me)
{
    if (!load_relaxed(&b->owner)) /* it stays so; what was done in there the latch orders */
        return;
    latch_lock(&b->latch);
    biased_take(b, me);
    latch_unlock(&b->latch);
}
