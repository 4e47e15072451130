/* io/fds.c - a table of all descriptor numbers, in pages made when first needed: see fds.h. */
#include "io/fds.h"
#include "base/memory.h"

enum { PAGE_BITS = 10, PAGES = 4096 };

static _Atomic(struct fd_state *) pages[PAGES];

static struct fd_state *page_make(unsigned at)
{
    struct fd_state *made = memory_zalloc(sizeof *made << PAGE_BITS), *there = NULL;
    if (!made)
        return NULL;
    /* acq_rel: pairs with the load in fd_state; the zeroes are seen */
    if (cas_acqrel(&pages[at], &there, made))
        return made;
    memory_free(made); /* another thread was first */
    return there;
}

struct fd_state *fd_state(int fd)
{
    unsigned at = (unsigned)fd >> PAGE_BITS;
    if (unlikely(at >= PAGES))
        return NULL;
    struct fd_state *page = load_acquire(&pages[at]); /* pairs with page_make */
    if (unlikely(!page) && !(page = page_make(at)))
        return NULL;
    return &page[(unsigned)fd & ((1u << PAGE_BITS) - 1)];
}
