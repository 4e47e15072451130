/* exec/processes/run.c - one request: finds the task, runs it in a scope that has its
 * deadline, puts what it gives where home can read it.
 * Tests: tests/processes_test.c. */
#include "base/clock.h"
#include "core/local.h"
#include "core/record.h"
#include "core/task.h"
#include "exec/processes/events.h"
#include "exec/processes/names.h"
#include "exec/processes/serve.h"
#include "exec/processes/spill.h"
#include "sync/far/far.h"
#include <stdio.h>

enum { WORDS = 320, SIDE_ROOM = SIDE - WORDS };

/* --- room for results -------------------------------------------------------------- */

static uint64_t place_of(const struct serving *s, const void *at)
{
    return (uint64_t)(uintptr_t)at - s->head->base;
}

/* Take back what home has read. */
static void outbox_hear(struct serving *s)
{
    uint64_t seen = load_relaxed(&s->own->seen); /* our own */
    uint64_t released = load_acquire(&s->lane->released); /* pairs with outbox_release */
    for (; seen < released; seen++) {
        uint64_t word = s->lane->release[seen % RELEASES];
        uint64_t in = (word >> 32) * EXTENT_PAGE, size = (word & UINT32_MAX) * EXTENT_PAGE;
        if (in < s->outbox.size)
            extents_give(&s->outbox, s->outbox.base + in, size);
        else
            extents_give(&s->spill, s->spill.base + (in - s->outbox.size), size);
    }
    store_release(&s->own->seen, seen); /* pairs with outbox_release: the slots are free */
}

static void *outbox_take(struct serving *s, uint64_t n)
{
    bool zeroed;
    latch_lock(&s->outbox_latch);
    outbox_hear(s);
    void *at = extents_take(&s->outbox, n, &zeroed);
    at = at ? at : spill_box_take(&s->spill, n);
    latch_unlock(&s->outbox_latch);
    return at;
}

static void outbox_give(struct serving *s, void *at, uint64_t n)
{
    bool spilt = head_is_spill(s->head, place_of(s, at));
    latch_lock(&s->outbox_latch);
    extents_give(spilt ? &s->spill : &s->outbox, at, n);
    latch_unlock(&s->outbox_latch);
}

static int outbox_full(const struct serving *s, const char *name, size_t n)
{
    return why_set(-ENOMEM, s->spill.size ? "%s: neither the arena nor the file of spill= has "
                                            "room for its result of %zu bytes"
                                          : "%s: the arena has no room for its result of %zu "
                                            "bytes; give it more by ?arena=, or a file by "
                                            "?spill=", name, n);
}

/* --- words -------------------------------------------------------------------------- */

static void answer_words(struct answer *a, unsigned char *side, const char *words)
{
    size_t n = strlen(words);
    a->words = (uint32_t)(n < WORDS ? n : WORDS);
    memcpy(side + SIDE - a->words, words, a->words);
}

static void answer_fail(struct answer *a, unsigned char *side, int code, const char *words)
{
    a->code = code;
    answer_words(a, side, words);
}

/* The sentence that goes with code, if the task has said one. */
static void answer_why(struct answer *a, unsigned char *side, int code)
{
    const struct context *c = context_self();
    if (code < 0 && c->why_code == code && (c->why || c->why_static))
        answer_words(a, side, c->why_static ? c->why_static : c->why);
}

/* It has returned; was it without a lock? */
static int run_ended(int rc)
{
    struct context *c = context_self();
    if (likely(!c->locks))
        return rc;
    rc = context_kept_locks(c);
    c->locks = 0; /* the next task is not to blame */
    return rc;
}

/* --- one run -------------------------------------------------------------------------- */

static const unsigned char *request_input(const struct serving *s, const struct request *r,
                                          uint64_t number)
{
    if (r->in == PLACE_INLINE)
        return r->inline_;
    return r->in == PLACE_SIDE ? s->lane->side[number % RING] : head_at(s->head, r->in);
}

