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
#include "base/small.h"
#include "base/wheel.h"
#include "core/executor.h"
#include "core/task.h"
#include "core/thread.h"
#include "core/wait.h"
#include "io/poll.h"
#include "sched/deque.h"
#include "sched/fifo.h"
#include "sched/pool.h"
#include <pthread.h>

struct gil;
struct strand;
struct worker;

/* Counters of one worker.  Holds: it alone adds, anybody reads. */
struct worker_stats {
    _Atomic uint64_t started, switches, parked, stolen, sleeps, wakes;
};

struct seat;

/* Tasks that begin on a spare of their own, by what they are expected to do there. */
enum { ALONE_BLOCKS, ALONE_COMPUTES, ALONE_KINDS };
/* Holds: queued == length of queue; at most count and `more` of its pool compute at once,
 * unless one that had waited goes on. */
struct alone {
    struct fifo queue;
    unsigned queued, running;
};

/* Workers that share tasks.  A loop is a pool of one, whose thread is the opener's.
 * Holds: count <= seats <= room; worker[0..count) are set while it is open, those from
 * there on to seats are spares, or NULL while one begins; sleepers == length of asleep;
 * searching <= 1. */
struct pool {
    unsigned count;         /* workers it was opened with */
    unsigned room;          /* places in worker[]: also for spares */
    _Atomic uint32_t seats; /* places that were ever used; only the monitor adds one */
    _Atomic(struct worker *) *worker;
    struct fiber_pool *stacks;
    struct gil *gil; /* NULL: none */
    enum io_kind io; /* how its workers wait for descriptors */
    bool loop;       /* its thread is the program's: outside tasks it does what it likes */
    pool_doze *_Atomic doze; /* NULL: none */
    void *doze_ctx;          /* set before it */
    /* --- tasks from outside, and those that found a worker's deque full --- */
    struct latch latch; /* guards injected, low and asleep */
    struct runnable *injected, **injected_end;
    _Atomic uint32_t injections; /* how many are in it */
    struct fifo low;             /* tasks of the low class, whoever started them */
    _Atomic uint32_t lows;       /* how many are in it */
    /* --- sleeping --- */
    struct list asleep; /* workers, the last to fall asleep first */
    _Atomic uint32_t sleepers;
    _Atomic uint32_t searching; /* 1: a worker looks for tasks to steal, or was woken to */
    _Atomic uint32_t useless;   /* wakes in a row of one that found nothing; see offer.h */
    /* --- watching: monitor.c --- */
    struct list watched;     /* in the monitor's, under its latch */
    bool is_watched;         /* set before tasks are started on it; stays */
    unsigned want;           /* workers that shall take tasks; the monitor's */
    _Atomic unsigned *follows; /* has as many as CPUs are granted, and says so there; NULL:
                                as it was opened.  Under the monitor's latch */
    /* --- spares: spare.c --- */
    struct seat *seat;       /* room - count of them; NULL: none */
    struct list parked;      /* spares with nothing to do; under latch */
    struct alone alone[ALONE_KINDS]; /* under latch */
    unsigned begun;          /* spares with a thread; under latch */
    unsigned more;           /* may compute alone beside the usual; under latch */
    int64_t held_since;      /* the monitor's: one to compute alone is held back; 0: none */
};

/* What the monitor knows of a worker; it alone touches it. */
enum { MOVES, RESTS, BLOCKED, BUSY }; /* verdicts */
struct watch {
    uint32_t tick;    /* as last seen */
    uint32_t stale;   /* looks since it moved */
    int verdict;
    int64_t since;    /* when it was last known to move */
    int64_t at, cpu, delay; /* where the window began that is measured; delay < 0: unknown */
    bool still;       /* it used little of a CPU in the last window */
    int64_t cpu_first, ran; /* its CPU time when it was found stale; used since */
    bool learnt;      /* its function is remembered since */
    bool named;       /* who runs there was looked at since */
    int entry;        /* as which culprit; negative: as none that is kept */
};

