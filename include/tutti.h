/* tutti.h - one task, every executor.
 *
 * Six nouns
 *   executor  where work runs; a string such as "threads://4" opens one
 *   scope     a lifetime: it owns all that is started, opened or shared in it,
 *             and closing it waits for, then frees, all of that
 *   task      a named function over bytes; may run in another process.  A plain
 *             function with a pointer (a closure) runs at home: see Where
 *   future    a ticket, 16 bytes to copy at will, for one result to come
 *   channel   a bounded queue
 *   ref       bytes every executor reaches without a copy per task; sliceable
 *
 * Errors     0, a count or an index on success; else -errno or -TUTTI_E*.  errno
 *            is not used: compilers cache its address across a switch of task.
 *            NULL for an object is -EINVAL; where a call can give no code, or going
 *            on would write astray, it aborts, and says which call of which task.
 * Lifetime   Declare first, then open: what you hand to a scope by pointer must
 *            outlive its close.  Everything the library hands you lives until
 *            the scope it was made in closes.  There is no third rule.
 * Waiting    A call marked [wait] parks a task and blocks a plain thread, until
 *            it can finish or a scope around the CALLER is over; then it gives
 *            -ECANCELED or -ETIMEDOUT.  It looks before it starts, too.  No call
 *            takes a timeout: open a scope, or add tutti_on_time() to a wait.
 *            A call that gave an error took nothing and sent nothing.
 * Callers    [any] any thread or task, at any time; [owner] only who opened the
 *            scope; [task] only in a task; [signal] in signal handlers as well.
 *            Objects are safe to share unless their call says [owner].
 * Where      Tasks run on the scope's executor.  Closures run in the process
 *            that opened it, so a program keeps its meaning when the string
 *            changes; only tasks go further away.
 * Threads    A task that has not started may start on any worker, also on a spare one
 *            while others are stuck (see spares in tutti/executor.h).  Once started
 *            it stays on that worker's thread until it ends, so errno,
 *            thread-locals, pthread_self() and locks of other libraries mean in
 *            a task what they mean in a thread.  But between two [wait] calls of
 *            one task others run on its thread: a thread-local is shared with
 *            them, and no foreign lock may be held over a [wait] call.  A task
 *            ends by returning: pthread_exit in one aborts with its name; exit()
 *            ends the program, tasks and all; a C++ exception that leaves it is
 *            std::terminate.  A thread may not end with a scope open.
 * Signals    A worker's thread of its own takes none meant for the process and blocks
 *            those sent to it, but for faults, SIGPROF and SIGURG: they reach the
 *            program's threads.  See tutti_event_on_signal.
 * Rounding   The floating-point environment (fesetround and friends) belongs to
 *            the thread, not to the task: put it back before a [wait] call.
 * fork()     In the child, tutti starts afresh: open new executors and scopes.
 *            What the parent had open there gives -TUTTI_ELOST and never hangs.
 *            A task that called it goes on in the child as a plain thread would,
 *            and when it returns the child ends as by exit(0).
 * Headers    Included here: tutti/executor.h, the strings that open one;
 *            tutti/wait.h, waiting for any of several; tutti/task.h, the macros
 *            that make a task.  All else is yours to include.
 * Growth     Opaque words and flag bits you do not use are zero.  A public
 *            struct that may grow carries its size.  Symbols are versioned. */
#ifndef TUTTI_H
#define TUTTI_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#define TUTTI_ASSERT_(x) static_assert(x, #x)
#else
#define TUTTI_ASSERT_(x) _Static_assert(x, #x)
#endif
#define TUTTI_API __attribute__((visibility("default")))
#define TUTTI_UNUSED_ __attribute__((unused))
#define TUTTI_CHECKED_ __attribute__((warn_unused_result))
#define TUTTI_VERSION 0x000100

/* ---- words, time, bytes -------------------------------------------------- */

enum {
    TUTTI_ECRASH = 4096, /* the worker died under the task                    */
    TUTTI_ELOST,         /* executor or connection gone (fork, crash of it):
                            the task may or may not have run                  */
    TUTTI_ENOTASK,       /* no task of that name, size or layout over there   */
    TUTTI_EOWNERDEAD     /* lock taken; who held it before died               */
};

