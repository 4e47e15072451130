/* exec/processes/procs.h - the executor at home: what it knows of its workers and of what
 * it has sent them.
 *
 * Who does what.  A start posts its request itself (post.c), on whatever thread it is.
 * Answers are collected by whoever waits: a plain thread inside a scope on the executor, or
 * home's own worker when it idles, looks for them first (help.c) and so gets its own
 * without a switch between threads; the keeper, a thread of the executor's own (keeper.c),
 * collects when nobody helps, and alone sees deaths (death.c), gives tasks their end
 * (cancel.c), and passes on what workers print (output.c).  Closures run on `home`, a
 * threads://1.
 *
 * Latches: procs.latch, then those of records, scopes and of the arena, then procs.lives:
 * who waits for something of the arena asks under them whether a worker lives (between.c). */
#ifndef EXEC_PROCESSES_PROCS_H
#define EXEC_PROCESSES_PROCS_H
#include "core/executor.h"
#include "core/task.h"
#include "exec/processes/arena.h"
#include "exec/processes/processes.h"
#include "exec/processes/zygote.h"
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

/* The runs of a batch go out in several jobs, and are one task that ends with the last. */
struct split {
    struct task *task;
    size_t jobs;     /* not ended */
    int failures, code;
    size_t failed;   /* the run that `code` is of */
    tutti_end end;
    int signal;
    char *words;     /* owned */
};

/* What one request is for.  Holds: split is set if and only if task->batch is; it is in one
 * place: the queue, or a lane's slot. */
struct job {
    struct job *next;
    struct task *task;
    struct split *split;
    size_t from;       /* the first run, in the batch */
    uint32_t runs;
    uint32_t kills;    /* workers that died under it */
    uint32_t first;    /* workers that died before it while it was the next */
    bool begun;        /* record_begin said yes */
    bool at_home;      /* a closure at home started it, and likely waits */
    int asked;         /* 0; 1: to end; 2: with a signal; 3: killed */
    int64_t ask_next;  /* when to ask harder */
    int ask_code;      /* -ECANCELED or -ETIMEDOUT */
    void *input;       /* in the arena, ours; NULL: none */
    uint64_t input_size;
};

/* Home's book of one worker.  Holds: of places tail..head, RING at most, `out` hold requests
 * that are posted and not collected; that at place n has number[n % RING], which is n, or lower
 * when it still ran as its slot's turn came again (only with ?inner=, where they end in any
 * order); job[n % RING] is NULL for those collected and those revoked; pid and coming are not
 * both set.  Under procs.latch; pid, pidfd and coming change under procs.lives as well. */
struct lane {
    struct job *job[RING];
    uint64_t number[RING];
    bool collected[RING];
    uint64_t head, tail;
    unsigned out;
    unsigned queued;       /* jobs in it */
    pid_t pid;             /* 0: none */
    bool coming;           /* the zygote has been asked for one */
    int pidfd;
    uint64_t outbox;
    uint64_t released;     /* as in lane_shared */
    int64_t started;
    int64_t retry;         /* when to start one again that could not be; 0: no need */
    bool doubted;          /* it had requests when workers were last asked */
    bool mad;              /* it wrote rubbish, and is about to be dead */
    double spent, granted; /* it has died: seconds of CPU time that it had used, and the hard
                              limit of them, if that was near, else 0 */
    bool killed;           /* one of its tasks did not end when asked to: the same */
    struct latch release_latch; /* guards lane_shared.released, and outbox against it */
    int output[2];         /* its stdout and stderr; -1: none */
    struct line *line[2];  /* what of a line has come so far */
};

struct procs {
    struct tutti_executor ex; /* first */
    struct tutti_executor *home;
    struct arena arena;
    struct far_space *space; /* what processes share in it: between.c */
    struct extents between;  /* under between_latch */
    struct latch between_latch;
    struct url *url;
    unsigned slot;
    struct latch lives;      /* guards lane[].pid, pidfd and coming, with the next */
    struct latch latch;      /* guards all below */
    struct lane *lane;       /* procs_lanes() of them */
    struct job *queue, **queue_end; /* not posted yet */
    struct births births;
    struct job *spare;       /* ended */
    struct job_block *blocks;
    size_t outstanding;      /* jobs posted or queued */
    size_t at_home;          /* of them, those that closures at home have started */
    unsigned next;           /* lane to look at first */
    unsigned stillborn;      /* workers in a row that died before they served */
    int64_t served_last;     /* when the last one died that did; or the opening */
    const char *broken;      /* why nothing more can run; NULL: it can */
    char refused[200];       /* what the last worker that could not serve had to say */
    bool helped;             /* somebody collects */
    unsigned missed;         /* looks of helpers in a row that saw nothing; theirs alone */
    bool keeper_sleeps;
    bool closing;
    int64_t timer;           /* when the keeper has to look at asked tasks */
    int64_t sleeps_until;    /* while keeper_sleeps: when it wakes by itself */
    int64_t question;        /* when workers are next asked for what they have had long */
    uint64_t deaths, replaced, started;
    uint64_t ooms; /* oom_kills() when last asked */
    /* --- */
    _Atomic uint32_t look;   /* something is over: the keeper shall look */
    int bell, poll, life[2]; /* eventfd that workers ring; epoll; the pipe that ties them */
    pthread_t keeper;
    bool keeper_runs;
};

