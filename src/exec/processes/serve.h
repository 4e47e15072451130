/* exec/processes/serve.h - a worker process, seen from inside. */
#ifndef EXEC_PROCESSES_SERVE_H
#define EXEC_PROCESSES_SERVE_H
#include "core/scope.h"
#include "exec/processes/extents.h"
#include "exec/processes/shared.h"

/* The one worker that this process is.  Holds: running is what `scope` was opened for, or
 * NOTHING_RUNS. */
struct serving {
    struct head *head;
    struct lane_shared *lane;
    struct own *own;
    unsigned index;
    int bell;               /* eventfd of the keeper */
    tutti_executor *inner;
    struct extents outbox;
    uint64_t runs;          /* so far */
    int64_t told, ended;    /* when home was last woken; when the last run ended */
    int64_t spin;           /* ns to look for the next request before sleeping */
    unsigned missed;        /* looks in a row that saw none */
    struct latch latch;     /* guards running and scope, for the listener */
    uint64_t running;
    tutti_scope *scope;
};
#define NOTHING_RUNS UINT64_MAX

extern struct serving serving;

/* serve.c: take requests until told to leave. */
void serve(struct serving *s);
/* Bytes of its own that this process has in memory: not what it shares with home. */
uint64_t serve_memory(void);
/* run.c: run one request to its end; the answer's fields but for the tag are set. */
void serve_run(struct serving *s, uint64_t number, const struct request *r,
               struct answer *a, unsigned char *side);
/* crash.c: record what kills this process. */
void crash_watch(struct serving *s);
/* What that takes time: the unwinder is loaded, our files are listed.  Any thread, once; the
 * zygote does it for its children.  The handler waits for it a moment. */
void crash_prepare(void);
/* hooks.c: the inits that have not been called yet, 0 or an error with words; all finis. */
int hooks_init(void);
void hooks_fini(void);
/* sandbox.c: before the worker has other threads, and when it has all it needs.  NULL, or what
 * went wrong. */
const char *sandbox_enter(const struct head *h);
const char *sandbox_close(const struct head *h);
/* A task begins: cpu-seconds of its own. */
void sandbox_give_time(const struct head *h);
/* listen.c: hear of cancellations. */
int listen_begin(struct serving *s);
/* What a request that is about to run has been told before.  Under the latch. */
bool listen_is_asked(const struct serving *s, uint64_t number);
#endif
