/* patterns/reduce.c - tutti_reduce: parts of a range to one value, the same bits
 * everywhere.
 *
 * Two sizes are kept apart.  The slice, what one run of the task sees, follows from
 * count and grain alone, and results are folded in the order of slices: so rounding is
 * the same on every executor.  The batch, how many slices are one start, is measured,
 * and cannot be seen in the answer.
 *
 * Batches go round a ring of slots: the caller starts them in order, waits for the
 * oldest, folds it, and uses its slot for the next.  That bounds the memory,
 * whatever the count.  The first slices run in the caller, as in for.c.
 * Tests: tests/patterns_test.c. */
#include "patterns/pace.h"
#include "patterns/room.h"
#include "patterns/typed.h"
#include <tutti/patterns.h>
#include <tutti/sync.h>

enum {
    REDUCE_WINDOW = 32,        /* batches at once, at least: some may wait for things */
    REDUCE_BATCH_BYTES = 65536, /* results of one batch, unless one slice has more */
    REDUCE_BATCH_MOST = 1000000 /* ns: a batch need not take longer */
};

/* Holds: slice i of `slices` begins at item i * slice, and the last one ends where whole does;
 * batch >= 1 where there are batches. */
struct reduce {
    struct typed typed;
    tutti_bytes in;
    tutti_ref whole;
    uint64_t slice, slices;
    void (*join)(void *ctx, void *acc, const void *part);
    void *ctx, *acc;
    size_t out_size;
    uint64_t batch;             /* slices in one */
    tutti_counter spent, done;  /* ns and slices measured */
};

/* Holds: from..to are slices; they are in work from the start of the batch until
 * done is set, and only the caller looks at them then. */
struct reduce_slot {
    struct reduce *r;
    uint64_t from, to;
    unsigned char *in, *out;
    tutti_event done;
};

uint64_t tutti_reduce_slice(uint64_t count, uint64_t grain)
{
    if (grain)
        return grain;
    return count / 256 ? count / 256 : 1;
}

/* One slice: in is room for the input. */
static int reduce_call(struct reduce *r, uint64_t i, unsigned char *in, void *out)
{
    tutti_ref part = tutti_ref_slice(r->whole, i * r->slice, r->slice);
    memcpy(in, r->in.data, r->in.size);
    memcpy(in, &part, sizeof part);
    int rc = typed_call(&r->typed, in, out);
    return rc < 0 ? rc : 0;
}

/* --- in the caller --------------------------------------------------------- */

struct reduce_seat {
    unsigned char *in, *out;
};

static int reduce_here(void *arg, void *seat, uint64_t a, uint64_t b)
{
    struct reduce *r = arg;
    struct reduce_seat *at = seat;
    for (uint64_t i = a; i < b; i++) {
        int rc = reduce_call(r, i, at->in, at->out);
        if (rc < 0)
            return rc;
        r->join(r->ctx, r->acc, at->out);
    }
    return 0;
}

/* --- in batches ------------------------------------------------------------ */

static int reduce_batch(void *arg)
{
    struct reduce_slot *b = arg;
    struct reduce *r = b->r;
    tutti_time begin = tutti_now();
    int rc = 0;
    tutti_task_name_set(r->typed.task->name);
    for (uint64_t i = b->from; rc == 0 && i < b->to; i++) {
        rc = tutti_check();
        if (rc == 0)
            rc = reduce_call(r, i, b->in, b->out + (i - b->from) * r->out_size);
    }
    tutti_counter_add(&r->spent, tutti_now() - begin);
    tutti_counter_add(&r->done, (int64_t)(b->to - b->from));
    if (rc == 0)
        tutti_event_set(&b->done);
    return rc;
}

/* How many slices a batch should have: so that it is worth a start, and that each
 * worker gets a good many of them. */
static uint64_t reduce_batch_size(const struct reduce *r, uint64_t left, uint64_t cost,
                                  unsigned workers)
{
    uint64_t ns = left > UINT64_MAX / cost ? UINT64_MAX : left * cost / PACE_UNIT;
    ns /= 16 * (uint64_t)workers;
    ns = ns < PACE_SLICE ? PACE_SLICE : ns > REDUCE_BATCH_MOST ? REDUCE_BATCH_MOST : ns;
    uint64_t n = pace_items(cost, ns), fair = left / workers / 2;
    uint64_t fits = REDUCE_BATCH_BYTES / (r->out_size ? r->out_size : 1);
    n = n < fair ? n : fair;
    n = n < fits ? n : fits;
    return n ? n : 1;
}

static struct reduce_slot *reduce_ring(struct reduce *r, struct room *room, uint64_t n)
{
    struct reduce_slot *ring = room_take(room, n, sizeof *ring);
    for (uint64_t i = 0; ring && i < n; i++) {
        ring[i].r = r;
        ring[i].in = room_take(room, 1, r->in.size);
        ring[i].out = room_take(room, r->batch, r->out_size ? r->out_size : 1);
        if (!ring[i].in || !ring[i].out)
            return NULL;
    }
    return ring;
}

