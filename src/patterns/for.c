/* patterns/for.c - tutti_for and tutti_for_range: the same work over the parts of a
 * range.
 *
 * The first slices run in the caller, growing until one has taken long enough to
 * know what an item costs; a region that is over by then, or nearly, has cost no
 * task at all.  The rest goes to a crew (crew.h).  Tests: tests/patterns_test.c. */
#include "patterns/crew.h"
#include "patterns/typed.h"
#include <tutti/patterns.h>

/* First slices in the caller, the rest by a crew.  c->cost comes out as measured. */
static int for_run(struct crew *c, tutti_executor *ex, int may_begin_here, void *seat,
                   void (*set)(void *arg, tutti_scope *inner))
{
    int rc = 0;
    if (may_begin_here && c->grain == 0)
        rc = pace_first(c->fn, c->arg, seat, &c->from, c->to, &c->cost);
    else if (may_begin_here && c->to - c->from <= c->grain) {
        rc = c->fn(c->arg, seat, c->from, c->to);
        c->from = c->to;
    }
    return rc < 0 || c->from >= c->to ? rc : crew_run(c, ex, set);
}

/* --- over numbers ---------------------------------------------------------- */

struct numbers {
    tutti_range_fn *fn;
    void *ctx;
};

static int numbers_do(void *arg, void *seat, uint64_t a, uint64_t b)
{
    struct numbers *w = arg;
    (void)seat;
    int rc = w->fn(w->ctx, a, b);
    return rc < 0 ? rc : 0;
}

int tutti_for_range(tutti_scope *s, uint64_t from, uint64_t to, uint64_t grain,
                    tutti_range_fn *fn, void *ctx)
{
    tutti_executor *ex;
    int rc = typed_executor("tutti_for_range", s, &ex);
    if (rc < 0)
        return rc;
    if (!fn)
        return tutti_fail(-EINVAL, "tutti_for_range: the function is NULL");
    struct numbers w = { fn, ctx };
    struct crew c = { .fn = numbers_do, .arg = &w, .from = from, .to = to,
                      .grain = grain };
    return from >= to ? 0 : for_run(&c, ex, 1, NULL, NULL);
}

/* --- over the slices of a ref ---------------------------------------------- */

struct parts {
    struct typed typed;
    tutti_bytes in;
    tutti_ref whole;
};

static int parts_do(void *arg, void *seat, uint64_t a, uint64_t b)
{
    struct parts *w = arg;
    tutti_ref part = tutti_ref_slice(w->whole, a, b - a);
    memcpy(seat, w->in.data, w->in.size);
    memcpy(seat, &part, sizeof part);
    int rc = typed_call(&w->typed, seat, NULL);
    return rc < 0 ? rc : 0;
}

static void parts_set(void *arg, tutti_scope *inner)
{
    ((struct parts *)arg)->typed.inner = inner;
}

int tutti_for(tutti_scope *s, const tutti_task *t, tutti_bytes in, uint64_t grain)
{
    tutti_executor *ex;
    struct parts w = { .in = in };
    _Alignas(16) unsigned char seat[CREW_SEAT];
    int rc = typed_open("tutti_for", s, t, &ex, &w.typed);
    if (rc < 0)
        return rc;
    if (in.size != t->in_size || in.size < sizeof(tutti_ref) || !in.data)
        return tutti_fail(-EINVAL,
                          "tutti_for: %s takes %u bytes that begin with a ref, "
                          "not %zu", t->name, t->in_size, in.size);
    memcpy(&w.whole, in.data, sizeof w.whole);
    if (w.whole.count == 0)
        return 0;
    uint32_t item = w.whole.item;
    struct crew c = { .fn = parts_do, .arg = &w, .seat = in.size, .name = t->name,
                      .to = w.whole.count, .grain = grain, .cost = pace_kept(t, item) };
    rc = for_run(&c, ex, w.typed.here && in.size <= sizeof seat, seat, parts_set);
    pace_keep(t, item, grain ? 0 : c.cost);
    return rc;
}
