/* core/context.h - who runs and waits: one task on its fiber, or one plain thread.  All
 * of the library above fiber sees callers as contexts and never asks which of the two
 * it has; what differs is in the context's carrier. */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H
#include "base/atomic.h"
#include "base/list.h"
#include "fiber/fiber.h"
#include <tutti.h>

struct closers;
struct context;
struct scope;
struct task;

/* One that waits for a thread: a context to go on with, or a task to begin.  Its link is
 * free for whatever queue it is in; it is in one at a time. */
struct runnable {
    struct runnable *next;
    bool is_task; /* a struct task begins with it; else it is context.run */
    bool is_bound; /* a task of a loop: its stacks are not its worker's pool's */
    bool is_low; /* of the low class: see TUTTI_LOW */
    bool is_plain; /* a closure that nobody awaits, with nothing to drop: see task_run */
};

/* One place where a context waits; a wait for any of several has several. */
struct wait_node {
    struct list link;        /* in the primitive's list, under its latch */
    struct context *who;
    uint64_t ticket;
    int index;               /* which case of several; the waker's outcome if it has none */
    bool own;                /* it is who->node: see node_owner */
    void *item;              /* the primitive's: where to put or take what is handed over */
    /* Not NULL: an observer (tutti_wait_fd).  It is told, under the latch, and left out of
     * the hand-over; must be safe in signal handlers and not take latches. */
    void (*notify)(struct wait_node *n);
};

typedef int wait_odd(struct context *c); /* see core/last.h */

/* What carries a context: a plain thread (core/thread.c) or a worker (sched/). */
struct carrier {
    /* Stop running c until ready(c) was called for it, which may have happened already.
     * When `until` passes first, claim c's wait by `ticket` and end it with WAIT_TIME
     * as outcome.  Called by c itself. */
    void (*park)(struct context *c, uint64_t ticket, int64_t until);
    /* The same without a time, for last_park: gives last_value. */
    int (*wait)(struct context *c, wait_odd *odd);
    /* Let c run again: exactly once for each claimed wait.  Any thread. */
    void (*ready)(struct context *c);
    /* The same from a signal handler. */
    void (*ready_signal)(struct context *c);
    /* Let others run first.  Gives what context_check does then.  Called by c itself. */
    int (*yield)(struct context *c);
    /* The descriptors this carrier can wait for; NULL: none, see io/poll.h.  Called by c
     * itself. */
    struct poller *(*poller)(struct context *c);
    /* Where scopes that c closes wait for their tasks without atomics: the carrier calls
     * closers_settle before it sleeps and now and then.  NULL: nowhere.  Called by c. */
    struct closers *(*closers)(struct context *c);
};

/* Something that a context has gathered and hands over when it parks or its task ends.  flush
 * may not wait; the cork is out of the list then. */
struct cork {
    struct cork *next;
    void (*flush)(struct cork *k, struct context *c);
};

/* Holds: wait_word's ticket only grows; `home` is NULL for plain threads and set while a
 * task runs; scope is home or a scope this context opened that is still open; member is
 * true if and only if member_link is in home's list of members; clear_at is 0 or was found
 * with the scope that is current now, and so is wait_at.  What each yield and each
 * wait reads comes first, in two cache lines: what is parked is cold in the cache. */
struct context {
    struct fiber fiber; /* first: fiber and context convert by a cast */
    struct runnable run;
    const struct carrier *carrier;
    void *worker;        /* the carrier's */
    const void *mark;    /* of its thread, in this process: context_mark */
    struct scope *scope; /* current: the innermost open one; NULL: none */
    struct tutti_strand *strand; /* calls it has forked, see sched/strand.h; NULL: none
                                    since its task began */
    uint64_t clear_at;   /* scope_cuts (core/scope.h) when nothing was over for this context
                            and no deadline bound it; 0: not known */
    uint64_t wait_at;    /* clear_at when it was enlisted, too; 0: not known */
    _Atomic bool cut;    /* this task alone was cancelled */
    bool heavy;          /* the carrier's: leaving it and going on takes more than a switch */

    /* --- waiting: see core/wait.h --- */
    _Atomic uint64_t wait_word; /* ticket << 2 | WAIT_OPEN | WAIT_CUTTABLE */
    _Atomic(struct scope *) wait_shield; /* innermost shield around `scope`; an address to
                                            compare, never followed */
    const char *wait_what;      /* static words, for views; of the last wait once it is over */
    const void *wait_on;
    int outcome;                /* written by who claimed the wait, before ready */
    _Atomic uint32_t woken;     /* plain threads: the futex they sleep on */
    struct wait_node node;      /* of last_park */
    struct thread_sleep *sleep; /* plain threads: how they sleep; NULL: on that futex */
    struct cork *corks;         /* what to hand over before it parks or ends */
    struct fiber_pool *stacks; /* where its stack came from; NULL: the thread's own */

    /* --- lifetimes --- */
    struct scope *home;  /* the scope the running task was started in */
    struct scope *enlisted; /* == scope: a cancel from above finds this context */
    struct list member_link;
    bool member;

    /* --- calls it has forked: sched/strand.h --- */
    struct tutti_slot *call; /* what it was made to run; NULL: a task */
    struct context *forker;  /* of that call, and of the task it is a part of */

    /* --- the running task --- */
    struct task *task;   /* NULL on plain threads */
    const char *name;    /* as set by tutti_task_name_set; NULL: the task's own */
    char *why;           /* tutti_why; owned; NULL: why_static */
    const char *why_static;
    int why_code;        /* the code those words go with */
    struct local_value *locals; /* tutti_per_task */
    uint32_t locks;      /* mutexes and locks to write that it holds; its own to count.  Not 0
                            after its task: it never runs another, since the locks are its */
    void *recv_view;     /* owned: the last view from each TUTTI_ANY_SIZE channel, each a
                            block whose first word is the next one */
};

/* The context of the caller.  Never NULL.  Valid until the caller's next wait, and after
 * it too, since a started task stays on its thread. */
extern _Thread_local struct context *context_current;
struct context *context_of_thread(void); /* slow path: makes the plain thread's own */
static inline struct context *context_self(void)
{
    struct context *c = context_current;
    return likely(c != NULL) ? c : context_of_thread();
}

/* Hand over what c has gathered: core/wait.c. */
void corks_flush(struct context *c);

/* Free its views, when the task or thread ends. */
void context_views_free(struct context *c);

/* 0, or why no more waiting is allowed here: -ECANCELED, -ETIMEDOUT.  Every [wait] call asks
 * it first.  Reads no clock unless a deadline binds. */
int context_check(struct context *c);

/* Set the caller's tutti_why; returns code.  Falls back to static words when memory is
 * out. */
int why_set(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int why_static(int code, const char *words);

/* Report a misuse that would corrupt memory if it went on: one sentence with the task's
 * name, and abort. */
_Noreturn void misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A public call (its __func__) was given NULL for its object: -EINVAL and a sentence; or, where
 * it has no code to give, the end of the program with one. */
int why_null(const char *call);
_Noreturn void misuse_null(const char *call);
#endif
