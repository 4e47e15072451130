/* patterns/scan.c - tutti_scan, in two passes over slices that are forked: the first folds
 * each slice to one value, the second begins each slice with what all before it came to.
 *
 * The slices follow from count and grain alone, and so does the order in which values are
 * joined, also where one thread does everything: so rounding is the same everywhere.
 *
 * Calls are dropped when the scope is over: tutti_fork_check says so after each pass.
 * Tests: tests/scan_test.c. */
#include "patterns/room.h"
#include "patterns/typed.h"
#include <tutti/fork.h>
#include <tutti/patterns.h>

enum {
    SLICES = 256,     /* when no grain is given */
    SLICE_LEAST = 512 /* items worth a fork: some microseconds */
};

/* Holds: slice k is items k * slice up to the next slice or count.  begin[k] is what slice
 * k begins with: between the passes, all before it; in the first, of k - 1 alone.
 * begin[0] is `first`, or nobody looks at it. */
struct scan {
    const char *in;
    char *out;
    size_t count, size, slice, slices;
    void (*join)(void *ctx, void *acc, const void *item);
    void *ctx;
    const void *first; /* may be NULL when inclusive */
    int exclusive;
    char *begin; /* slices items and a spare one */
    char *kept;  /* slices items, for an exclusive one in place */
    int whole;          /* the answer */
};

static size_t slice_end(const struct scan *s, size_t k)
{
    return k + 1 == s->slices ? s->count : (k + 1) * s->slice;
}

/* Two items that may be the same one. */
static void item_copy(const struct scan *s, char *to, const char *from)
{
    if (to != from)
        memcpy(to, from, s->size);
}

/* --- the first pass: what each slice comes to -------------------------------------- */

static void slice_fold(const struct scan *s, size_t k)
{
    char *acc = s->begin + (k + 1) * s->size;
    const char *at = s->in + k * s->slice * s->size;
    const char *end = s->in + slice_end(s, k) * s->size;
    memcpy(acc, at, s->size);
    while ((at += s->size) < end)
        s->join(s->ctx, acc, at);
}

TUTTI_FORK_3(int, fold, const struct scan *, size_t, size_t);
static int fold(tutti_at at, const struct scan *s, size_t from, size_t to)
{
    if (to - from == 1) {
        slice_fold(s, from);
        return 0;
    }
    size_t middle = from + (to - from) / 2;
    fold_fork(&at, s, from, middle);
    fold(at, s, middle, to);
    return fold_join(&at);
}

/* --- between them: what all slices before each come to ------------------------------ */

static void add_up(const struct scan *s, char *spare)
{
    for (size_t k = s->first ? 0 : 1; k + 1 < s->slices; k++) {
        char *acc = s->begin + k * s->size, *next = acc + s->size;
        memcpy(spare, acc, s->size);
        s->join(s->ctx, spare, next);
        memcpy(next, spare, s->size);
    }
}

/* --- the second pass: the results ----------------------------------------------------- */

static void slice_inclusive(const struct scan *s, size_t k)
{
    char *acc = s->begin + k * s->size;
    size_t i = k * s->slice, end = slice_end(s, k);
    if (k == 0 && !s->first) {
        memcpy(acc, s->in, s->size);
        item_copy(s, s->out, s->in);
        i++;
    }
    for (; i < end; i++) {
        s->join(s->ctx, acc, s->in + i * s->size);
        memcpy(s->out + i * s->size, acc, s->size);
    }
}

static void slice_exclusive(const struct scan *s, size_t k)
{
    char *acc = s->begin + k * s->size;
    for (size_t i = k * s->slice, end = slice_end(s, k); i < end; i++) {
        const char *item = s->in + i * s->size;
        if (s->kept) {
            memcpy(s->kept + k * s->size, item, s->size);
            item = s->kept + k * s->size;
        }
        memcpy(s->out + i * s->size, acc, s->size);
        if (i + 1 < end)
            s->join(s->ctx, acc, item);
    }
}

TUTTI_FORK_3(int, give, const struct scan *, size_t, size_t);
static int give(tutti_at at, const struct scan *s, size_t from, size_t to)
{
    if (to - from == 1) {
        if (s->exclusive)
            slice_exclusive(s, from);
        else
            slice_inclusive(s, from);
        return 0;
    }
    size_t middle = from + (to - from) / 2;
    give_fork(&at, s, from, middle);
    give(at, s, middle, to);
    return give_join(&at);
}

/* --- the call ----------------------------------------------------------------------- */

static int scan_task(void *arg)
{
    struct scan *s = arg;
    tutti_at at = tutti_fork_here();
    fold(at, s, 0, s->slices - 1); /* nobody begins with what the last one comes to */
    int rc = tutti_fork_check();
    if (rc < 0)
        return rc;
    add_up(s, s->begin + s->slices * s->size);
    give(at, s, 0, s->slices);
    rc = tutti_fork_check();
    s->whole = rc == 0;
    return rc;
}

static int scan_started(tutti_executor *ex, struct scan *s)
{
    tutti_scope inner;
    tutti_scope_open(&inner, ex, TUTTI_NEVER, 0);
    int rc = tutti_go(&inner, scan_task, s);
    rc = typed_close(&inner, rc);
    return rc < 0 || s->whole ? rc : -ECANCELED; /* before it began */
}

static int scan_run(tutti_executor *ex, struct scan *s)
{
    int in_place = s->in == s->out;
    ROOM(room, ex);
    s->begin = room_take(&room, s->slices + 1, s->size);
    if (s->begin && s->exclusive && in_place)
        s->kept = room_take(&room, s->slices, s->size);
    if (!s->begin || (s->exclusive && in_place && !s->kept))
        return tutti_fail(-ENOMEM, "tutti_scan: no memory for %zu items", s->slices + 1);
    if (s->first)
        memcpy(s->begin, s->first, s->size);
    if (s->slices > 1)
        return scan_started(ex, s);
    if (s->exclusive)
        slice_exclusive(s, 0);
    else
        slice_inclusive(s, 0);
    return 0;
}

/* The same items or none in common. */
static int apart(const char *in, const char *out, size_t bytes)
{
    uintptr_t a = (uintptr_t)in, b = (uintptr_t)out;
    return a == b || (a < b ? b - a : a - b) >= bytes;
}

int tutti_scan(tutti_scope *scope, const void *in, void *out, size_t count, size_t size,
               uint64_t grain, void (*join)(void *ctx, void *acc, const void *item),
               void *ctx, const void *first, unsigned flags)
{
    tutti_executor *ex;
    int rc = typed_executor("tutti_scan", scope, &ex);
    if (rc < 0)
        return rc;
    size_t bytes;
    int exclusive = (flags & TUTTI_SCAN_EXCLUSIVE) != 0;
    if (!join || (count && (!in || !out || !size)) || (exclusive && !first)
        || flags & ~(unsigned)TUTTI_SCAN_EXCLUSIVE
        || __builtin_mul_overflow(count, size, &bytes) || !apart(in, out, bytes))
        return tutti_fail(-EINVAL, "tutti_scan: no items, no join, no first item for an "
                          "exclusive one, items that overlap, or unknown flags");
    if (!count)
        return 0;
    if (!grain)
        grain = count / SLICES > SLICE_LEAST ? count / SLICES : SLICE_LEAST;
    struct scan s = { .in = in, .out = out, .count = count, .size = size,
                      .slice = grain, .slices = (count - 1) / grain + 1, .join = join,
                      .ctx = ctx, .first = first, .exclusive = exclusive };
    return scan_run(ex, &s);
}
