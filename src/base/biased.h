/* base/biased.h - a latch for what one thread uses nearly always, known from the start: that
 * thread takes it by plain loads and stores.  The first other one that wants it makes it an
 * ordinary latch, for good; that costs it a fence_heavy (some microseconds), once.
 * Tests: tests/latch_test.c. */
#ifndef BASE_BIASED_H
#define BASE_BIASED_H
#include "base/fence.h"
#include "base/latch.h"
#include <stddef.h>

/* Holds: once owner is NULL it stays so, and it is from the start where
 * fence_both_full is set; `inside` is set by the owner only, before it looks
 * whether it still is; `plainly` is set while the owner holds it without the latch, and
 * touched by who holds it only. */
struct biased {
    struct latch latch;
    _Atomic(const void *) owner; /* its thread's mark; NULL: an ordinary latch */
    _Atomic uint32_t inside;
    bool plainly;
};

static inline void biased_init(struct biased *b, const void *owner)
{
    *b = (struct biased){ .plainly = false };
    /* Where both fences are full the latch is as cheap.  relaxed: nobody else knows b yet;
     * the other as in fence_light. */
    store_relaxed(&b->owner, load_relaxed(&fence_both_full) ? NULL : owner);
}
void biased_lock_slow(struct biased *b, const void *me);
/* me: a mark of the calling thread. */
static inline void biased_lock(struct biased *b, const void *me)
{
    if (unlikely(load_relaxed(&b->owner) != me)) { /* a hint for all but the owner */
        biased_lock_slow(b, me);
        return;
    }
    store_relaxed(&b->inside, 1);
    /* The light side, see biased_init: pairs with fence_heavy in biased_take: either `inside`
     * is seen there, or that the owner is gone here. */
    fence_signal();
    if (likely(load_relaxed(&b->owner) == me)) {
        b->plainly = true;
    } else {
        store_release(&b->inside, 0); /* as in biased_unlock */
        biased_lock_slow(b, me);
    }
}
static inline void biased_unlock(struct biased *b)
{
    if (likely(b->plainly)) {
        b->plainly = false;
        store_release(&b->inside, 0); /* pairs with biased_take */
    } else {
        latch_unlock(&b->latch);
    }
}
/* The same two for the owner's quickest paths: false: the caller is not the owner, and has not
 * got it.  What was entered so is left so. */
static inline bool biased_enter(struct biased *b, const void *me)
{
    if (unlikely(load_relaxed(&b->owner) != me)) /* as in biased_lock, all of this */
        return false;
    store_relaxed(&b->inside, 1);
    fence_signal();
    if (likely(load_relaxed(&b->owner) == me))
        return true;
    store_release(&b->inside, 0);
    return false;
}
static inline void biased_leave(struct biased *b)
{
    store_release(&b->inside, 0); /* pairs with biased_take */
}
/* From now on it is b->latch and nothing else.  The caller does not hold it. */
void biased_give_up(struct biased *b, const void *me);
#endif
