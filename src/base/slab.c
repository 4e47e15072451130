/* base/slab.c - see slab.h. */
#include "base/slab.h"
#include "base/memory.h"

_Thread_local struct slab_cache slab_caches[SLAB_KINDS];
static struct slab *_Atomic slabs[SLAB_KINDS]; /* known ones, for fork */

static void cache_push(struct slab_cache *c, void *object)
{
    *slab_link(c->slab, object) = c->free;
    c->free = object;
    c->count++;
}

static void *cache_pop(struct slab_cache *c)
{
    void *object = c->free;
    c->free = *slab_link(c->slab, object);
    c->count--;
    return object;
}

/* Both under the latch. */
static void *shared_pop(struct slab *s)
{
    void *object = s->free;
    if (object)
        s->free = *slab_link(s, object);
    return object;
}

static void shared_push(struct slab *s, void *object)
{
    *slab_link(s, object) = s->free;
    s->free = object;
}

/* Fill from the shared list, else with a new chunk. */
static bool cache_refill(struct slab_cache *c)
{
    struct slab *s = c->slab;
    void *object;
    latch_lock(&s->latch);
    while (c->count < SLAB_BATCH && (object = shared_pop(s)))
        cache_push(c, object);
    latch_unlock(&s->latch);
    if (c->count)
        return true;
    char *chunk = memory_aligned(64, s->size * SLAB_BATCH);
    for (unsigned i = 0; chunk && i < SLAB_BATCH; i++)
        cache_push(c, chunk + s->size * i);
    return chunk != NULL;
}

static void cache_spill(struct slab_cache *c, unsigned keep)
{
    struct slab *s = c->slab;
    latch_lock(&s->latch);
    while (c->count > keep)
        shared_push(s, cache_pop(c));
    latch_unlock(&s->latch);
}

static void cache_bind(struct slab_cache *c, struct slab *s)
{
    c->slab = s;
    store_relaxed(&slabs[s->kind], s); /* read after fork(), by the one thread left */
}

void *slab_get_slow(struct slab *s)
{
    struct slab_cache *c = &slab_caches[s->kind];
    if (!c->slab)
        cache_bind(c, s);
    return cache_refill(c) ? cache_pop(c) : NULL;
}

void slab_put_slow(struct slab *s)
{
    struct slab_cache *c = &slab_caches[s->kind];
    if (!c->slab)
        cache_bind(c, s);
    if (c->count > SLAB_CACHE_MOST)
        cache_spill(c, SLAB_CACHE_MOST - SLAB_BATCH);
}

void slab_thread_end(void)
{
    for (unsigned i = 0; i < SLAB_KINDS; i++)
        if (slab_caches[i].slab)
            cache_spill(&slab_caches[i], 0);
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
