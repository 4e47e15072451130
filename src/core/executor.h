/* core/executor.h - what the task model asks of an executor.  The model knows no kind. */
#ifndef CORE_EXECUTOR_H
#define CORE_EXECUTOR_H
#include "base/atomic.h"
#include "base/latch.h"
#include <tutti.h>

struct task;
struct context;
struct far_space;

struct executor_ops {
    /* Queue t; a worker will call task_run with it, once.  Cannot fail.  Any thread. */
    void (*start)(struct tutti_executor *ex, struct task *t);
    /* The same for one with TUTTI_ALONE or TUTTI_LOW.  NULL: as any other. */
    void (*start_other)(struct tutti_executor *ex, struct task *t, unsigned flags);
    /* Is c carried by this executor (so that closing it would wait for itself)? */
    bool (*carries)(const struct tutti_executor *ex, const struct context *c);
    /* A scope on it is over: let those that fork calls look.  Any thread; signal handlers. */
    void (*look)(struct tutti_executor *ex);
    void (*stat)(const struct tutti_executor *ex, tutti_executor_stats *out);
    /* 0, or why the calling thread may not close it; NULL: any may. */
    int (*may_close)(const struct tutti_executor *ex);
    /* A plain thread with a scope on ex is about to sleep until *word is not `value` any more or
     * `until` comes: do what is to be done for ex meanwhile.  May return at any time.  NULL:
     * there is never anything. */
    void (*help)(struct tutti_executor *ex, _Atomic uint32_t *word, uint32_t value,
                 int64_t until);
    /* tutti_share where ex's workers reach it: zeroed items and a ref to them, whose id has
     * its highest bit set; NULL: none left, with words.  Without this call any memory of
     * this process will do. */
    void *(*share)(struct tutti_executor *ex, uint64_t count, uint32_t item, unsigned flags,
                   tutti_ref *out);
    void (*unshare)(struct tutti_executor *ex, const tutti_ref *r);
    /* Room for an input of more than TASK_LARGE bytes where workers read it; NULL: none left.
     * And back.  NULL: any memory of this process will do. */
    void *(*take)(struct tutti_executor *ex, size_t size);
    void (*give)(struct tutti_executor *ex, void *at, size_t size);
    /* Where its workers and this process share locks and channels: see sync/far/far.h.
     * NULL: this process has it alone. */
    struct far_space *(*space)(struct tutti_executor *ex);
    /* End workers, free all but the struct.  No scope is open on it. */
    void (*close)(struct tutti_executor *ex);
};

struct wait_node;

/* Holds: scopes counts the open scopes that contexts from outside opened on it (those
 * opened inside nest in one of them). */
struct tutti_executor {
    const struct executor_ops *ops;
    char *url;
    struct fiber_pool *stacks; /* what its tasks run on */
    _Atomic unsigned workers; /* that begin tasks; follows what is granted */
    uint32_t epoch; /* fork_epoch when opened */
    _Atomic int64_t scopes;
    struct latch latch;       /* guards closer */
    struct wait_node *closer; /* who waits for scopes to reach 0 */
};

/* Is the caller inside a scope on ex, so that closing ex would wait for the caller?
 * core/scope.c. */
bool executor_holds(const struct tutti_executor *ex, const struct context *c);
/* Wait until no scope from outside is open on ex.  core/scope.c. */
void executor_wait_scopes(struct tutti_executor *ex);

/* The process-wide one, opened at first use; NULL and *rc: none.  Set by exec at load time,
 * since core may not call up. */
extern struct tutti_executor *(*executor_default_hook)(int *rc);
/* The items of a ref whose id has its highest bit set, if `flags` are those it was shared with;
 * NULL: none.  Set by exec. */
extern void *(*executor_ref_hook)(const tutti_ref *r, unsigned flags);
#endif
