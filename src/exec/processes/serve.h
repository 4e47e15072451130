/* exec/processes/serve.h - a worker process, seen from inside. */
#ifndef EXEC_PROCESSES_SERVE_H
#define EXEC_PROCESSES_SERVE_H
#include "core/scope.h"
#include "exec/processes/extents.h"
#include "exec/processes/shared.h"
#include <pthread.h>

/* A request that runs.  Holds: `scope` was opened for request `number`, on `thread`; or that
 * is NOTHING_RUNS. */
struct turn {
    _Atomic uint64_t number; /* changed under serving.latch; crash handlers look without it */
    tutti_scope *scope;
    pthread_t thread;
};

/* The one worker that this process is.  Holds: with `many`, request n runs, if it does,
 * in turn[n % RING], and `live` run; without, one at most, in turn[0]. */
struct serving {
    struct head *head;
    struct lane_shared *lane;
    struct own *own;
    unsigned index;
    int bell;               /* eventfd of the keeper */
    tutti_executor *inner;
    struct latch outbox_latch;
    struct extents outbox;  /* under it */
    struct extents spill;   /* the same, for what that has no room for; size 0: none */
    bool many;              /* several requests at once: many.c */
    bool old;               /* it has done its share: another shall take its place */
    uint64_t runs;          /* begun so far */
    _Atomic uint32_t events; /* the number of the next; not 0 */
    int64_t now;            /* when the last request was found; not with `many` */
    _Atomic int64_t told;   /* when home was last woken */
    int64_t ended;          /* when the last run ended; many: when it was begun */
    int64_t spin;           /* ns to look for the next request before sleeping */
    unsigned missed;        /* looks in a row that saw none */
    struct latch latch;     /* guards turns, for the listener */
    struct turn turn[RING];
    _Atomic unsigned live;  /* under the latch; also read without, as a hint */
    _Atomic uint64_t given[RING]; /* the number last answered in each slot; 0: none */
    _Atomic uint64_t checked; /* answers below it were as they were given */
    _Atomic bool sleeps;    /* it has said so to home, in memory that tasks can reach */
    _Atomic unsigned begun; /* many: closures that have not ended */
    _Atomic uint64_t next;  /* many: all requests before it were left out or are, or were,
                               counted in `begun` */
};
#define NOTHING_RUNS UINT64_MAX

extern struct serving serving;

/* serve.c: take requests until told to leave.  NULL, or why it cannot. */
const char *serve(struct serving *s);
/* Have them begun one by one, until told to leave or old. */
void serve_take(struct serving *s, bool (*begin)(struct serving *s, uint64_t number));
/* Claim request `number`, run it, answer.  False: home has taken it back. */
bool serve_one(struct serving *s, uint64_t number);
/* given.c: nothing runs: are the answers given since this was last asked, below `next`, and
 * the word that it sleeps, as they were given?  Home would wait for ever for answers that a
 * task has overwritten, so this process ends; and would not wake one that seems to be awake. */
void serve_check(struct serving *s, uint64_t next);
/* Request `number` is answered: the tag says so. */
void answer_given(struct serving *s, uint64_t number);
/* Those to requests from..to, which are no more than RING: this process ends if one that home
 * has not taken is gone.  Any thread. */
void answers_check(struct serving *s, uint64_t from, uint64_t to);
/* One is. */
_Noreturn void answers_lost(struct serving *s);
/* This process ends: home shall see what has begun.  In handlers. */
void answers_restore(struct serving *s);
/* many.c: the same for a worker with an inner executor. */
const char *serve_many(struct serving *s);
/* Bytes of its own that this process has in memory: not what it shares with home. */
uint64_t serve_memory(void);
/* run.c: run one request to its end; the answer's fields but for the tag are set. */
void serve_run(struct serving *s, uint64_t number, const struct request *r,
               struct answer *a, unsigned char *side);
/* Whose fault is it what happens now on this thread?  NOTHING_RUNS: not known.  In handlers. */
uint64_t turn_of_caller(const struct serving *s);
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
/* On a thread that tasks run on beside the first: it can be interrupted, too. */
void listen_let_in(void);
/* What a request that is about to run has been told before.  Under the latch. */
bool listen_is_asked(const struct serving *s, uint64_t number);
#endif
