/* core/task.c - one task from its turn to its end: run, sort out how it ended, tell whoever
 * waits.  How it is started is in start.c.  Tests: tests/task_test.c. */
#include "core/task.h"
#include "core/local.h"
#include "core/owned.h"
#include "core/record.h"
#include "core/thread.h"
#include <tutti/fork.h>
#include <stdlib.h>

struct slab task_slab = SLAB(TASK_SLAB, struct task, run.next);
struct slab typed_slab = SLAB(TYPED_SLAB, struct typed_task, task.run.next);

/* Large ones go at once where the executor's workers read them. */
static void *input_take(struct tutti_executor *ex, size_t size)
{
    return size > TASK_LARGE && ex->ops->take ? ex->ops->take(ex, size) : memory_alloc(size);
}

static void input_give(struct tutti_executor *ex, void *at, size_t size)
{
    if (size > TASK_LARGE && ex->ops->give)
        ex->ops->give(ex, at, size);
    else
        memory_free(at);
}

struct typed_task *typed_alloc(struct scope *s, const tutti_task *type, tutti_bytes in)
{
    struct typed_task *t = slab_get(&typed_slab);
    if (!t)
        return NULL;
    task_init(&t->task, s);
    t->task.record = NULL;
    t->task.fn = NULL;
    t->task.arg = NULL;
    t->task.drop = NULL;
    t->task.type = type;
    t->batch = NULL;
    t->in = (tutti_bytes){ t->inline_, in.size };
    if (in.size > TASK_INLINE && !(t->in.data = input_take(s->ex, in.size))) {
        slab_put(&typed_slab, t);
        return NULL;
    }
    if (in.size)
        memcpy((void *)(uintptr_t)t->in.data, in.data, in.size);
    return t;
}

void typed_free(struct typed_task *t)
{
    if (t->in.data != t->inline_)
        input_give(t->task.scope->ex, (void *)(uintptr_t)t->in.data, t->in.size);
    slab_put(&typed_slab, t);
}

const char *task_name(const struct context *c)
{
    if (c->name)
        return c->name;
    if (!c->task)
        return "thread";
    return c->task->type ? c->task->type->name : "closure";
}

uintptr_t tutti_task_here(void)
{
    const struct context *c = context_current; /* a plain thread may have none yet */
    if (!c || !c->task)
        return 0;
    size_t at = (size_t)((char *)__builtin_frame_address(0) - c->fiber.low);
    return at < (size_t)(c->fiber.high - c->fiber.low) ? (uintptr_t)c : 0;
}

/* --- results --------------------------------------------------------------- */

static unsigned char *out_grow(struct tutti_out *o, size_t room)
{
    unsigned char *data = memory_realloc(o->owned ? o->data : NULL, room);
    if (data && !o->owned && o->size)
        memcpy(data, o->data, o->size);
    return data;
}

/* Room for n bytes in all; even nothing has a place: NULL is a failure. */
static bool out_room(struct tutti_out *o, size_t n)
{
    if (likely(n <= o->room && o->data))
        return true;
    size_t room = n > o->room * 2 ? n : o->room * 2;
    unsigned char *data = o->grow ? o->grow(o, room) : out_grow(o, room);
    if (!data)
        return false;
    o->data = data;
    o->room = room;
    o->owned = true;
    return true;
}

void *tutti_reserve(tutti_out *o, size_t n)
{
    if (unlikely(!o))
        misuse_null(__func__);
    size_t at = (o->size + 15) & ~(size_t)15;
    if (at < o->size || at + n < at || !out_room(o, at + n))
        return NULL;
    memset(o->data + o->size, 0, at + n - o->size);
    o->size = at + n;
    return o->data + at;
}

int tutti_put(tutti_out *o, const void *data, size_t n)
{
    if (unlikely(!o || (n && !data)))
        return why_null(__func__);
    size_t was = o->size;
    if (was + n < was || !out_room(o, was + n))
        return -ENOMEM;
    o->size = was + n;
    if (n)
        memcpy(o->data + was, data, n);
    return 0;
}

