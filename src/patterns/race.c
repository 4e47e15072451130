/* patterns/race.c - rivals: tutti_race, where the first to succeed ends it for the
 * others, and tutti_best, where the best of all counts.
 *
 * Rivals are started in a scope of the call's own and looked at in the order in
 * which they end.  Losing is no failure: the losers' futures are their own, and
 * nobody asks them.
 * Tests: tests/race_test.c. */
#include "patterns/typed.h"
#include <tutti/patterns.h>

enum { RIVALS_MOST = 4096 }; /* at once */

/* Holds: rivals 0..started-1 are in inner, `ended` of them were looked at; lost is the
 * future of the failed rival with the lowest index, `lowest`. */
struct rivals {
    tutti_scope *inner;
    const tutti_task *task;
    const char *in;
    size_t n, started, ended;
    tutti_future taken;      /* handed out by the scope, and not looked at yet */
    int has_taken;
    tutti_future lost;
    size_t lowest;
};

static int rivals_open(const char *call, tutti_scope *s, const tutti_task *t,
                       const void *in, size_t n, void *out, tutti_executor **ex)
{
    struct typed y;
    int rc = typed_open(call, s, t, ex, &y);
    if (rc < 0)
        return rc;
    if (!in || !n || n > INT32_MAX || (out && !t->out_size))
        return tutti_fail(-EINVAL,
                          "%s: %s needs inputs, at least one, and a result of fixed "
                          "size", call, t->name);
    return 0;
}

static int rivals_start(struct rivals *r)
{
    while (r->started < r->n && r->started - r->ended < RIVALS_MOST) {
        tutti_bytes in = { r->in + r->started * r->task->in_size, r->task->in_size };
        tutti_future f;
        int rc = tutti_submit(r->inner, r->task, in, &f);
        if (rc < 0) {
            tutti_future_release(f);
            return rc;
        }
        r->started++;
    }
    return 0;
}

/* The next that ended: 1, its future, index and code, and its result if that is not
 * negative; 0: none is left; negative: cut off. */
static int rivals_next(struct rivals *r, tutti_future *f, size_t *i, int *code,
                       tutti_bytes *result)
{
    tutti_outcome o = { .size = sizeof o };
    int rc = r->has_taken ? 1 : tutti_scope_next(r->inner, &r->taken);
    if (rc <= 0)
        return rc;
    r->has_taken = 1;
    *f = r->taken;
    *code = tutti_future_await(*f, result);
    rc = *code < 0 ? tutti_check() : 0;
    if (rc < 0)
        return rc; /* it may be a good one all the same: the next call looks again */
    r->has_taken = 0;
    tutti_future_outcome(*f, &o);
    *i = (size_t)o.index;
    r->ended++;
    return 1;
}

static void rivals_lost(struct rivals *r, tutti_future f, size_t i)
{
    int lower = !r->lost._[0] || i < r->lowest;
    tutti_future_release(lower ? r->lost : f);
    if (lower) {
        r->lost = f;
        r->lowest = i;
    }
}

/* Cancel who is left, wait for them, and say why nobody won; rc: what ended it, or 0
 * when all had their say. */
static int rivals_all_lost(struct rivals *r, int rc)
{
    if (rc == 0)
        rc = tutti_future_await(r->lost, NULL);
    tutti_scope_leave(r->inner); /* keeps the words */
    return rc;
}

int tutti_race(tutti_scope *s, const tutti_task *t, const void *in, size_t n, void *out)
{
    tutti_executor *ex;
    tutti_future f;
    tutti_bytes result;
    size_t i;
    int code, rc = rivals_open("tutti_race", s, t, in, n, out, &ex);
    if (rc < 0)
        return rc;
    TUTTI_SCOPE(inner, ex, TUTTI_NEVER, 0);
    struct rivals r = { .inner = &inner, .task = t, .in = in, .n = n };
    while ((rc = rivals_start(&r)) == 0
           && (rc = rivals_next(&r, &f, &i, &code, &result)) > 0) {
        if (code >= 0) {
            if (out)
                memcpy(out, result.data, t->out_size);
            tutti_scope_leave(&inner);
            return (int)i;
        }
        rivals_lost(&r, f, i);
    }
    return rivals_all_lost(&r, rc);
}

/* --- best ------------------------------------------------------------------ */

/* Holds: best >= 0 implies that f is its future, not released. */
struct best {
    struct rivals rivals;
    int (*better)(void *ctx, const void *a, const void *b);
    void *ctx, *out;
    tutti_future f;
    tutti_bytes result;
    int64_t best;
};

static void best_look(struct best *b, tutti_future f, size_t i, int code,
                      tutti_bytes result)
{
    if (code < 0) {
        rivals_lost(&b->rivals, f, i);
        return;
    }
    int wins = b->best < 0 || b->better(b->ctx, result.data, b->result.data)
               || ((int64_t)i < b->best
                   && !b->better(b->ctx, b->result.data, result.data));
    tutti_future_release(wins ? b->f : f);
    if (!wins)
        return;
    b->f = f;
    b->best = (int64_t)i;
    b->result = result;
    if (b->out)
        memcpy(b->out, result.data, b->rivals.task->out_size);
}

static int best_run(struct best *b)
{
    tutti_future f;
    tutti_bytes result;
    size_t i;
    int rc, code;
    while ((rc = rivals_start(&b->rivals)) == 0
           && (rc = rivals_next(&b->rivals, &f, &i, &code, &result)) > 0)
        best_look(b, f, i, code, result);
    return rc;
}

/* The deadline came: all that runs ends now, and what ended in time still counts.
 * No call may wait any more but under a shield. */
static void best_drain(struct best *b, tutti_executor *ex)
{
    tutti_future f;
    tutti_bytes result;
    size_t i;
    int code;
    b->rivals.n = b->rivals.started;
    TUTTI_SCOPE(shield, ex, tutti_after(60 * TUTTI_SEC), TUTTI_SHIELD);
    while (rivals_next(&b->rivals, &f, &i, &code, &result) > 0)
        best_look(b, f, i, code, result);
}

int tutti_best(tutti_scope *s, const tutti_task *t, const void *in, size_t n,
               int (*better)(void *ctx, const void *a, const void *b), void *ctx,
               void *out)
{
    tutti_executor *ex;
    int rc = rivals_open("tutti_best", s, t, in, n, out, &ex);
    if (rc == 0 && !better)
        rc = tutti_fail(-EINVAL, "tutti_best: better is NULL");
    if (rc < 0)
        return rc;
    TUTTI_SCOPE(inner, ex, TUTTI_NEVER, 0);
    struct best b = { .rivals = { .inner = &inner, .task = t, .in = in, .n = n },
                      .better = better, .ctx = ctx, .out = out, .best = -1 };
    rc = best_run(&b);
    if (rc == -ETIMEDOUT)
        best_drain(&b, ex);
    if (b.best < 0 || (rc < 0 && rc != -ETIMEDOUT))
        return rivals_all_lost(&b.rivals, rc);
    tutti_scope_leave(&inner);
    return (int)b.best;
}
