/* base/slab.c - see slab.h. */
#include "base/slab.h"
#include "base/memory.h"
#include "base/race.h"

enum { BATCH = 32, CACHE_MOST = 96 };

struct cache {
    struct slab *slab;
    void *free;
    unsigned count;
};
static _Thread_local struct cache caches[SLAB_KINDS];
static struct slab *_Atomic slabs[SLAB_KINDS]; /* known ones, for fork */

static void **link_of(const struct slab *s, void *object)
{
    return (void **)(void *)((char *)object + s->link);
}

static void cache_push(struct cache *c, void *object)
{
    *link_of(c->slab, object) = c->free;
    c->free = object;
    c->count++;
}

static void *cache_pop(struct cache *c)
{
    void *object = c->free;
    c->free = *link_of(c->slab, object);
    c->count--;
    return object;
}

/* Both under the latch, and looked at by ThreadSanitizer again: this is shared. */
static void *shared_pop(struct slab *s)
{
    race_disown();
    void *object = s->free;
    if (object)
        s->free = *link_of(s, object);
    race_own();
    return object;
}

static void shared_push(struct slab *s, void *object)
{
    race_disown();
    *link_of(s, object) = s->free;
    s->free = object;
    race_own();
}

/* Fill from the shared list, else with a new chunk. */
static bool cache_refill(struct cache *c)
{
    struct slab *s = c->slab;
    void *object;
    latch_lock(&s->latch);
    while (c->count < BATCH && (object = shared_pop(s)))
        cache_push(c, object);
    latch_unlock(&s->latch);
    if (c->count)
        return true;
    char *chunk = memory_aligned(64, s->size * BATCH);
    for (unsigned i = 0; chunk && i < BATCH; i++)
        cache_push(c, chunk + s->size * i);
    return chunk != NULL;
}

static void cache_spill(struct cache *c, unsigned keep)
{
    struct slab *s = c->slab;
    latch_lock(&s->latch);
    while (c->count > keep)
        shared_push(s, cache_pop(c));
    latch_unlock(&s->latch);
}

static void cache_bind(struct cache *c, struct slab *s)
{
    c->slab = s;
    store_relaxed(&slabs[s->kind], s); /* read after fork(), by the one thread left */
}

/* The caches are the thread's, so ThreadSanitizer shall not take the fibers that use
 * them in turn for racers; an object goes from who puts it to who gets it. */
void *slab_get(struct slab *s)
{
    struct cache *c = &caches[s->kind];
    void *object = NULL;
    race_own();
    if (unlikely(!c->slab))
        cache_bind(c, s);
    if (likely(c->count) || cache_refill(c))
        object = cache_pop(c);
    race_disown();
    if (object)
        race_acquire(object);
    return object;
}

void slab_put(struct slab *s, void *object)
{
    struct cache *c = &caches[s->kind];
    race_release(object);
    race_own();
    if (unlikely(!c->slab))
        cache_bind(c, s);
    cache_push(c, object);
    if (unlikely(c->count > CACHE_MOST))
        cache_spill(c, CACHE_MOST - BATCH);
    race_disown();
}

void slab_thread_end(void)
{
    race_own();
    for (unsigned i = 0; i < SLAB_KINDS; i++)
        if (caches[i].slab)
            cache_spill(&caches[i], 0);
    race_disown();
}

void slab_after_fork(void)
{
    for (unsigned i = 0; i < SLAB_KINDS; i++) {
        struct slab *s = load_relaxed(&slabs[i]); /* one thread is left */
        if (s) { /* a thread that is gone may have been in the middle of its list */
            s->latch = (struct latch){ 0 };
            s->free = NULL;
        }
    }
}
