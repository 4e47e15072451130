/* exec/processes/extents.h - which pages of a range are free.  The book is kept in private
 * memory, so nobody else can spoil it.  Ranges that were used are given out again first:
 * their pages are there already, and fresh ones cost ten times the copy into them. */
#ifndef EXEC_PROCESSES_EXTENTS_H
#define EXEC_PROCESSES_EXTENTS_H
#include <stdbool.h>
#include <stdint.h>

enum { EXTENT_PAGE = 4096 };

static inline uint64_t whole_pages(uint64_t n)
{
    return (n + EXTENT_PAGE - 1) / EXTENT_PAGE * EXTENT_PAGE;
}

struct extent;

/* Holds: free is sorted by address; no two neighbours of one kind touch; warm is the sum
 * of the used ones in it.  Whoever owns it guards it. */
struct extents {
    struct extent *free;
    unsigned char *base; /* where it is mapped */
    uint64_t size, warm, warm_most;
};

/* base[0..size), all free and zero.  0 or -ENOMEM. */
int extents_init(struct extents *e, void *base, uint64_t size, uint64_t warm_most);
void extents_fini(struct extents *e);
/* At least n bytes, whole pages; *zeroed says whether they are zero.  NULL: none. */
void *extents_take(struct extents *e, uint64_t n, bool *zeroed);
/* What extents_take gave for n. */
void extents_give(struct extents *e, void *at, uint64_t n);
#endif
