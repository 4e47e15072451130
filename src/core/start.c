/* core/start.c - starting tasks, and what a caller does about its own turn.
 * Tests: tests/task_test.c. */
#include "base/memory.h"
#include "core/owned.h"
#include "core/record.h"
#include "core/task.h"
#include "core/thread.h"

/* --- may it start? --------------------------------------------------------- */

/* 0; 1: and its place in a limited scope is taken (see scope_wait_limit); or why not. */
static int start_check(struct scope *s, const char *call)
{
    struct context *c = context_self();
    if (!scope_is_open(s))
        return why_set(-EINVAL, "%s in %s: the scope is not open", call, task_name(c));
    if (unlikely(scope_lost(s)))
        return why_lost();
    int64_t deadline;
    int rc = scope_over_start(s, &deadline);
    if (unlikely(rc < 0)) {
        if (s->flags & SCOPE_BROKEN)
            return scope_failure_again(s);
        return why_static(rc, tutti_strerror(rc));
    }
    rc = scope_wait_limit(s, c);
    return rc < 0 ? why_static(rc, tutti_strerror(rc)) : rc;
}

/* It does not start after all; place: what start_check gave. */
static int start_not(struct scope *s, int place, int rc)
{
    if (place > 0)
        scope_end(s);
    return rc;
}

static __attribute__((noinline)) int start_out_of_memory(struct scope *s, int place,
                                                         const char *call)
{
    int rc = why_set(-ENOMEM, "%s: out of memory%s", call,
                     s->ex->ops->take ? ", or of room in the arena (?arena=, ?spill=)" : "");
    scope_fail((tutti_scope *)(void *)s, rc);
    return start_not(s, place, rc);
}

static inline void start_now(struct scope *s, struct task *t, int place)
{
    t->index = scope_start(s, place);
    if (t->record)
        t->record->index = t->index;
    unsigned flags = (s->flags | (t->type ? t->type->flags : 0)) & (TUTTI_ALONE | TUTTI_LOW);
    t->run.is_low = flags & TUTTI_LOW;
    if (unlikely(flags && s->ex->ops->start_other))
        s->ex->ops->start_other(s->ex, t, flags);
    else
        s->ex->ops->start(s->ex, t);
}

/* What start_check looks at is as it nearly always is. */
static inline bool start_may(const struct scope *s)
{
    int64_t deadline;
    /* relaxed: as in scope_wait_limit */
    return likely(scope_is_open(s)) && !scope_lost(s) && scope_clear(s, &deadline)
           && likely(!(s->flags & (TUTTI_ALONE | TUTTI_LOW)))
           && likely(!(load_relaxed(&s->remote) & SCOPE_WATCHED));
}

/* --- closures -------------------------------------------------------------- */

static int start_no_function(const char *call)
{
    return why_set(-EINVAL, "%s: the function is NULL", call);
}

static __attribute__((noinline)) int go_slow(struct scope *s, tutti_fn *fn, void *arg)
{
    int place = start_may(s) ? 0 : start_check(s, "tutti_go");
    if (place < 0)
        return place;
    if (s->thread == thread_mark())
        scope_note_plain(s); /* clear_at may have moved */
    if (!fn)
        return start_not(s, place, start_no_function("tutti_go"));
    struct task *t = task_alloc(s);
    if (!t)
        return start_out_of_memory(s, place, "tutti_go");
    t->fn = fn;
    t->arg = arg;
    start_now(s, t, place);
    return 0;
}

int tutti_go(tutti_scope *public, tutti_fn *fn, void *arg)
{
    struct scope *s = scope_of(public);
    struct task *t;
    if (unlikely(!s || !scope_is_plain(s) || !fn || !(t = task_alloc(s))))
        return go_slow(s, fn, arg);
    t->run.is_plain = true;
    t->fn = fn;
    t->arg = arg;
    t->index = scope_start_plain(s);
    s->ex->ops->start(s->ex, t);
    return 0;
}

/* A future that failed with code, so that nothing need be checked before it is awaited. */
static void future_failed(struct scope *s, tutti_future *f, int code)
{
    if (!f)
        return;
    *f = (tutti_future){ { 0, 0 } };
    if (!scope_is_open(s) || scope_lost(s))
        return;
    char *words = memory_strdup(tutti_why());
    struct record *r = record_open(s, RECORD_PENDING, "start", f);
    bool cut = code == -ECANCELED || code == -ETIMEDOUT;
    if (r)
        record_end(r, cut ? TUTTI_CUT : TUTTI_FAILED, code, words);
    else
        memory_free(words);
}

