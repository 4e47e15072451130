/* patterns/sort.c - tutti_sort, by halves that are forked: in place by partition, or stable
 * by merging through scratch memory of the same size.
 *
 * Every forked call answers 1 when it has done its part and all below it.  A call that was
 * dropped, because the scope is over, answers 0, and so do all above it; merged items go
 * back over the originals only where the merge is whole, so no item is ever lost.
 * Tests: tests/sort_test.c. */
#include "patterns/room.h"
#include "patterns/typed.h"
#include <tutti/fork.h>
#include <tutti/patterns.h>

enum {
    GRAIN = 256,  /* items not worth a fork: some microseconds */
    SMALL = 16,   /* sorted by insertion */
    SWAP = 64     /* bytes swapped at a time */
};

struct sort {
    char *items, *scratch; /* scratch only for the stable one */
    size_t count, size;
    int (*compare)(void *ctx, const void *a, const void *b);
    void *ctx;
    int whole; /* the answer */
};

static int before(const struct sort *s, const char *a, const char *b)
{
    return s->compare(s->ctx, a, b) < 0;
}

static void item_swap(const struct sort *s, char *a, char *b)
{
    char kept[SWAP];
    for (size_t left = s->size, n; left && a != b; left -= n, a += n, b += n) {
        n = left < SWAP ? left : SWAP;
        memcpy(kept, a, n);
        memcpy(a, b, n);
        memcpy(b, kept, n);
    }
}

/* Stable, since an item moves only past those that are greater. */
static void sort_small(const struct sort *s, char *items, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (char *at = items + i * s->size;
             at > items && before(s, at, at - s->size); at -= s->size)
            item_swap(s, at, at - s->size);
}

/* --- in place ------------------------------------------------------------------ */

static void sift(const struct sort *s, char *items, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n
            && before(s, items + child * s->size, items + (child + 1) * s->size))
            child++;
        if (!before(s, items + at * s->size, items + child * s->size))
            return;
        item_swap(s, items + at * s->size, items + child * s->size);
    }
}

/* For input on which partition does not get on: n log n whatever it is. */
static void sort_heap(const struct sort *s, char *items, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(s, items, i, n);
    while (n-- > 1) {
        item_swap(s, items, items + n * s->size);
        sift(s, items, 0, n);
    }
}

/* The middle one of the first, middle and last goes first. */
static void pivot_first(const struct sort *s, char *items, size_t n)
{
    char *a = items, *b = items + n / 2 * s->size, *c = items + (n - 1) * s->size;
    if (before(s, b, a) == before(s, a, c)) /* a lies between */
        return;
    item_swap(s, a, before(s, a, b) == before(s, b, c) ? b : c);
}

/* Hoare's: where the pivot comes to lie; what is before it is not greater.  Both ways end
 * at the ends even where a comparison contradicts itself: no item is lost to that. */
static size_t partition(const struct sort *s, char *items, size_t n)
{
    pivot_first(s, items, n);
    size_t i = 0, j = n;
    for (;;) {
        do
            i++;
        while (i < n && before(s, items + i * s->size, items));
        do
            j--;
        while (j > 0 && before(s, items, items + j * s->size));
        if (i >= j)
            break;
        item_swap(s, items + i * s->size, items + j * s->size);
    }
    item_swap(s, items, items + j * s->size);
    return j;
}

/* depth: partitions left before the heap takes over. */
TUTTI_FORK_4(int, part, const struct sort *, char *, size_t, int);
static int part(tutti_at at, const struct sort *s, char *items, size_t n, int depth)
{
    int forks = 0, whole = 1;
    while (n > SMALL && depth-- > 0) {
        size_t left = partition(s, items, n), right = n - left - 1;
        char *second = items + (left + 1) * s->size;
        if (n <= GRAIN) {
            whole &= part(at, s, items, left, depth);
        } else { /* the forked one is the smaller: the loop is as deep as the stack */
            part_fork(&at, s, left < right ? items : second, left < right ? left : right,
                      depth);
            forks++;
            if (left >= right) {
                n = left;
                continue;
            }
        }
        items = second;
        n = right;
    }
    if (n > SMALL)
        sort_heap(s, items, n);
    else
        sort_small(s, items, n);
    while (forks-- > 0)
        whole &= part_join(&at);
    return whole;
}

/* --- stable ---------------------------------------------------------------------- */

/* How many of the n items at `in` come before `key`; or_equal: those that are equal do. */
static size_t rank(const struct sort *s, const char *in, size_t n, const char *key,
                   int or_equal)
{
    size_t low = 0;
    while (n) {
        const char *middle = in + (low + n / 2) * s->size;
        if (or_equal ? !before(s, key, middle) : before(s, middle, key)) {
            low += n / 2 + 1;
            n -= n / 2 + 1;
        } else {
            n /= 2;
        }
    }
    return low;
}