typedef int64_t tutti_time; /* nanoseconds on the monotonic clock, absolute   */
#define TUTTI_MS INT64_C(1000000)
#define TUTTI_SEC INT64_C(1000000000)
#define TUTTI_NEVER INT64_MAX

/* Bytes that somebody else owns; whoever made them says for how long. */
typedef struct tutti_bytes {
    const void *data;
    size_t size;
} tutti_bytes;

typedef int tutti_fn(void *arg);
typedef void tutti_drop(void *arg);
typedef struct tutti_executor tutti_executor; /* tutti/executor.h */

/* Version of the library, not of this header.  [any] [signal] */
TUTTI_API unsigned tutti_version(void);
/* Static words for a code, known or not; never NULL.  [any] [signal] */
TUTTI_API const char *tutti_strerror(int code);
/* The sentence for the last call of THIS task (or plain thread) that failed:
 * which word of a URL, which task of which scope failed and why.  Set by failing
 * calls only, so success in between leaves it; the text stays until the next
 * failure here.  Never NULL; "" before the first.  [any] */
TUTTI_API const char *tutti_why(void);
/* The time now.  [any] [signal] */
TUTTI_API tutti_time tutti_now(void);
/* Now plus span; saturates at TUTTI_NEVER.  [any] [signal] */
TUTTI_API tutti_time tutti_after(tutti_time span);

/* ---- scopes -------------------------------------------------------------- */

typedef struct tutti_scope {
    uint64_t _[40];
} tutti_scope; /* do not move it while open */

enum {                    /* flags of a scope */
    TUTTI_KEEP_GOING = 1, /* a failure does not cancel the others             */
    TUTTI_SHIELD = 2,     /* not cut off from outside; needs a deadline       */
    TUTTI_ALONE = 8,      /* its tasks may block or compute for long: each begins
                             on a spare worker of its own where there are spares
                             and delays nobody beside it.  Of a task too      */
    TUTTI_LOW = 16        /* its tasks, and what they start, are of the low class:
                             they run when nothing else can, but for one turn of a
                             worker in 32, so that they do run.  Of a task too */
};

/* Open *s.  ex NULL: the executor of the caller's current scope, in a task the one it
 * runs on unless it opened a scope on another; on a plain thread without one the
 * process-wide one ($TUTTI_EXECUTOR or threads://), started on first use, so
 * libraries need none of their own.  Until it closes, *s is the caller's current
 * scope: deadline and cancellation bind what the caller itself waits for, and
 * scopes opened meanwhile nest in it; close them in reverse order.  A shield
 * without a deadline, or an executor that cannot be had, opens a scope that has
 * failed: starts give that code and so does close.  Cannot fail itself.  [any] */
TUTTI_API void tutti_scope_open(tutti_scope *s, tutti_executor *ex,
                                tutti_time deadline, unsigned flags);
/* Wait for all in *s, free what it owns.  Returns the first failure: of a task,
 * of a start, of tutti_share.  Being cut off is none, its cause is: -ETIMEDOUT
 * if the deadline cut anything, -ECANCELED if a scope outside did, 0 if
 * tutti_scope_cancel did.  Tasks that ignore cancellation are waited for.
 * -EINVAL if *s is not open (closed twice, or never opened); -EPERM from another
 * task or thread than its opener's, or while a scope opened after it is open.
 * [owner] [wait, but not cut off] */
TUTTI_API int tutti_scope_close(tutti_scope *s);
/* If *s is open: cancel and close it.  For TUTTI_SCOPE and destructors.  Aborts with
 * both names when another than its opener calls.  [owner] */
TUTTI_API void tutti_scope_leave(tutti_scope *s);
/* Declare and open a scope that no return, break or goto can leave open. */
#define TUTTI_SCOPE(s, ex, deadline, flags)                                   \
    tutti_scope s __attribute__((cleanup(tutti_scope_leave)));                \
    tutti_scope_open(&s, ex, deadline, flags)

/* The executor *s runs its tasks on; NULL if it is not open.  [any] */
TUTTI_API tutti_executor *tutti_scope_executor(const tutti_scope *s);
/* Cut off all that waits or will wait in *s; what has not started never does.
 * Nothing if *s is not open.  [any] */
