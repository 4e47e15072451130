/* sched/worker.h - a thread that carries contexts: it runs what is ready, begins tasks, fires
 * timers, and sleeps when there is nothing.
 *
 * There is no scheduler stack.  Whoever stops running - a task that parks, one that has
 * ended, the thread's own root - looks for what is next on its own stack and switches
 * straight to it; when there is nothing, the thread sleeps there.
 *
 * A started context stays with its worker, so only this thread switches to it, and nobody
 * can resume it before it has been left: a wake from elsewhere goes through the inbox, which
 * this thread empties between contexts. */
#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H
#include "base/list.h"
#include "base/wheel.h"
#include "core/executor.h"
#include "core/task.h"
#include "core/thread.h"
#include "core/wait.h"
#include "io/poll.h"
#include "sched/deque.h"
#include "sched/fifo.h"
#include "sched/pool.h"

struct gil;
struct strand;
struct worker;

/* Counters of one worker: it alone adds, anybody reads. */
struct worker_stats {
    _Atomic uint64_t started, switches, parked, stolen, sleeps, wakes;
};

/* Workers that share tasks.  A loop is a pool of one, whose thread is the opener's.
 * Holds: worker[0..count) are set while it is open; sleepers == length of asleep;
 * searching <= 1. */
struct pool {
    unsigned count;
    struct worker **worker;
    struct fiber_pool *stacks;
    struct gil *gil; /* NULL: none */
    enum io_kind io; /* how its workers wait for descriptors */
    pool_doze *_Atomic doze; /* NULL: none */
    void *doze_ctx;          /* set before it */
    /* --- tasks from outside, and those that found a worker's deque full --- */
    struct latch latch; /* guards injected and asleep */
    struct runnable *injected, **injected_end;
    _Atomic uint32_t injections; /* how many are in it */
    /* --- sleeping --- */
    struct list asleep; /* workers, the last to fall asleep first */
    _Atomic uint32_t sleepers;
    _Atomic uint32_t searching; /* 1: a worker looks for tasks to steal, or was woken to */
};

enum { AWAKE, ASLEEP_FUTEX, ASLEEP_POLLER };
enum { WORKER_SPARES = 64 };

/* Never unmapped, only reused: whoever wakes a worker may look at it after its executor was
 * closed.  Holds: spare holds spares fibers of pool->stacks; everything above `inbox` is
 * touched by the worker's thread alone. */
struct worker {
    struct pool *pool;
    struct context *root;    /* the thread's own stack */
    struct fifo ready;       /* contexts to go on with */
    struct fifo bound;       /* tasks of loops: they may begin on this worker only */
    struct fiber *spare;     /* ended fibers, last in first out */
    unsigned spares;
    struct list stash;       /* strands of contexts switched out, with private calls */
    struct list open_bound;  /* strands of loops' tasks with public calls: this thread alone
                                may run them */
    struct closers closers;  /* scopes that contexts of this worker close */
    struct context *leaving; /* ended, of another pool: given back after the switch */
    unsigned tick;
    unsigned lingered;       /* how often in a row it did so for nothing: worker_linger */
    unsigned index;          /* in the pool */
    unsigned users;          /* executors that use it, and its pool */
    uint32_t seed;
    struct wheel wheel;
    struct poller *poller;   /* of pollers; NULL: nothing on it has waited for any yet */
    struct poller *pollers[IO_KINDS]; /* made when first needed, kept as w is */
    bool polls;              /* poller is the pool's kind */
    struct worker *next_free;
    /* --- shared --- */
    _Alignas(64) _Atomic(struct runnable *) inbox;
    _Atomic uint32_t sleeping; /* AWAKE or how it sleeps; the futex it sleeps on */
    _Atomic bool quit;
    bool token;                /* woken to search; under pool->latch */
    struct list asleep_link;   /* under pool->latch */
    _Atomic(struct strand *) asked;   /* whose calls its pool may ask for; NULL: none */
    _Atomic(struct strand *) running; /* as asked, of loops too; see inbox_push */
    _Atomic bool forks;        /* something on it has forked; stays */
    _Atomic uint32_t looks;    /* counts workers_look */
    _Atomic uint32_t nudgers;  /* who uses `running`: its memory must stay */
    _Atomic uint32_t open_count; /* length of open; a hint */
    struct latch open_latch;   /* guards open, and what is listed of the strands in it */
    struct list open;          /* strands with public calls, the first to be listed first */
    struct worker_stats stats;
    struct deque deque;
};

extern _Thread_local struct worker *worker_current;
extern const struct carrier worker_carrier;

/* A worker for the calling thread, whose context becomes its root.  NULL: no memory. */
struct worker *worker_attach(struct pool *p, unsigned index);
/* The thread stops being one; its stacks go back.  Its fellows may still look at w. */
void worker_detach(struct worker *w);
/* Back to those that can be reused, when none of its pool runs any more: a fellow that
 * searches would steal the tasks of whoever reuses it. */
void worker_free(struct worker *w);
/* Let w run r: on its own thread in the order of calls, else through the inbox. */
void worker_push(struct worker *w, struct runnable *r);
void worker_rouse(struct worker *w);
/* What to run next, without waiting; NULL: nothing. */
struct runnable *worker_take(struct worker *w);
/* The same, waiting for it: sched/idle.c.  The root, once the worker is to quit. */
struct runnable *worker_idle(struct worker *w);
/* A fiber to run something on w; NULL: no stack.  Back, unused. */
struct context *worker_context(struct worker *w, struct fiber_pool *stacks);
void worker_context_back(struct worker *w, struct context *c);
/* May what c forks run on its own worker alone?  It is a loop's. */
static inline bool worker_bound(const struct context *c)
{
    return c->stacks != ((const struct worker *)c->worker)->pool->stacks;
}
/* c, which runs, lets those go first that others have woken. */
void worker_give_way(struct context *c);
/* A scope is over: ask what runs on these and forks to look.  The caller keeps their
 * executor open. */
void workers_look(struct worker **w, unsigned count);
/* Wait until no waker looks at what runs here: before stacks are unmapped. */
void worker_await_nudgers(struct worker *w);
/* Fire timers and descriptors that are due. */
void worker_fire(struct worker *w);
void fiber_main_task(struct fiber *self);

int pool_init(struct pool *p, unsigned count, size_t stack);
void pool_fini(struct pool *p);
/* Tasks in the chain first..last, count of them. */
void pool_inject(struct pool *p, struct task *first, struct task *last, uint32_t count);
struct task *pool_injected(struct pool *p);
/* A task was queued: wake a sleeper unless somebody is searching already. */
void pool_notify(struct pool *p);
/* Wake one if any sleeps; the caller has made `searching` 1. */
void pool_wake_searcher(struct pool *p);

/* Has its worker nobody to share with, ever? */
static inline bool pool_alone(const struct pool *p)
{
    return p->count == 1;
}

static inline void stat_add(_Atomic uint64_t *n)
{
    store_relaxed(n, load_relaxed(n) + 1); /* one writer; readers take what they find */
}
#endif
