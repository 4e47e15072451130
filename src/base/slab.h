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

/* An object as it was last put back, or zeroed when it is new; NULL: no memory. */
void *slab_get(struct slab *s);
void slab_put(struct slab *s, void *object);
/* This thread ends: its caches go to the shared lists. */
void slab_thread_end(void);
/* In the child after fork(): other threads' caches are lost, their latches free. */
void slab_after_fork(void);
#endif