/* --- bodies ---------------------------------------------------------------- */

/* One run whose result goes to `out`, which has room for it or is NULL. */
static int run_into(const tutti_task *type, tutti_bytes in, void *out)
{
    struct tutti_out o = { .data = out, .room = out ? type->out_size : 0 };
    int rc = type->run(in, &o);
    if (rc >= 0 && type->out_size && o.size != type->out_size)
        rc = why_set(-EMSGSIZE, "%s gave %zu bytes, not %u", type->name, o.size,
                     type->out_size);
    if (o.owned && out && rc >= 0)
        memcpy(out, o.data, type->out_size);
    out_free(&o);
    return rc;
}

int tutti_task_call(const tutti_task *t, tutti_bytes in, void *out)
{
    if (!t)
        return why_set(-EINVAL, "tutti_task_call: the task is NULL");
    if (!t->run)
        return why_set(-TUTTI_ENOTASK, "tutti_task_call: task %s has no code in this "
                       "program", t->name);
    if ((t->in_size && in.size != t->in_size) || (in.size && !in.data))
        return why_set(-EINVAL, "tutti_task_call: %s takes %u bytes, not %zu", t->name,
                       t->in_size, in.size);
    return run_into(t, in, out);
}

struct batch_one {
    const tutti_task *type;
    tutti_bytes in;
    void *out;
};

static int batch_one_call(void *arg)
{
    struct batch_one *b = arg;
    return run_into(b->type, b->in, b->out);
}

static int batch_one(const tutti_task *type, tutti_bytes in, void *out)
{
    struct batch_one b = { type, in, out };
    return type->flags & TUTTI_BLOCKS ? tutti_blocking(batch_one_call, &b, NULL)
                                      : batch_one_call(&b);
}

static int batch_run(struct typed_task *t)
{
    const tutti_task *type = t->task.type;
    const tutti_batch *b = t->batch;
    int failures = 0;
    for (size_t i = 0; i < b->n; i++) {
        tutti_bytes in = { (const char *)b->in + i * type->in_size, type->in_size };
        void *out = b->out ? (char *)b->out + i * type->out_size : NULL;
        int rc = tutti_check() ? -ECANCELED : batch_one(type, in, out);
        if (b->codes)
            b->codes[i] = rc;
        else if (rc < 0)
            return rc;
        failures += rc < 0;
    }
    return failures;
}

struct typed_call {
    const struct typed_task *task;
    struct tutti_out *out;
};

static int typed_call(void *arg)
{
    struct typed_call *call = arg;
    return call->task->task.type->run(call->task->in, call->out);
}

static int typed_run(struct typed_task *t)
{
    const tutti_task *type = t->task.type;
    struct record *r = t->task.record;
    _Alignas(16) unsigned char small[TUTTI_PROMISE_MAX];
    struct tutti_out unwanted = { .data = small, .room = sizeof small }, *o = &unwanted;
    if (r) {
        o = &r->out;
        *o = (struct tutti_out){ .data = r->small, .room = sizeof r->small };
    }
    struct typed_call call = { t, o };
    int rc = type->flags & TUTTI_BLOCKS ? tutti_blocking(typed_call, &call, NULL)
                                        : typed_call(&call);
    if (rc >= 0 && type->out_size && o->size != type->out_size)
        rc = why_set(-EMSGSIZE, "%s gave %zu bytes, not %u", type->name, o->size,
                     type->out_size);
    out_free(&unwanted);
    return rc;
}

/* What is no closure. */
static __attribute__((noinline)) int task_body(struct typed_task *t)
{
    return t->batch ? batch_run(t) : typed_run(t);
}

/* --- the end --------------------------------------------------------------- */

