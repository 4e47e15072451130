/* io/block.h - blocks of 16 KiB for bytes on their way: touched only as far as they are used,
 * last out first in, and never given back to the system, which would cost a page fault for
 * each request.  Each poller has a few at hand.  Tests: tests/block_test.c. */
#ifndef IO_BLOCK_H
#define IO_BLOCK_H
#include <stddef.h>

enum { BLOCK_SIZE = 16 << 10 };

struct block;
/* Holds: count is the length of the chain free; lent is what came from here less what came
 * back here. */
struct block_cache {
    struct block *free;
    unsigned count;
    long lent;
};

/* cache NULL: the caller has none.  NULL: no memory. */
void *block_get(struct block_cache *cache);
void block_put(struct block_cache *cache, void *block); /* NULL is fine */
/* What is at hand goes to all. */
void block_cache_end(struct block_cache *cache);
/* Blocks that are out and not counted in a cache; tests only, at rest. */
long blocks_lent_elsewhere(void);
void block_after_fork(void);
#endif