TUTTI_API void tutti_scope_cancel(tutti_scope *s);
/* Bring the deadline forward to when; never back.  Nothing if *s is not open.  When
 * memory or a thread for it cannot be had, *s is over at once.
 * Graceful stop: stop feeding, then
 * tutti_scope_expire(&s, tutti_after(5 * TUTTI_SEC)).  [any] */
TUTTI_API void tutti_scope_expire(tutti_scope *s, tutti_time when);
/* Starts from outside *s wait while n of its tasks live; starts by its own tasks
 * never wait (they would wait for themselves).  0, the default: none.  By another
 * than the owner: *s fails with -EPERM.  Aborts if *s is not open.  [owner] */
TUTTI_API void tutti_scope_limit(tutti_scope *s, size_t n);

typedef struct tutti_scope_stats { /* set size before the call */
    size_t size;
    uint64_t started;   /* starts that were accepted                       */
    uint64_t live;      /* of them, not ended: waiting to run, running, parked */
    uint64_t parked;    /* of the live, parked in a [wait] call            */
    uint64_t succeeded, failed, cut;
    tutti_time deadline; /* the earliest that binds it                     */
} tutti_scope_stats;
/* -EINVAL if *s is not open or size is 0.  [any] */
TUTTI_API int tutti_scope_stat(const tutti_scope *s, tutti_scope_stats *out);

/* ---- tasks --------------------------------------------------------------- */

/* Start fn(arg).  A negative return fails the scope and, without TUTTI_KEEP_GOING,
 * cancels the rest.  fn does not run if the scope is over before its turn comes;
 * on error it does not either.  arg stays yours.  0; -ENOMEM, and the scope has
 * failed; -EINVAL (*s not open, no fn); -ECANCELED or -ETIMEDOUT (over).  A start from
 * outside must have returned before the scope closes.
 * [any] [wait: only for tutti_scope_limit] */
TUTTI_API int tutti_go(tutti_scope *s, tutti_fn *fn, void *arg);

typedef struct tutti_future {
    uint64_t _[2];
} tutti_future; /* zero: none */

/* The same and arg changes hands whatever happens: either fn runs and owns it or
 * drop(arg) is called, also when starting fails.  drop, f may be NULL.  On error
 * *f is a future that failed with that code, or none when even that cannot be
 * had.  [any] [wait: as tutti_go] */
TUTTI_API int tutti_spawn(tutti_scope *s, tutti_fn *fn, void *arg,
                          tutti_drop *drop, tutti_future *f);

typedef struct tutti_out tutti_out; /* where a task writes its result */
/* n more bytes of result to fill, zeroed, aligned for any type and behind what
 * came before; what earlier calls gave may move, so fill one before the next.
 * NULL: no memory, and the task should return -ENOMEM.  [task] */
TUTTI_API void *tutti_reserve(tutti_out *o, size_t n);
/* Append a copy.  0 or -ENOMEM.  [task] */
TUTTI_API int tutti_put(tutti_out *o, const void *data, size_t n);

enum {                    /* flags of a task: promises of yours */
    TUTTI_IDEMPOTENT = 1, /* may run twice: re-run after a crash or a loss      */
    TUTTI_BLOCKS = 4      /* blocks its thread: run it on the rescue threads, where
                             tutti_check() knows nothing of the scope           */
    /* TUTTI_ALONE = 8, TUTTI_LOW = 16: as flags of a scope, see there          */
};

/* Say why: returns code; the words go with the failure to whoever awaits it or
 * closes the scope (tutti_outcome.words, tutti_why there).  [any] */
