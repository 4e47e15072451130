/* core/task.h - one start: from tutti_go, tutti_spawn or tutti_submit until it has ended.
 * Records come from a cache of each thread. */
#ifndef CORE_TASK_H
#define CORE_TASK_H
#include "core/scope.h"

struct record;

enum { TASK_INLINE = 64 };

/* Holds: fn is set for closures, type for typed tasks, never both; input is inline_ or
 * memory of its own, freed with the task. */
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

struct task *task_alloc(void); /* zeroed but for inline_; NULL: no memory */
void task_free(struct task *t);
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
