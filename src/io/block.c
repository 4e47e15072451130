/* io/block.c - see block.h. */
#include "io/block.h"
#include "base/latch.h"
#include "base/memory.h"
#include "core/thread.h"
#include <errno.h>
#include <sys/mman.h>

/* A stride that is no power of two spreads the blocks' first lines over the cache's sets. */
enum { STRIDE = BLOCK_SIZE + 192, CHUNK = 64, CACHE_MOST = 128, CACHE_SPILL = 64 };

struct block {
    struct block *next;
};

static struct latch latch; /* guards what follows */
static struct block *blocks;
static long lent;

/* Under the latch: from fresh memory, which the system has zeroed and not yet found. */
static struct block *chunk_make(void)
{
    int kept = errno;
    char *at = fault_now() ? MAP_FAILED
                           : mmap(NULL, CHUNK * (size_t)STRIDE, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    errno = kept;
    if (at == MAP_FAILED)
        return NULL;
    for (int i = 1; i < CHUNK; i++) {
        struct block *b = (struct block *)(void *)(at + (size_t)i * STRIDE);
        b->next = blocks;
        blocks = b;
    }
    return (struct block *)(void *)at;
}

static struct block *shared_get(void)
{
    latch_lock(&latch);
    struct block *b = blocks;
    if (b)
        blocks = b->next;
    else
        b = chunk_make();
    lent += b != NULL;
    latch_unlock(&latch);
    return b;
}

static void shared_put(struct block *b)
{
    latch_lock(&latch);
    b->next = blocks;
    blocks = b;
    lent--;
    latch_unlock(&latch);
}

void *block_get(struct block_cache *cache)
{
    struct block *b = cache ? cache->free : NULL;
    if (b) {
        cache->free = b->next;
        cache->count--;
    } else {
        b = shared_get();
        if (b && cache) { /* counted there, not here */
            latch_lock(&latch);
            lent--;
            latch_unlock(&latch);
        }
    }
    if (b && cache)
        cache->lent++;
    return b;
}

static void cache_spill(struct block_cache *cache, unsigned keep)
{
    latch_lock(&latch);
    while (cache->count > keep) {
        struct block *b = cache->free;
        cache->free = b->next;
        cache->count--;
        b->next = blocks;
        blocks = b;
    }
    latch_unlock(&latch);
}

void block_put(struct block_cache *cache, void *block)
{
    struct block *b = block;
    if (!b)
        return;
    if (!cache) {
        shared_put(b);
        return;
    }
    b->next = cache->free;
    cache->free = b;
    cache->lent--;
    if (++cache->count > CACHE_MOST)
        cache_spill(cache, CACHE_MOST - CACHE_SPILL);
}

void block_cache_end(struct block_cache *cache)
{
    cache_spill(cache, 0);
    latch_lock(&latch);
    lent += cache->lent;
    latch_unlock(&latch);
    cache->lent = 0;
}

long blocks_lent_elsewhere(void)
{
    latch_lock(&latch);
    long n = lent;
    latch_unlock(&latch);
    return n;
}

void block_after_fork(void)
{
    latch = (struct latch){ 0 };
    if (!fork_held(&latch))
        blocks = NULL; /* another thread may have been in the middle of it */
}

__attribute__((constructor)) static void block_begin_process(void)
{
    fork_hold(&latch);
}