int tutti_spawn(tutti_scope *public, tutti_fn *fn, void *arg, tutti_drop *drop,
                tutti_future *f)
{
    struct scope *s = scope_of(public);
    int place = start_may(s) ? 0 : start_check(s, "tutti_spawn"), rc = place < 0 ? place : 0;
    if (rc == 0 && !fn)
        rc = start_not(s, place, start_no_function("tutti_spawn"));
    struct task *t = rc < 0 ? NULL : task_alloc(s);
    if (t && f && !(t->record = record_open(s, RECORD_PENDING, "closure", f))) {
        task_free(t);
        t = NULL;
    }
    if (unlikely(!t)) {
        if (rc == 0)
            rc = start_out_of_memory(s, place, "tutti_spawn");
        if (drop)
            drop(arg);
        future_failed(s, f, rc);
        return rc;
    }
    t->fn = fn;
    t->arg = arg;
    t->drop = drop;
    start_now(s, t, place);
    return 0;
}

/* --- typed tasks ----------------------------------------------------------- */

static int submit_check(const tutti_task *t, const char *call)
{
    if (!t)
        return why_set(-EINVAL, "%s: the task is NULL", call);
    if (!t->run)
        return why_set(-TUTTI_ENOTASK, "%s: task %s has no code in this program", call,
                       t->name);
    return 0;
}

static int start_typed(struct scope *s, int place, const tutti_task *type, tutti_bytes in,
                       bool is_batch, tutti_future *f, const char *call)
{
    struct typed_task *t = typed_alloc(s, type, in);
    if (t && f && !(t->task.record = record_open(s, RECORD_PENDING, type->name, f))) {
        typed_free(t);
        t = NULL;
    }
    if (unlikely(!t))
        return start_out_of_memory(s, place, call);
    t->batch = is_batch ? (const tutti_batch *)t->in.data : NULL;
    start_now(s, &t->task, place);
    return 0;
}

int tutti_submit(tutti_scope *public, const tutti_task *type, tutti_bytes in,
                 tutti_future *f)
{
    struct scope *s = scope_of(public);
    int place = start_may(s) ? 0 : start_check(s, "tutti_submit"), rc = place < 0 ? place : 0;
    if (rc == 0 && (rc = submit_check(type, "tutti_submit")) == 0
        && ((type->in_size && in.size != type->in_size) || (in.size && !in.data)))
        rc = in.size && !in.data
                 ? why_set(-EINVAL, "tutti_submit: %s is given %zu bytes at NULL", type->name,
                           in.size)
                 : why_set(-EINVAL, "tutti_submit: %s takes %u bytes, not %zu", type->name,
                           type->in_size, in.size);
    if (rc == 0)
        rc = start_typed(s, place, type, in, false, f, "tutti_submit");
    else
        start_not(s, place, rc);
    if (unlikely(rc < 0))
        future_failed(s, f, rc);
    return rc;
}

int tutti_submit_batch(tutti_scope *public, const tutti_task *type, const tutti_batch *b,
                       tutti_future *f)
{
    struct scope *s = scope_of(public);
    int place = start_check(s, "tutti_submit_batch"), rc = place < 0 ? place : 0;
    if (rc == 0 && (rc = submit_check(type, "tutti_submit_batch")) == 0
        && (!b || !f || !type->in_size || (b->n && !b->in)
            || (b->n && type->out_size && !b->out)))
        rc = why_set(-EINVAL, "tutti_submit_batch: %s needs a task of fixed sizes, inputs, "
                     "outputs and a future", type->name);
    if (rc == 0)
        rc = start_typed(s, place, type, (tutti_bytes){ b, sizeof *b }, true, f,
                         "tutti_submit_batch");
    else
        start_not(s, place, rc);
    if (unlikely(rc < 0))
        future_failed(s, f, rc);
    return rc;
}

/* --- the caller's own turn ------------------------------------------------- */

void tutti_task_name_set(const char *name)
{
    context_self()->name = name;
}

const char *tutti_task_name(void)
{
    return task_name(context_self());
}

int tutti_yield(void)
{
    struct context *c = context_self();
    return c->carrier->yield(c);
}

int tutti_sleep_until(tutti_time when)
{
    struct context *c = context_self();
    int rc = context_check(c);
    if (rc < 0)
        return rc;
    uint64_t ticket = wait_prepare(c, "time", NULL);
    rc = wait_park(c, ticket, when, WAIT_CUTTABLE);
    return rc == WAIT_TIME ? 0 : why_static(rc, tutti_strerror(rc));
}

tutti_time tutti_now(void)
{
    return clock_now();
}

tutti_time tutti_after(tutti_time span)
{
    int64_t now = clock_now();
    return span > 0 && now > TUTTI_NEVER - span ? TUTTI_NEVER : now + span;
}
