/* core/task.h - one start: from tutti_go, tutti_spawn or tutti_submit until it has ended.
 * Records come from a cache of each thread. */
#ifndef CORE_TASK_H
#define CORE_TASK_H
#include "base/memory.h"
#include "base/slab.h"
#include "core/scope.h"

struct record;

enum { TASK_INLINE = 64 };

/* Holds: fn is set for closures, type for typed tasks, never both; batch and input are a
 * typed task's alone; input is inline_ or memory of its own, freed with the task.  What a
 * closure needs comes first, in one cache line if the index is not counted. */
struct task {
    struct runnable run; /* first: is_task is true */
    struct scope *scope;
    struct record *record; /* the future, or NULL */
    tutti_fn *fn;
    void *arg;
    tutti_drop *drop;
    const tutti_task *type;
    const tutti_batch *batch; /* in inline_; NULL: a single run */
    tutti_bytes in;
    uint64_t index;
    _Alignas(16) unsigned char inline_[TASK_INLINE];
};

extern struct slab task_slab;
enum { TASK_SLAB }; /* its kind: see base/slab.h */
/* A closure of s without a function; index, batch, in and inline_ are as they were.  NULL: no
 * memory. */
static inline struct task *task_alloc(struct scope *s)
{
    struct task *t = slab_get_of(&task_slab, TASK_SLAB, offsetof(struct task, run.next));
    if (unlikely(!t))
        return NULL;
    t->run.is_task = true;
    t->run.is_bound = false;
    t->scope = s;
    t->record = NULL;
    t->fn = NULL;
    t->arg = NULL;
    t->drop = NULL;
    t->type = NULL;
    return t;
}
static inline void task_free(struct task *t)
{
    if (t->type && t->in.data != t->inline_)
        memory_free((void *)(uintptr_t)t->in.data);
    slab_put_of(&task_slab, TASK_SLAB, offsetof(struct task, run.next), t);
}
/* Run t on the calling context, whose fiber it gets until it returns, and end it.  The
 * context's task fields are set up and cleaned here. */
void task_run(struct context *c, struct task *t);
/* Run body(c, arg), a part of the task t that runs elsewhere meanwhile, in its scope s, which
 * stays open.  False: it was not run, its task is over. */
bool task_run_part(struct context *c, struct task *t, struct scope *s,
                   void (*body)(struct context *c, void *arg), void *arg);
/* End t without running it: no stack could be had (code, words) or its scope is over. */
void task_refuse(struct task *t, int code, const char *words);
const char *task_name(const struct context *c);
#endif