static void merge_small(const struct sort *s, const char *a, size_t na, const char *b,
                        size_t nb, char *to)
{
    for (; na && nb; to += s->size) {
        if (before(s, b, a)) {
            memcpy(to, b, s->size);
            b += s->size;
            nb--;
        } else {
            memcpy(to, a, s->size);
            a += s->size;
            na--;
        }
    }
    memcpy(to, na ? a : b, (na ? na : nb) * s->size);
}

/* The item in the middle of the longer run cuts both.  Holds: a and b are sorted, na and nb
 * items; there is room for both at `to`, which overlaps neither. */
struct merge {
    const struct sort *s;
    const char *a, *b;
    size_t na, nb;
    char *to;
};
TUTTI_FORK_1(int, merge, const struct merge *);
static int merge(tutti_at at, const struct merge *m)
{
    const struct sort *s = m->s;
    if (m->na + m->nb <= 4 * GRAIN) {
        merge_small(s, m->a, m->na, m->b, m->nb, m->to);
        return 1;
    }
    size_t ia, ib;
    if (m->na >= m->nb) {
        ia = m->na / 2;
        ib = rank(s, m->b, m->nb, m->a + ia * s->size, 0);
    } else {
        ib = m->nb / 2;
        ia = rank(s, m->a, m->na, m->b + ib * s->size, 1);
    }
    struct merge low = { s, m->a, m->b, ia, ib, m->to };
    struct merge high = { s, m->a + ia * s->size, m->b + ib * s->size, m->na - ia,
                          m->nb - ib, m->to + (ia + ib) * s->size };
    merge_fork(&at, &low);
    int whole = merge(at, &high);
    return merge_join(&at) & whole;
}

TUTTI_FORK_3(int, stable, const struct sort *, size_t, size_t);
static int stable(tutti_at at, const struct sort *s, size_t from, size_t n)
{
    char *items = s->items + from * s->size;
    if (n <= SMALL) {
        sort_small(s, items, n);
        return 1;
    }
    size_t half = n / 2;
    int whole;
    if (n > GRAIN) {
        stable_fork(&at, s, from, half);
        whole = stable(at, s, from + half, n - half);
        whole &= stable_join(&at);
    } else {
        whole = stable(at, s, from, half) & stable(at, s, from + half, n - half);
    }
    char *second = items + half * s->size, *to = s->scratch + from * s->size;
    if (!before(s, second, second - s->size))
        return whole; /* in order already */
    struct merge m = { s, items, second, half, n - half, to };
    whole = whole && merge(at, &m);
    if (whole)
        memcpy(items, to, n * s->size);
    return whole;
}

/* --- the call ----------------------------------------------------------------------- */

static int sort_task(void *arg)
{
    struct sort *s = arg;
    int depth = 2;
    for (size_t n = s->count; n; n /= 2)
        depth += 2;
    tutti_at at = tutti_fork_here();
    s->whole = s->scratch ? stable(at, s, 0, s->count)
                          : part(at, s, s->items, s->count, depth);
    return tutti_fork_check();
}

static int sort_started(tutti_executor *ex, struct sort *s)
{
    tutti_scope inner;
    tutti_scope_open(&inner, ex, TUTTI_NEVER, 0);
    int rc = tutti_go(&inner, sort_task, s);
    rc = typed_close(&inner, rc);
    /* Cut off before it began, it has failed nothing. */
    return rc < 0 || s->whole ? rc : tutti_check() < 0 ? tutti_check() : -ECANCELED;
}

int tutti_sort(tutti_scope *scope, void *items, size_t count, size_t size,
               int (*compare)(void *ctx, const void *a, const void *b), void *ctx,
               unsigned flags)
{
    tutti_executor *ex;
    int rc = typed_executor("tutti_sort", scope, &ex);
    if (rc < 0)
        return rc;
    size_t bytes;
    if (!compare || (count && (!items || !size)) || flags & ~(unsigned)TUTTI_SORT_STABLE
        || __builtin_mul_overflow(count, size, &bytes))
        return tutti_fail(-EINVAL, "tutti_sort: no items, no comparison, or unknown flags");
    struct sort s = { items, NULL, count, size, compare, ctx, 0 };
    if (count <= SMALL) {
        sort_small(&s, items, count);
        return 0;
    }
    if (!(flags & TUTTI_SORT_STABLE))
        return sort_started(ex, &s);
    ROOM(room, ex);
    s.scratch = room_take(&room, count, size);
    return s.scratch ? sort_started(ex, &s)
                     : tutti_fail(-ENOMEM, "tutti_sort: no memory for %zu bytes", bytes);
}
