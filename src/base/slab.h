/* base/slab.h - objects of one size that are made and dropped often: a cache for each
 * thread in front of a shared list.  Objects stay mapped for the life of the process, so a
 * stale pointer finds an object of the same kind.  At most SLAB_KINDS slabs.
 * Tests: tests/slab_test.c. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H
#include "base/latch.h"
#include "base/small.h"
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

enum { SLAB_BATCH = SMALL(32, 2), SLAB_CACHE_MOST = SMALL(256, 4) };

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
/* slab_get and slab_put where s's kind and link are known when it is compiled. */
static inline void *slab_get_of(struct slab *s, unsigned kind, size_t link)
{
    struct slab_cache *c = &slab_caches[kind];
    char *object = c->free;
    if (unlikely(!object))
        return slab_get_slow(s);
    c->free = *(void **)(void *)(object + link);
    c->count--;
    return object;
}
static inline void slab_put_of(struct slab *s, unsigned kind, size_t link, void *object)
{
    struct slab_cache *c = &slab_caches[kind];
    *(void **)(void *)((char *)object + link) = c->free;
    c->free = object;
    if (unlikely(++c->count > SLAB_CACHE_MOST || !c->slab))
        slab_put_slow(s);
}
/* An object as it was last put back, or zeroed when it is new; NULL: no memory. */
static inline void *slab_get(struct slab *s)
{
    return slab_get_of(s, s->kind, s->link);
}
static inline void slab_put(struct slab *s, void *object)
{
    slab_put_of(s, s->kind, s->link, object);
}
/* This thread ends: its caches go to the shared lists. */
void slab_thread_end(void);
/* In the child after fork(): other threads' caches are lost, their latches free. */
void slab_after_fork(void);
#endif