static uint64_t pages(uint64_t n)
{
    return (n + EXTENT_PAGE - 1) / EXTENT_PAGE * EXTENT_PAGE;
}

/* What is too large for the side room grows where home will read it, without another copy. */
static unsigned char *any_grow(struct tutti_out *o, size_t room)
{
    struct serving *s = o->ctx;
    unsigned char *to = outbox_take(s, room);
    if (!to) {
        outbox_full(s, tutti_task_name(), room);
        return NULL;
    }
    memcpy(to, o->data, o->size);
    if (o->owned)
        outbox_give(s, o->data, o->room);
    return to;
}

/* A result of any size: it begins in the side room. */
static int run_any(struct serving *s, const tutti_task *t, tutti_bytes in, struct answer *a,
                   unsigned char *side)
{
    struct tutti_out o = { .data = side, .room = SIDE_ROOM, .grow = any_grow, .ctx = s };
    int rc = t->run(in, &o);
    uint64_t kept = rc < 0 ? 0 : pages(o.size);
    if (o.owned && pages(o.room) > kept) /* what it took too much */
        outbox_give(s, o.data + kept, pages(o.room) - kept);
    a->out = o.owned && kept ? place_of(s, o.data) : PLACE_SIDE;
    a->size = rc < 0 ? 0 : o.size;
    return rc;
}

static int run_sized(struct serving *s, const tutti_task *t, tutti_bytes in,
                     struct answer *a, unsigned char *side)
{
    void *out = t->out_size <= ANSWER_INLINE ? a->inline_
                : t->out_size <= SIDE_ROOM   ? side
                                             : outbox_take(s, t->out_size);
    if (!out)
        return outbox_full(s, t->name, t->out_size);
    int rc = tutti_task_call(t, in, out);
    a->out = out == a->inline_ ? PLACE_INLINE : out == side ? PLACE_SIDE : place_of(s, out);
    a->size = t->out_size;
    return rc;
}

static void run_single(struct serving *s, const tutti_task *t, const struct request *r,
                       const unsigned char *in, struct answer *a, unsigned char *side)
{
    tutti_bytes bytes = { in, r->in_size };
    int rc = tutti_check();
    if (rc == 0)
        rc = run_ended(t->out_size ? run_sized(s, t, bytes, a, side)
                                   : run_any(s, t, bytes, a, side));
    a->code = rc;
    answer_why(a, side, rc);
    store_release(&a->done, 1); /* pairs with lane_died */
}

/* --- several runs ----------------------------------------------------------------------- */

static void run_batch(struct serving *s, const tutti_task *t, const struct request *r,
                      const unsigned char *in, struct answer *a, unsigned char *side)
{
    uint64_t outs = ((uint64_t)t->out_size * r->runs + 15) / 16 * 16;
    uint64_t size = outs + r->runs * sizeof(int32_t);
    unsigned char *out = size <= SIDE_ROOM ? side : outbox_take(s, size);
    if (!out) {
        answer_fail(a, side, outbox_full(s, t->name, size), tutti_why());
        return;
    }
    int32_t *codes = (int32_t *)(void *)(out + outs);
    a->out = out == side ? PLACE_SIDE : place_of(s, out);
    a->size = size;
    a->code = 0;
    for (uint32_t i = 0; i < r->runs; i++) {
        tutti_bytes bytes = { in + (uint64_t)t->in_size * i, t->in_size };
        int rc = tutti_check() ? -ECANCELED
                               : run_ended(tutti_task_call(t, bytes,
                                                           out + (uint64_t)t->out_size * i));
        codes[i] = rc;
        if (rc < 0 && !a->words)
            answer_why(a, side, rc);
        store_release(&a->done, i + 1); /* pairs with lane_died: the run has its result */
        if (rc < 0 && r->stops)
            break;
    }
}

/* --- the request -------------------------------------------------------------------------- */

/* One that is alone has always the same: fewer lines of the cache. */
static struct turn *turn_of(struct serving *s, uint64_t number)
{
    return &s->turn[s->many ? number % RING : 0];
}