/* Tell the future or the scope.  words is taken. */
static void task_tell(struct task *t, tutti_end end, int code, int signal, char *words)
{
    struct scope *s = t->scope;
    if (unlikely(end == TUTTI_CUT))
        add_relaxed(&s->cut, 1); /* counts are for views */
    if (unlikely(end_is_failure(end)))
        add_relaxed(&s->failed, 1);
    if (t->record) {
        t->record->signal = signal; /* nobody reads it before it has ended */
        record_end(t->record, end, code, words);
    } else if (end_is_failure(end))
        scope_note_failure(s, code, signal, t->type ? t->type->name : "closure", t->index,
                           words);
    else
        memory_free(words);
}

void task_refuse(struct task *t, int code, const char *words)
{
    bool cut = code == -ECANCELED || code == -ETIMEDOUT;
    if (t->drop)
        t->drop(t->arg);
    const tutti_batch *b = t->type ? typed_of(t)->batch : NULL;
    if (b && b->codes)
        for (size_t i = 0; i < b->n; i++)
            b->codes[i] = cut ? -ECANCELED : code;
    task_end(t, cut ? TUTTI_CUT : TUTTI_FAILED, code, 0,
             words ? memory_strdup(words) : NULL);
}

void task_end(struct task *t, tutti_end end, int code, int signal, char *words)
{
    struct scope *s = t->scope;
    task_tell(t, end, code, signal, words);
    task_free(t);
    scope_end(s);
}

static inline void context_begin(struct context *c, struct task *t)
{
    c->task = t;
    c->run.is_low = t->run.is_low;
    c->home = t->scope;
    scope_enter(c, t->scope);
    /* What scope_over_start has found holds for c as well, unless a deadline binds; relaxed:
     * as in scope_clear. */
    if (likely(t->scope->bound == CLOCK_NEVER))
        c->clear_at = load_relaxed(&t->scope->clear_at);
    c->name = NULL;
    c->why_static = NULL;
    c->why_code = 0;
    if (unlikely(load_relaxed(&c->cut))) /* the last task's; nobody can reach us yet */
        store_relaxed(&c->cut, false);
}

static tutti_end task_classify(struct context *c, int rc)
{
    if (likely(rc >= 0))
        return TUTTI_OK;
    int64_t deadline;
    bool cut = (rc == -ECANCELED || rc == -ETIMEDOUT) && scope_over(c, &deadline) < 0;
    return cut ? TUTTI_CUT : TUTTI_FAILED;
}

static char *context_take_words(struct context *c, int rc)
{
    if (rc >= 0 || c->why_code != rc)
        return NULL;
    if (c->why_static || !c->why)
        return c->why_static && c->why_static != tutti_strerror(rc)
                   ? memory_strdup(c->why_static) : NULL;
    char *words = c->why;
    c->why = NULL;
    return words;
}

/* The words of a task end with it: its stack may be unmapped before it runs another. */
static inline void context_end(struct context *c)
{
    c->task = NULL;
    c->home = NULL;
    scope_enter(c, NULL);
    if (unlikely(c->why != NULL)) {
        memory_free(c->why);
        c->why = NULL;
    }
}

static inline void context_finish(struct context *c)
{
    if (unlikely(c->locals != NULL))
        locals_drop(&c->locals);
    if (unlikely(c->scope != c->home))
        misuse("task %s returned with a scope open; use TUTTI_SCOPE, which closes itself",
               task_name(c));
    if (unlikely(c->strand && c->strand->slot[0].run))
        misuse("task %s returned with forked calls that were not joined", task_name(c));
    if (unlikely(c->recv_view != NULL))
        context_views_free(c);
    if (unlikely(c->corks != NULL))
        corks_flush(c);
}

void (*locks_abandon_hook)(struct context *c);

/* Those of this process can be let go by nobody any more: c is the holder, and is kept from
 * running what could be taken for it.  Who waits for them waits for ever, so somebody must
 * hear of it. */