/* What an event of `poll` is about: kind << 32 | lane. */
enum { POLL_BELL = 1, POLL_DEATH, POLL_STDOUT, POLL_STDERR, POLL_ZYGOTE };

static inline struct procs *procs_of(const struct tutti_executor *ex)
{
    return (struct procs *)(uintptr_t)ex;
}

/* How many workers it has, or had when it was opened. */
static inline unsigned procs_lanes(const struct procs *p)
{
    /* relaxed: set before anybody knows p */
    return load_relaxed(&((struct procs *)(uintptr_t)p)->ex.workers);
}

/* --- post.c: sending; all under the latch --- */
/* A job for a typed task; NULL: no memory. */
struct job *job_new(struct procs *p);
void job_free(struct procs *p, struct job *j);
void queue_push(struct procs *p, struct job *j);
void queue_push_front(struct procs *p, struct job *j);
struct job *queue_pop(struct procs *p); /* it is not empty */
void jobs_free(struct procs *p);        /* all of them, at the end */
/* Post what can be posted. */
void queue_feed(struct procs *p);
/* Take what a lane has not begun from it, at most n, back to the queue. */
unsigned lane_revoke(struct procs *p, struct lane *l, unsigned n);
/* Start a typed task, at_home: by a closure there; its jobs, queued.  0 or why not, with words. */
int procs_submit(struct procs *p, struct task *t, bool at_home);
void lane_ring(struct procs *p, struct lane *l);

/* --- collect.c: results; under the latch --- */
/* Take the answers that are there; how many jobs ended. */
unsigned procs_collect(struct procs *p);
unsigned lane_collect(struct procs *p, struct lane *l);
/* One job has ended without an answer of its own, from run `done` on.  words: taken. */
void job_end(struct procs *p, struct job *j, tutti_end end, int code, int signal,
             char *words);
/* Its first run alone failed; the others have their results, or go on. */
void job_run_failed(struct job *j, tutti_end end, int code, int signal, char *words);
/* Nothing of it is left to be done. */
void job_finish(struct procs *p, struct job *j);
/* The first `done` runs of a job have results in a; the rest has not. */
void job_take_part(struct procs *p, struct lane *l, struct job *j, const struct answer *a,
                   const unsigned char *side, uint32_t done);

/* --- help.c --- */
void procs_help(struct tutti_executor *ex, _Atomic uint32_t *word, uint32_t value,
                int64_t until);
/* The same for home's own worker: a pool_doze of sched/pool.h. */
bool procs_doze(void *ctx, _Atomic uint32_t *word, uint32_t value, int64_t until);

/* --- start.c --- */
enum { START_STILLBORN = 3 };
#define START_PATIENCE INT64_C(20000000000) /* ns until one that does not serve is killed */
/* Start lane i's worker; forked: by the zygote, if there is one, and then it is still to come.
 * 0 or an error, with words. */
int worker_start(struct procs *p, unsigned i, bool forked);
/* Its pid is known: wait for its end and its output.  0, or it is gone, with words. */
int lane_watch(struct procs *p, unsigned i);
/* Its worker has that number, is known of no more being on its way, and with 0 is gone. */
void lane_is_now(struct procs *p, unsigned i, pid_t pid);
/* A zygote with that end of the socket.  0 or an error. */
int zygote_spawn(struct procs *p, int ask, pid_t *pid);
int poll_add(struct procs *p, int fd, uint64_t kind, unsigned i);
void output_close(struct lane *l);
/* Has it a worker, or will have? */
static inline bool lane_lives(const struct lane *l)
{
    return l->pid || l->coming;
}

/* --- death.c --- */
/* The pidfd of lane i says it is gone.  Under the latch. */
void lane_died(struct procs *p, unsigned i);
/* It has none: execute the program. */
void lane_restart(struct procs *p, unsigned i);
/* Nothing can run any more: all that is queued or posted fails. */
void procs_break(struct procs *p, const char *why);

/* --- crash_words.c --- */
/* Did its worker die of something else than j, request `number`, as far as is known? */
bool job_is_bystander(struct procs *p, const struct lane *l, const struct job *j,
                      uint64_t number);
/* How it came to an end, in words of our own memory; *signal as for tutti_outcome. */
char *crash_words(struct procs *p, const struct lane *l, const struct job *j,
                  uint64_t number, const siginfo_t *how, int *signal);

/* --- oom.c --- */
/* How many processes the kernel has killed so far because memory had run out. */
uint64_t oom_kills(void);
/* Has it killed one since this was last asked?  Under the latch. */
bool oom_has_struck(struct procs *p);


/* --- cancel.c: under the latch --- */
/* End what is over. */
void procs_look(struct procs *p);

/* --- keeper.c --- */
int keeper_begin(struct procs *p);
void keeper_end(struct procs *p);
void keeper_rouse(struct procs *p);
/* It looks at what runs no later than then.  Under the latch. */
void keeper_wake_by(struct procs *p, int64_t when);
/* Workers that have had requests for some time are asked, now and then, whether the answers
 * they have given are still there: given.c.  By whoever waits for answers; under the latch. */
void procs_question(struct procs *p, int64_t now);

/* --- output.c --- */
void lane_output(struct procs *p, unsigned i, int which, bool last);
#endif