enum { SHARE_NONE, SHARE_ASKED, SHARE_LATER, SHARE_DONE };
enum { AWAKE, ASLEEP_FUTEX, ASLEEP_POLLER };
enum { WORKER_SPARES = SMALL(64, 2) };

/* Calls that it has no stack for: dry.c. */
struct dry {
    int64_t until;  /* leave them alone until then; 0: look now */
    int64_t since;  /* nothing has gone on in the pool since */
    int64_t last;   /* when there was no stack */
    int64_t wait;   /* how long to leave them next; 0: a stack was had since */
    uint64_t moves; /* of the pool, then */
    bool ended;     /* one was ended */
};

/* Never unmapped, only reused: whoever wakes a worker may look at it after its executor was
 * closed.  Holds: spare holds spares fibers of pool->stacks; everything above `inbox` is
 * touched by the worker's thread alone. */
struct worker {
    struct pool *pool;
    struct context *root;    /* the thread's own stack */
    struct fifo ready;       /* contexts to go on with */
    struct fifo bound;       /* tasks of loops: they may begin on this worker only */
    struct fifo low;         /* of the low class: what would be in one of these two */
    struct fiber *spare;     /* ended fibers, last in first out */
    unsigned spares;
    struct list stash;       /* strands of contexts switched out, with private calls */
    struct list open_bound;  /* strands of loops' tasks with public calls: this thread alone
                                may run them */
    struct closers closers;  /* scopes that contexts of this worker close */
    struct context *leaving; /* ended, of another pool: given back some time after it was
                                left, see worker_settle */
    _Atomic uint32_t tick;   /* turns; the monitor sees by it that the worker moves */
    uint32_t due;            /* the tick of the next turn in which worker_attend looks */
    _Atomic uint32_t live;   /* tasks begun here that have not ended; read by the monitor */
    unsigned vain;           /* searches in a row that found nothing, up to some: idle.c */
    unsigned lingered;       /* how often in a row it did so for nothing: worker_linger */
    unsigned index;          /* in the pool */
    unsigned users;          /* executors that use it, and its pool */
    uint32_t seed;
    int64_t offered;         /* since when tasks are visible for which nobody was woken; 0:
                                there are none.  See offer.h */
    uint32_t offers;         /* starts and turns since */
    uint64_t sim;            /* not 0: of a sim:// executor; its random numbers */
    uint32_t time_mask;      /* the clock is read when `tick` has none of these bits */
    int64_t fired_at;        /* when it was read last */
    struct wheel wheel;
    struct poller *poller;   /* of pollers; NULL: nothing on it has waited for any yet */
    struct poller *pollers[IO_KINDS]; /* made when first needed, kept as w is */
    bool polls;              /* poller is the pool's kind */
    struct dry dry;
    struct worker *next_free;
    /* --- shared --- */
    _Alignas(64) _Atomic(struct runnable *) inbox;
    _Atomic uint32_t sleeping; /* AWAKE or how it sleeps; the futex it sleeps on */
    _Atomic bool quit;
    _Atomic bool timed;      /* asleep until a time; a hint */
    _Atomic uint64_t resumed; /* how often it found something to go on with after all */
    _Atomic uint64_t dry_at; /* its switches when it had no stack and nothing else to do */
    _Atomic uint32_t share; /* SHARE_*: its private calls are wanted */
    _Atomic bool takes; /* begins tasks of its pool; the monitor alone changes it */
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
    /* --- for the monitor --- */
    int tid;                   /* the kernel's, of its thread */
    clockid_t cpu_clock;       /* its thread's */
    struct context **current;  /* its thread's context_current */
    _Atomic bool outside;      /* its thread is on its own stack, in the program's code: see
                                  heavy_leave.  Of loops; elsewhere the root does not run */
    struct watch watch;
    /* --- of spares --- */
    struct list parked_link;   /* under pool->latch */
    int64_t parked_at;         /* under pool->latch */
    _Atomic(struct task *) gift; /* one to begin alone; set when it is taken from parked */
    bool brisk;                /* its thread has a short slice; its own */
    const void *alone_key;     /* its own: what it runs alone, and since when */
    int64_t alone_since;
    _Atomic uint32_t alone;    /* 1 + kind of the task it runs alone; 0: none.  Changed under
                                  pool->latch */
    struct deque deque;
};

