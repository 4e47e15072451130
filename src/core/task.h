/* core/task.h - one start: from tutti_go, tutti_spawn or tutti_submit until it has ended.
 * Records come from a cache of each thread. */
#ifndef CORE_TASK_H
#define CORE_TASK_H
#include "base/memory.h"
#include "base/slab.h"
#include "core/scope.h"
#include <assert.h>

struct record;

enum { TASK_INLINE = 64, TASK_LARGE = 4096 };

/* Holds: fn is set for closures, type for typed tasks, never both; one with a type is the
 * first part of a struct typed_task. */
struct task {
    struct runnable run; /* first: is_task is true */
    struct scope *scope;
    struct record *record; /* the future, or NULL */
    tutti_fn *fn;
    void *arg;
    tutti_drop *drop;
    const tutti_task *type;
    uint64_t index;
};
/* Apart from closures, which would cost twice the memory, and a parked one keeps its own.
 * Holds: in is inline_ or memory of its own, freed with the task. */
struct typed_task {
    struct task task;         /* first: see typed_of */
    const tutti_batch *batch; /* in inline_; NULL: a single run */
    tutti_bytes in;
    _Alignas(16) unsigned char inline_[TASK_INLINE];
};
static inline struct typed_task *typed_of(struct task *t)
{
    assert(t->type);
    return (struct typed_task *)(void *)t;
}

extern struct slab task_slab, typed_slab;
enum { TASK_SLAB = 0, TYPED_SLAB = 2 }; /* their kinds: see base/slab.h */
static inline void task_init(struct task *t, struct scope *s)
{
    t->run.is_task = true;
    t->run.is_bound = false;
    t->run.is_low = false;
    t->run.is_plain = false;
    t->scope = s;
}
/* A closure of s, without a record or a drop; fn, arg and index are as they were.  NULL: no
 * memory. */
static inline struct task *task_alloc(struct scope *s)
{
    struct task *t = slab_get_of(&task_slab, TASK_SLAB, offsetof(struct task, run.next));
    if (unlikely(!t))
        return NULL;
    task_init(t, s);
    assert(!t->record && !t->drop && !t->type); /* see task_free */
    return t;
}
/* A single run of type over a copy of in.  NULL: no memory. */
struct typed_task *typed_alloc(struct scope *s, const tutti_task *type, tutti_bytes in);
void typed_free(struct typed_task *t);
/* Of a plain closure. */
static inline void task_put(struct task *t)
{
    slab_put_of(&task_slab, TASK_SLAB, offsetof(struct task, run.next), t);
}
static inline void task_free(struct task *t)
{
    if (unlikely(t->type != NULL)) {
        typed_free(typed_of(t));
        return;
    }
    t->record = NULL;
    t->drop = NULL;
    task_put(t);
}
/* Run t on the calling context, whose fiber it gets until it returns, and end it.  The
 * context's task fields are set up and cleaned here.
 * Where t is plain, next(c) may give one more task that can begin there: if it is another plain
 * one of the same scope it is run as well, with most of what belongs to a beginning and an
 * end left out, and so on.  Gives what cannot be run so; NULL: there is none. */
typedef struct task *task_next(struct context *c);
struct task *task_run(struct context *c, struct task *t, task_next *next);
/* Run body(c, arg), a part of the task t that runs elsewhere meanwhile, in its scope s, which
 * stays open.  0; negative: it was not run, since s is over, for that reason. */
int task_run_part(struct context *c, struct task *t, struct scope *s,
                  void (*body)(struct context *c, void *arg), void *arg);
/* c's task returned while it held locks: -EDEADLK, with words.  Those that processes share are
 * let go by the hook, as if c had died. */
int context_kept_locks(struct context *c);
extern void (*locks_abandon_hook)(struct context *c);
/* End t without running it: no stack could be had (code, words) or its scope is over. */
void task_refuse(struct task *t, int code, const char *words);
/* End t, which ran, or was to run, elsewhere.  What it gave is in its record by then; codes of a
 * batch are stored.  signal: what a worker died of, or 0; words: owned, may be NULL. */
void task_end(struct task *t, tutti_end end, int code, int signal, char *words);
const char *task_name(const struct context *c);
#endif