static int reduce_start(struct reduce *r, tutti_scope *inner, struct reduce_slot *b,
                        uint64_t *next)
{
    b->from = *next;
    b->to = r->slices - *next < r->batch ? r->slices : *next + r->batch;
    *next = b->to;
    return tutti_go(inner, reduce_batch, b);
}

static int reduce_fold(struct reduce *r, tutti_scope *inner, struct reduce_slot *ring,
                       uint64_t window, uint64_t from)
{
    uint64_t next = from;
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < window && next < r->slices; i++)
        rc = reduce_start(r, inner, &ring[i], &next);
    for (uint64_t i = 0; rc == 0 && from < r->slices; i = (i + 1) % window) {
        struct reduce_slot *b = &ring[i];
        rc = tutti_event_wait(&b->done);
        if (rc < 0)
            break;
        tutti_event_clear(&b->done);
        for (uint64_t k = 0; k < b->to - b->from; k++)
            r->join(r->ctx, r->acc, b->out + k * r->out_size);
        from = b->to;
        if (next < r->slices)
            rc = reduce_start(r, inner, b, &next);
    }
    return rc;
}

/* The slices from `from` on; a batch that fails ends the scope and so the wait for
 * it. */
static int reduce_run(struct reduce *r, tutti_executor *ex, uint64_t from,
                      uint64_t *cost)
{
    unsigned workers = tutti_executor_workers(ex);
    uint64_t left = r->slices - from;
    uint64_t window = 4 * (uint64_t)workers;
    ROOM(room, ex);
    r->batch = *cost ? reduce_batch_size(r, left, *cost, workers) : 1;
    window = window < REDUCE_WINDOW ? REDUCE_WINDOW : window;
    window = window < left / r->batch + 1 ? window : left / r->batch + 1;
    struct reduce_slot *ring = reduce_ring(r, &room, window);
    if (!ring)
        return tutti_fail(-ENOMEM, "tutti_reduce: no memory for %llu results at once",
                          (unsigned long long)(window * r->batch));
    TUTTI_SCOPE(inner, ex, TUTTI_NEVER, 0);
    r->typed.inner = &inner;
    int rc = typed_close(&inner, reduce_fold(r, &inner, ring, window, from));
    uint64_t done = (uint64_t)tutti_counter_get(&r->done);
    if (done)
        *cost = pace_cost((uint64_t)tutti_counter_get(&r->spent), done);
    return rc;
}

/* --- all together ---------------------------------------------------------- */

static int reduce_all(struct reduce *r, tutti_executor *ex, uint64_t *cost)
{
    uint64_t from = 0;
    int rc = 0;
    if (r->typed.here) {
        ROOM(room, ex);
        struct reduce_seat seat;
        seat.in = room_take(&room, 1, r->in.size);
        seat.out = room_take(&room, 1, r->out_size ? r->out_size : 1);
        if (!seat.in || !seat.out)
            return tutti_fail(-ENOMEM, "tutti_reduce: no memory for a result");
        rc = pace_first(reduce_here, r, &seat, &from, r->slices, cost);
    }
    return rc < 0 || from == r->slices ? rc : reduce_run(r, ex, from, cost);
}

int tutti_reduce(tutti_scope *s, const tutti_task *t, tutti_bytes in, uint64_t grain,
                 void (*join)(void *ctx, void *acc, const void *part), void *ctx,
                 void *acc)
{
    tutti_executor *ex;
    struct reduce r = { .in = in, .join = join, .ctx = ctx, .acc = acc };
    int rc = typed_open("tutti_reduce", s, t, &ex, &r.typed);
    if (rc < 0)
        return rc;
    if (!join || in.size != t->in_size || in.size < sizeof(tutti_ref) || !in.data)
        return tutti_fail(-EINVAL,
                          "tutti_reduce: %s takes %u bytes that begin with a ref, "
                          "not %zu, and a join", t->name, t->in_size, in.size);
    memcpy(&r.whole, in.data, sizeof r.whole);
    if (r.whole.count == 0)
        return 0;
    r.slice = tutti_reduce_slice(r.whole.count, grain);
    r.slices = r.whole.count / r.slice + (r.whole.count % r.slice != 0);
    r.out_size = t->out_size;
    /* Kept for an item, since the slice differs from call to call. */
    uint64_t kept = pace_kept(t, r.whole.item), cost;
    if (__builtin_mul_overflow(kept, r.slice, &cost))
        cost = UINT64_MAX;
    rc = reduce_all(&r, ex, &cost);
    pace_keep(t, r.whole.item, cost ? cost / r.slice + 1 : 0);
    return rc;
}