extern _Thread_local struct worker *worker_current;
extern const struct carrier worker_carrier;

/* A worker for the calling thread, whose context becomes its root; the one that was in that
 * place before, if there was one.  takes: it begins tasks of its pool.  NULL: no memory. */
struct worker *worker_attach(struct pool *p, unsigned index, bool takes);
/* Run what is to run on w, on its own thread, until it is told to quit. */
void worker_work(struct worker *w);
/* Tell it to, once it has nothing to do.  NULL is fine. */
void worker_quit(struct worker *w);
/* May it begin tasks of its pool from now on?  By the monitor. */
void worker_set_takes(struct worker *w, bool takes);
/* A thread for a worker, with the signals blocked that are the program's.  0 or -EAGAIN. */
int worker_thread(pthread_t *thread, void *(*main)(void *), void *arg);
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
/* Something of the low class; NULL: nothing. */
struct runnable *worker_take_low(struct worker *w);
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
void workers_look(_Atomic(struct worker *) *w, unsigned count);
/* Wait until no waker looks at what runs here: before stacks are unmapped. */
void worker_await_nudgers(struct worker *w);
/* On a sim:// executor: any of what could go on; NULL: nothing could. */
struct runnable *sim_take(struct worker *w);
/* Nothing can go on: let time jump to the next timer.  False: there is none. */
bool sim_advance(struct worker *w);
/* So much time has passed. */
void sim_until(int64_t until);
/* And sleep until somebody outside wakes it; after a second of that, say who waits for what. */
void sim_doze(struct worker *w);
/* This thread's worker, whose only loop was just opened, becomes a simulation. */
void sim_begin(struct worker *w, uint64_t seed, struct fiber_pool *stacks);
void sim_clock_begin(void); /* before that loop is opened */
void sim_end(struct worker *w);
/* Fire timers and descriptors that are due. */
void worker_fire(struct worker *w);
void fiber_main_task(struct fiber *self);

/* Room for count workers and that many spares. */
int pool_init(struct pool *p, unsigned count, unsigned spares, size_t stack);
void pool_fini(struct pool *p);
static inline uint32_t pool_seats(const struct pool *p)
{
    return load_relaxed(&p->seats); /* a place beyond it holds nothing yet */
}
/* NULL: a spare that is about to begin. */
static inline struct worker *pool_worker(const struct pool *p, uint32_t i)
{
    return load_acquire(&p->worker[i]); /* pairs with spare_main: it is made */
}
/* Add up what its workers have counted. */
void pool_stat(const struct pool *p, tutti_executor_stats *out);
/* Tasks in the chain first..last, count of them. */
void pool_inject(struct pool *p, struct task *first, struct task *last, uint32_t count);
struct task *pool_injected(struct pool *p);
/* The same for the low class. */
void pool_inject_low(struct pool *p, struct task *t);
struct task *pool_injected_low(struct pool *p);
/* Tasks that have not begun, of the other class; a moment old. */
bool pool_has_tasks(const struct pool *p);
/* A task was queued: wake a sleeper unless somebody is searching already. */
void pool_notify(struct pool *p);
/* The same, without looking whether any sleeps. */
void pool_notify_slow(struct pool *p);

/* Has its worker nobody to share with, ever? */
static inline bool pool_alone(const struct pool *p)
{
    return p->room == 1;
}

/* Give back what was left when it had ended: not from its own stack. */
static inline void worker_settle(struct worker *w)
{
    struct context *c = w->leaving;
    if (unlikely(c != NULL)) {
        w->leaving = NULL;
        fiber_put(c->stacks, &c->fiber);
    }
}

static inline void stat_add(_Atomic uint64_t *n)
{
    count_one(n);
}
#endif