__attribute__((noinline)) int context_kept_locks(struct context *c)
{
    unsigned all = c->locks;
    c->name = task_name(c); /* for those that are told who holds them */
    if (locks_abandon_hook)
        locks_abandon_hook(c);
    return why_set(-EDEADLK, "task %s returned while it held %u lock%s; who wants one %s",
                   task_name(c), all, all == 1 ? "" : "s",
                   c->locks ? "waits for ever" : "is told that it died");
}

/* It is over before it began. */
static __attribute__((noinline)) void task_not_run(struct context *c, struct task *t, int rc)
{
    context_end(c);
    task_refuse(t, rc, NULL);
    context_end(c); /* its drop may have failed aloud */
}

static __attribute__((noinline)) void task_ended(struct context *c, struct task *t, int rc)
{
    tutti_end end = task_classify(c, rc);
    if (unlikely(c->member))
        context_unlist(c);
    task_tell(t, end, rc, 0, context_take_words(c, rc));
}

/* Has the task that c has just run left nothing behind, so that the next one of its scope may
 * begin where it ended? */
static inline bool context_is_tidy(const struct context *c, const struct scope *s)
{
    uintptr_t left = (uintptr_t)c->locals | (uintptr_t)c->strand | (uintptr_t)c->recv_view
                     | (uintptr_t)c->corks | (uintptr_t)c->name | (uintptr_t)c->why
                     | (uintptr_t)c->why_static | c->locks | c->member;
    return likely(!left) && likely(c->scope == s);
}

/* Plain closures of one scope, one after the other, beginning with *t; the rc of the last one,
 * in *t, which has yet to be ended.  *more: a task that next gave. */
static inline int run_plain(struct context *c, struct task **t, task_next *next,
                            struct task **more)
{
    struct task *now = *t;
    struct scope *s = now->scope;
    for (;;) {
        int rc = now->fn(now->arg);
        /* What is over or lost is not plain.  The one that follows keeps s open. */
        if (unlikely(rc < 0 || !context_is_tidy(c, s) || !scope_is_plain(s)
                     || !(*more = next(c))))
            return rc;
        if (unlikely((*more)->scope != s || !(*more)->run.is_plain))
            return rc;
        task_put(now);
        count_add(&s->local, -1);
        c->task = *t = now = *more;
        *more = NULL;
    }
}

struct task *task_run(struct context *c, struct task *t, task_next *next)
{
    struct scope *s = t->scope;
    struct task *more = NULL;
    int64_t deadline;
    int rc = scope_over_start(s, &deadline);
    context_begin(c, t); /* before record_begin: from there on others may cancel it */
    if (rc == 0 && t->record && !record_begin(t->record, c))
        rc = -ECANCELED;
    if (unlikely(rc < 0)) {
        task_not_run(c, t, rc);
        return NULL;
    }
    if (likely(t->run.is_plain && s->thread == thread_mark()))
        rc = run_plain(c, &t, next, &more);
    else
        rc = t->fn ? t->fn(t->arg) : task_body(typed_of(t));
    if (unlikely(scope_lost(s)))
        exit(0); /* the child of a fork() made in this task: as when a thread ends there */
    context_finish(c);
    if (unlikely(c->locks))
        rc = context_kept_locks(c);
    if (unlikely(rc < 0 || t->record || c->member)) /* else there is nobody to tell */
        task_ended(c, t, rc);
    context_end(c);
    task_free(t);
    scope_end(s);
    return more;
}

int task_run_part(struct context *c, struct task *t, struct scope *s,
                  void (*body)(struct context *c, void *arg), void *arg)
{
    context_begin(c, t);
    c->home = s;
    scope_enter(c, s); /* which may be over: whom it runs it for may be alone */
    int over = scope_over_forks(c, s);
    if (over == 0) {
        body(c, arg);
        if (unlikely(scope_lost(s)))
            exit(0); /* as in task_run */
        context_finish(c);
        if (unlikely(c->locks))
            scope_fail((tutti_scope *)(void *)s, context_kept_locks(c));
        if (unlikely(c->member))
            context_unlist(c);
    }
    context_end(c);
    return over;
}
