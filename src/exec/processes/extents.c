/* exec/processes/extents.c - see extents.h.  Tests: tests/processes_inside_test.c. */
#include "exec/processes/extents.h"
#include "base/memory.h"
#include <errno.h>
#include <sys/mman.h>

struct extent {
    struct extent *next;
    uint64_t from, size;
    bool used; /* was given out before: its pages exist, with somebody's bytes */
};

static uint64_t round_up(uint64_t n)
{
    n = n ? n : 1;
    return n > UINT64_MAX - EXTENT_PAGE ? UINT64_MAX
                                        : (n + EXTENT_PAGE - 1) / EXTENT_PAGE * EXTENT_PAGE;
}

static struct extent *extent_new(uint64_t from, uint64_t size, bool used,
                                 struct extent *next)
{
    struct extent *x = memory_alloc(sizeof *x);
    if (x)
        *x = (struct extent){ next, from, size, used };
    return x;
}

int extents_init(struct extents *e, void *base, uint64_t size, uint64_t warm_most)
{
    *e = (struct extents){ extent_new(0, size, false, NULL), base, size, 0, warm_most };
    return e->free ? 0 : -ENOMEM;
}

void extents_fini(struct extents *e)
{
    while (e->free) {
        struct extent *x = e->free;
        e->free = x->next;
        memory_free(x);
    }
}

/* The first that is large enough, used ones before fresh ones. */
static struct extent **extents_find(struct extents *e, uint64_t n)
{
    struct extent **fresh = NULL;
    for (struct extent **at = &e->free; *at; at = &(*at)->next) {
        if ((*at)->size < n)
            continue;
        if ((*at)->used)
            return at;
        if (!fresh)
            fresh = at;
    }
    return fresh;
}

void *extents_take(struct extents *e, uint64_t n, bool *zeroed)
{
    n = round_up(n);
    struct extent **at = extents_find(e, n), *x = at ? *at : NULL;
    if (!x)
        return NULL;
    unsigned char *given = e->base + x->from;
    *zeroed = !x->used;
    if (x->used)
        e->warm -= n;
    x->from += n;
    x->size -= n;
    if (x->size == 0) {
        *at = x->next;
        memory_free(x);
    }
    return given;
}

static bool extent_touches(const struct extent *a, const struct extent *b)
{
    return a && b && a->used == b->used && a->from + a->size == b->from;
}

void extents_give(struct extents *e, void *base, uint64_t n)
{
    uint64_t from = (uint64_t)((unsigned char *)base - e->base);
    n = round_up(n);
    /* Beyond the most that is kept warm the pages go back to the system, and come out
     * again as zeroes. */
    bool used = e->warm + n <= e->warm_most || madvise(base, n, MADV_REMOVE) < 0;
    struct extent **at = &e->free, *before = NULL;
    while (*at && (*at)->from < from) {
        before = *at;
        at = &(*at)->next;
    }
    struct extent *x = extent_new(from, n, used, *at);
    if (!x)
        return; /* no memory for the book: the range stays taken */
    *at = x;
    e->warm += used ? n : 0;
    if (extent_touches(x, x->next)) {
        struct extent *next = x->next;
        x->size += next->size;
        x->next = next->next;
        memory_free(next);
    }
    if (extent_touches(before, x)) {
        before->size += x->size;
        before->next = x->next;
        memory_free(x);
    }
}