TUTTI_API int tutti_fail(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A task reads its input and the refs in it, nothing else that changes, and may
 * run beside itself: then every executor computes the same. */
typedef struct tutti_task {
    uint32_t size, flags;
    const char *name; /* "module.task": the identity everywhere; clashes abort */
    int (*run)(tutti_bytes in, tutti_out *out); /* NULL: runs over there only */
    uint32_t in_size, out_size;                 /* 0: any */
    const void *in_layout, *out_layout;         /* reserved for pack.h */
    struct tutti_task *next;                    /* the library's */
    uint64_t kept[4];                           /* the library's measurements */
} tutti_task;

/* Make t known by its name.  Done by the macros of tutti/task.h before main.
 * Aborts with a sentence when another task has that name.  t stays known: a plug-in
 * that declares tasks must not be unloaded (link it with -z nodelete).  [any] */
TUTTI_API void tutti_enrol(tutti_task *t);
/* The task of that name, or NULL.  [any] */
TUTTI_API const tutti_task *tutti_task_find(const char *name);

/* What each worker process of processes:// calls: init before its first task, or, in a
 * library loaded later, before the first of that library's; negative: it cannot serve, and
 * when none can, tasks fail with -TUTTI_ELOST and the words that init has set.  fini, newest
 * first, when it leaves in good order: at the close, or to be recycled; not when it is killed
 * or crashes.  Either may be NULL.  Both run without a task around them, on the thread that
 * runs the tasks; under a sandbox, init may still open files.  For a value of each thread of
 * any executor take tutti_per_worker. */
typedef struct tutti_worker {
    const char *name; /* for messages */
    int (*init)(void);
    void (*fini)(void);
    struct tutti_worker *next; /* the library's */
    uint64_t kept;             /* the library's */
} tutti_worker;
/* Make w known; it stays so.  Done by TUTTI_WORKER of tutti/task.h before main.  [any] */
TUTTI_API void tutti_worker_enrol(tutti_worker *w);

/* Start t with a copy of the bytes.  On error *f is a future that failed with
 * that code, so nothing need be checked before awaiting.  f NULL: result unwanted,
 * memory freed as soon as it ends, and a failure is the scope's.  -EINVAL when the
 * size is not the task's; -TUTTI_ENOTASK when t has no run here; else as tutti_go.
 * [any] [wait: as tutti_go] */
TUTTI_API int tutti_submit(tutti_scope *s, const tutti_task *t, tutti_bytes in,
                           tutti_future *f);

/* Run t here, as a plain call of the caller: no start, no copy, no future.  Its out_size
 * bytes of result land in out (NULL: unwanted).  The task's code, -TUTTI_ENOTASK,
 * -EINVAL for another size of input, -EMSGSIZE for another of the result.  [any] */
TUTTI_API int tutti_task_call(const tutti_task *t, tutti_bytes in, void *out);

/* n runs of one task started as one: run i reads t->in_size bytes at in + i *
 * in_size and its out_size bytes of result land at out + i * out_size. */
typedef struct tutti_batch {
    const void *in;
    void *out;  /* may be NULL when out_size is 0 */
    int *codes; /* NULL: the first failure ends the batch and is its code */
    size_t n;
} tutti_batch;
/* Start them; in, out and codes must outlive the scope, *b need not.  With codes,
 * each run's code is stored and the future's code counts the failures; runs that
 * were cut off get -ECANCELED.  -EINVAL when t has sizes of 0; else as
 * tutti_submit.  f may not be NULL.  [any] [wait: as tutti_go] */
TUTTI_API int tutti_submit_batch(tutti_scope *s, const tutti_task *t,
                                 const tutti_batch *b, tutti_future *f);

/* Name the running task, for messages and views; the string must outlive it.
 * NULL takes the name away.  On a plain thread: names the thread.  [any] */
TUTTI_API void tutti_task_name_set(const char *name);
/* The caller's own name: as set, else the typed task's, else "closure" or
 * "thread".  Never NULL.  [any] */
TUTTI_API const char *tutti_task_name(void);

/* Where the caller runs: 0 on a plain thread, in the child of fork(), and in a signal
 * handler that has a stack of its own; in a task a word that no other task has while
 * this one lives.  For who stands in front of blocking calls or locks and must know
 * whom it has.  [any] [signal] */
TUTTI_API uintptr_t tutti_task_here(void);

/* Let others run.  0 or as tutti_check.  [any] */
TUTTI_API int tutti_yield(void);
/* 0 when the time has come.  [any] [wait] */
TUTTI_API int tutti_sleep_until(tutti_time when);
/* 0, -ECANCELED or -ETIMEDOUT for the caller's scopes.  A few nanoseconds: call
 * it in long loops.  After an inner scope closed with -ETIMEDOUT it tells whether
 * the outer one is over as well.  [any] */
TUTTI_API int tutti_check(void);
/* Run fn(arg) on a rescue thread, so that it may block; 512 do so at once, fewer where the
 * system gives no more threads; more wait for their turn, so calls that wait for each other
 * may lack one: give those a drop, and their scope a deadline.  Its own code is returned.
 * drop NULL: wait for its end, however late.  Else arg changes hands: drop(arg)
 * runs after fn ended, and when a scope is over first the call returns -ECANCELED
 * or -ETIMEDOUT at once while fn goes on abandoned, or never runs if it had not begun:
 * fn must not touch the caller's stack.  -EINVAL, -EAGAIN, -ENOMEM when it could not
 * start (drop has run).  [any] [wait] */
TUTTI_API int tutti_blocking(tutti_fn *fn, void *arg, tutti_drop *drop);

/* ---- futures ------------------------------------------------------------- */

/* A future holds its result until released or its scope closes; later uses give
 * -ESTALE, never a stray write.  Any number of callers may await one.  Whose failure?
 * The future's, and it cancels nobody; but one that nobody has awaited, taken or
 * released when the scope closes is the scope's.  A zero future gives -EINVAL, and so
 * does one that this process never made (not set, or sent here in bytes); to cancel or
 * release such a one aborts. */

/* Wait; returns the task's code, and its result in *out (may be NULL), readable
 * until the future is released.  If tutti_future_done() is still 0 after an error, it
 * was this wait that ended, not the task.  [any] [wait] */
TUTTI_API int tutti_future_await(tutti_future f, tutti_bytes *out);
/* Wait, copy exactly n bytes out, release.  A failed task's code, and nothing is
 * copied; -EMSGSIZE for another size, and the future is not released.
 * [any] [wait] */
TUTTI_API int tutti_future_take(tutti_future f, void *out, size_t n);
TUTTI_API int tutti_future_done(tutti_future f);     /* 1, 0, -ESTALE; [any] */
TUTTI_API void tutti_future_cancel(tutti_future f);  /* that task alone; [any] */
TUTTI_API void tutti_future_release(tutti_future f); /* result unwanted; [any] */
/* The next future of *s to finish, in order of finishing, each once: 1; 0 when
 * none is left.  Futures released before are left out.  -EINVAL: *s is not open, or not
 * the caller's; -ENOMEM.  [owner] [wait] */
TUTTI_API int tutti_scope_next(tutti_scope *s, tutti_future *f);
/* A future without a task: a callback of another library, a thread or a signal
 * handler will fulfil it.  Closing the scope ends it with -ECANCELED; it keeps no
 * scope open.  0, -ENOMEM, -EINVAL.  [any] */
TUTTI_API int tutti_promise(tutti_scope *s, tutti_future *f);
enum { TUTTI_PROMISE_MAX = 40 }; /* bytes a signal handler may hand over */
/* First wins: 0; -EALREADY; -EINVAL for a task's; -ESTALE after the scope closed.  More than
 * TUTTI_PROMISE_MAX bytes need memory (-ENOMEM) and are not for signal handlers.
 * [any] [signal] */
TUTTI_API int tutti_future_fulfil(tutti_future f, int code, tutti_bytes value);

typedef enum tutti_end {
    TUTTI_PENDING,
    TUTTI_OK,
    TUTTI_FAILED,
    TUTTI_CUT,
    TUTTI_CRASHED,
    TUTTI_LOST
} tutti_end;
typedef struct tutti_outcome { /* set size before the call */
    size_t size;
    tutti_end end;
    int code, signal;
    uint32_t runs;
    const char *task, *words; /* never NULL; live as the future or the scope */
    uint64_t index;           /* how many starts of the scope came before */
} tutti_outcome;
/* 0, -ESTALE, -EINVAL.  [any] */
TUTTI_API int tutti_future_outcome(tutti_future f, tutti_outcome *out);
/* Call each(ctx, o) for every failure that is *s's so far, as they came (the first
 * 1000 kept, the rest counted); returns how many those are: tasks without a future,
 * and what failed the scope without a task.  A future's is whoever's awaits it; one
 * that nobody looked at comes at close.  each may be NULL.  [owner] */
TUTTI_API int tutti_scope_failures(tutti_scope *s,
                                   void (*each)(void *ctx,
                                                const tutti_outcome *o),
                                   void *ctx);

/* ---- channels ------------------------------------------------------------ */

typedef struct tutti_chan tutti_chan;
#define TUTTI_ANY_SIZE 0 /* items are tutti_bytes, copied in; recv gives a view */

/* Opened in *s and freed with it; usable by every task under *s.  item: bytes of
 * one; capacity 0: hand to hand.  drop, may be NULL, is called at the end with
 * the address of each item nobody received (a tutti_bytes for TUTTI_ANY_SIZE).
 * 0; on error *out is NULL: -EINVAL, -ENOMEM.  [any] */
TUTTI_API int tutti_chan_open(tutti_chan **out, tutti_scope *s, size_t item,
                              size_t capacity, tutti_drop *drop);
/* 0; -EPIPE if ended: the item is still yours.  [any] [wait] */
TUTTI_API int tutti_chan_send(tutti_chan *c, const void *item);
/* 1 and an item; 0 when ended and empty; negative.  A view of TUTTI_ANY_SIZE lives
 * until this task's next recv from c, and no longer than c.  [any] [wait] */
TUTTI_API int tutti_chan_recv(tutti_chan *c, void *item);
/* A channel opens with one writer.  n more will close it, each for itself... */
TUTTI_API void tutti_chan_writers(tutti_chan *c, unsigned n); /* [any] */
/* ... and when the last has, it has ended: what is in it can still be received.
 * One close too many is -EPIPE and changes nothing.  A writer that fails or is cut
 * may leave it open: the scope is over then, and waits end with it.  [any] */
TUTTI_API int tutti_chan_close(tutti_chan *c);
/* Items in it now; a moment old.  [any] */
TUTTI_API size_t tutti_chan_length(const tutti_chan *c);

/* ---- shared items -------------------------------------------------------- */

/* Flat: put it in inputs and items.  Slices are refs. */
typedef struct tutti_ref {
    uint64_t id, from, count;
    uint32_t item, flags;
} tutti_ref;
enum { TUTTI_READ = 0, TUTTI_WRITE = 1 };

/* count zeroed items, freed when *s closes; where *s is on processes://, its workers see
 * them at the same address, and can write them only with TUTTI_WRITE.  TUTTI_READ: yours
 * to fill until the first task under *s starts, then nobody's to write.  TUTTI_WRITE: tasks may
 * write too, each its own slice.  NULL on failure, which also fails *s with
 * -ENOMEM, -EINVAL or -EOVERFLOW.  [any] */
TUTTI_API void *tutti_share(tutti_scope *s, uint64_t count, size_t item,
                            unsigned flags, tutti_ref *out);
/* The part of r that begins at item `from` of r, at most count items long. */
static inline tutti_ref tutti_ref_slice(tutti_ref r, uint64_t from,
                                        uint64_t count)
{
    r.count = from > r.count            ? 0
              : count < r.count - from ? count
                                       : r.count - from;
    r.from += from;
    return r;
}
/* The first of r's items; NULL if its scope closed.  tutti_ref_edit gives NULL
 * without TUTTI_WRITE.  [any] */
TUTTI_API const void *tutti_ref_view(const tutti_ref *r);
TUTTI_API void *tutti_ref_edit(const tutti_ref *r);

/* ---- one for each worker, one for each task ------------------------------- */

/* Static: { make, drop, {0} }.  A connection, a loaded model, a random state. */
typedef struct tutti_local {
    void *(*make)(void);
    tutti_drop *drop; /* may be NULL */
    uint64_t _[2];
} tutti_local;
/* Made at first use, dropped when the worker's thread or the task ends.  NULL if
 * make gave NULL or memory ran out.  On a plain thread both live as long as that
 * thread.  tutti_per_task values are dropped by the task itself, newest first, and
 * a drop may make another.  [any] */
TUTTI_API void *tutti_per_worker(tutti_local *l);
TUTTI_API void *tutti_per_task(tutti_local *l);

#ifdef __cplusplus
}
#endif
#include <tutti/executor.h>
#include <tutti/task.h>
#include <tutti/wait.h>
#endif
