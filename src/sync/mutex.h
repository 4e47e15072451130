/* sync/mutex.h - what conditions and recursive mutexes need of a mutex.  See
 * mutex.c. */
#ifndef SYNC_MUTEX_H
#define SYNC_MUTEX_H
#include "base/latch.h"
#include "core/context.h"
#include <tutti/sync.h>

/* Holds: word is 0, or the holder's context, with MUTEX_WAITED beside it or not.
 * MUTEX_WAITED: somebody waits.  May be set with none waiting (one unlock goes the long
 * way); must never be clear with one waiting (it would sleep for ever).  It is set
 * under the latch while the mutex is held, and cleared under the latch by the holder,
 * so with it set, or the latch held by the holder, nobody else changes word. */
struct mutex {
    _Atomic uintptr_t word;
    struct latch latch; /* guards waiters */
    uint32_t unused;
    struct list waiters;
};
_Static_assert(sizeof(struct mutex) <= sizeof(tutti_mutex), "grow tutti_mutex");

enum { MUTEX_WAITED = 1 };

static inline struct mutex *mutex_of(tutti_mutex *m)
{
    return (struct mutex *)(void *)m;
}
static inline bool mutex_mine(struct mutex *m, const struct context *c)
{
    /* relaxed: only c itself can make it c's, or end that */
    return (load_relaxed(&m->word) & ~(uintptr_t)MUTEX_WAITED) == (uintptr_t)c;
}
#endif
