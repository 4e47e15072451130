/* base/slab.h - objects of one size that are made and dropped often: a cache for each
 * thread in front of a shared list.  Objects stay mapped for the life of the process, so a
 * stale pointer finds an object of the same kind.  At most SLAB_KINDS slabs.
 * Tests: tests/slab_test.c. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H
#include "base/latch.h"
#include <stddef.h>

enum { SLAB_KINDS = 4 };

/* Holds: free is a chain through the word at `link` of each object. */
struct slab {
    unsigned kind;    /* its own index below SLAB_KINDS */
    size_t size, link; /* bytes of an object; where its free link lies */
    struct latch latch;
    void *free;       /* under the latch */
};
#define SLAB(kind_, type_, link_) { kind_, sizeof(type_), offsetof(type_, link_), { 0 }, NULL }

enum { SLAB_BATCH = 32, SLAB_CACHE_MOST = 96 };

/* This thread's spare objects of one slab.  Holds: count is the length of the chain free;
 * slab is set once the cache was used. */
struct slab_cache {
    struct slab *slab;
    void *free;
    unsigned count;
};
extern _Thread_local struct slab_cache slab_caches[SLAB_KINDS];
void *slab_get_slow(struct slab *s);
void slab_put_slow(struct slab *s);

static inline void **slab_link(const struct slab *s, void *object)
{
    return (void **)(void *)((char *)object + s->link);
}
/* An object as it was last put back, or zeroed when it is new; NULL: no memory. */
static inline void *slab_get(struct slab *s)
{
    struct slab_cache *c = &slab_caches[s->kind];
    void *object = c->free;
    if (likely(object != NULL)) {
        c->free = *slab_link(s, object);
        c->count--;
    } else {
        object = slab_get_slow(s);
    }
    return object;
}
static inline void slab_put(struct slab *s, void *object)
{
    struct slab_cache *c = &slab_caches[s->kind];
    *slab_link(s, object) = c->free;
    c->free = object;
    if (unlikely(++c->count > SLAB_CACHE_MOST || !c->slab))
        slab_put_slow(s);
}
/* This thread ends: its caches go to the shared lists. */
void slab_thread_end(void);
/* In the child after fork(): other threads' caches are lost, their latches free. */
void slab_after_fork(void);
#endif