/* From here on `number` can be cancelled.  True: it has been. */
static bool turn_begin(struct serving *s, uint64_t number, tutti_scope *scope)
{
    struct turn *t = turn_of(s, number);
    latch_lock(&s->latch);
    t->scope = scope;
    t->thread = pthread_self();
    store_release(&t->number, number); /* for turn_of_caller */
    if (s->many)
        add_relaxed(&s->live, 1);      /* under the latch */
    bool asked = listen_is_asked(s, number);
    latch_unlock(&s->latch);
    return asked;
}

static void turn_end(struct serving *s, uint64_t number)
{
    latch_lock(&s->latch);
    store_relaxed(&turn_of(s, number)->number, NOTHING_RUNS); /* under the latch */
    latch_unlock(&s->latch);
}

/* Its scope is closed.  What its locks and channels are told is said of this process: so not
 * while others run, and none begins meanwhile. */
static void turn_over(struct serving *s)
{
    if (!s->many) {
        far_task_ended();
        return;
    }
    latch_lock(&s->latch);
    if (sub_relaxed(&s->live, 1) == 1) /* under the latch */
        far_task_ended();
    latch_unlock(&s->latch);
}

uint64_t turn_of_caller(const struct serving *s)
{
    enum { DEPTH = 64 };
    uint64_t only = NOTHING_RUNS;
    unsigned running = 0;
    const struct context *c = context_current;
    for (unsigned i = 0; i < RING; i++) {
        uint64_t number = load_acquire(&s->turn[i].number); /* turn_begin */
        const struct scope *scope = c ? c->scope : NULL;
        if (number == NOTHING_RUNS)
            continue;
        for (int depth = 0; scope && depth < DEPTH; depth++, scope = scope->outer)
            if (scope == scope_of(s->turn[i].scope))
                return number;
        only = number;
        running++;
    }
    return running == 1 ? only : NOTHING_RUNS;
}

static void run_in_scope(struct serving *s, const tutti_task *t, uint64_t number,
                         const struct request *r, struct answer *a, unsigned char *side)
{
    struct context *c = context_self();
    tutti_scope scope;
    tutti_scope_open(&scope, s->inner, r->deadline, 0);
    if (unlikely(turn_begin(s, number, &scope)))
        tutti_scope_cancel(&scope);
    c->name = t->name;
    c->why_code = 0;
    c->why_static = NULL;
    c->wait_what = NULL; /* told of this task when it crashes */
    const unsigned char *in = request_input(s, r, number);
    if (unlikely(s->head->cpu_seconds))
        sandbox_give_time(s->head);
    /* release: pairs with lane_died; from here on it may have done anything */
    store_release(&a->tag, number << ANSWER_BITS | ANSWER_RUNNING);
    event_note(s, EVENT_BEGAN, r, s->many ? clock_now() : s->now);
    if (r->runs == 1)
        run_single(s, t, r, in, a, side);
    else
        run_batch(s, t, r, in, a, side);
    turn_end(s, number);
    event_note(s, EVENT_ENDED, r, a->code);
    if (unlikely(c->locals != NULL))
        locals_drop(&c->locals);
    context_views_free(c);
    if (unlikely(c->scope != scope_of(&scope)))
        misuse("task %s returned with a scope open; use TUTTI_SCOPE, which closes itself",
               t->name);
    c->name = NULL;
    tutti_scope_close(&scope);
    turn_over(s);
}

void serve_run(struct serving *s, uint64_t number, const struct request *r,
               struct answer *a, unsigned char *side)
{
    char why[WORDS];
    a->words = 0;
    a->code = 0;
    a->out = PLACE_INLINE;
    a->size = 0;
    store_relaxed(&a->done, 0); /* RUNNING releases it */
    const tutti_task *t = name_task(s->head, r->name, why, sizeof why);
    if (unlikely(!t))
        answer_fail(a, side, -TUTTI_ENOTASK, why);
    else
        run_in_scope(s, t, number, r, a, side);
}
