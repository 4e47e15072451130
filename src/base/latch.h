/* base/latch.h - a lock of four bytes for a few instructions at a time, and the futex
 * under it.  Never held over a park, a callback of the user's or an allocation that
 * may block for long; so it may stop the thread, not only the fiber.
 *
 * The word: FREE, HELD, or WAITED: held, and somebody sleeps in the kernel.  WAITED may
 * be set with none asleep (one wake is wasted); it must never be HELD with one asleep
 * (it would sleep for ever).
 * POKE is a bit beside them for signal handlers, which may not wait for the latch that
 * the code they interrupted may hold: latch_try_or_poke leaves it, and the holder,
 * when it unlocks, is told and does the handler's work itself. */
#ifndef BASE_LATCH_H
#define BASE_LATCH_H
#include "base/atomic.h"
#include <stdint.h>

enum { LATCH_FREE = 0, LATCH_HELD = 1, LATCH_WAITED = 2, LATCH_POKE = 4 };

/* Holds: word is LATCH_FREE, or it is held: LATCH_HELD where nobody sleeps for it, LATCH_WAITED
 * where somebody may; LATCH_POKE stands beside one of these two, never alone. */
struct latch {
    _Atomic uint32_t word; /* zero is ready to use */
};

/* Sleep while *word == seen, until the absolute monotonic time (INT64_MAX: for ever).
 * 0, -ETIMEDOUT, -EAGAIN (it differed), -EINTR.  Leaves errno as it was. */
int futex_wait(_Atomic uint32_t *word, uint32_t seen, int64_t until);
/* Wake up to n sleepers.  Harmless on memory that is gone.  Leaves errno as it was;
 * safe in signal handlers. */
void futex_wake(_Atomic uint32_t *word, int n);

void latch_lock_slow(struct latch *l);
bool latch_unlock_slow(struct latch *l);

static inline void latch_lock(struct latch *l)
{
    uint32_t free = LATCH_FREE;
    /* acquire: pairs with the release in latch_unlock; we see what the last holder
     * wrote. */
    if (unlikely(!cas_acquire(&l->word, &free, LATCH_HELD)))
        latch_lock_slow(l);
}
/* True: it was free, and is the caller's. */
static inline bool latch_try(struct latch *l)
{
    uint32_t free = LATCH_FREE;
    return cas_acquire(&l->word, &free, LATCH_HELD); /* as in latch_lock */
}
/* False: it is free.  True: it is still held, a handler left a poke meanwhile, which is now
 * taken back: the caller must do what the handler wanted done and unlock again.  So nothing
 * of the object is touched after it was let go, and it may be gone by then. */
static inline bool latch_unlock(struct latch *l)
{
    uint32_t held = LATCH_HELD;
    /* release: pairs with the acquire in latch_lock. */
    if (likely(cas_release(&l->word, &held, LATCH_FREE)))
        return false;
    return latch_unlock_slow(l);
}
/* For signal handlers: true: locked, unlock it as ever.  False: busy, and whoever
 * unlocks it will see the poke. */
bool latch_try_or_poke(struct latch *l);
#endif
