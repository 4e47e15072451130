/* tutti/executor.h - executors: the strings that open one, what they offer and what it
 * counts.  tutti.h includes this header. */
#ifndef TUTTI_EXECUTOR_H
#define TUTTI_EXECUTOR_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- executors ----------------------------------------------------------- */

/* "loop://"       tasks take turns on the thread that opened it, while that
 *                 thread waits in a tutti call; no thread is started.  Opened in
 *                 a task: tasks take turns on that task's thread
 * "threads://[n]" n threads, work stealing.  Without n: one for each CPU granted
 *                 by affinity and every cgroup above; all who open it so share
 *                 one pool, so libraries and program keep one CPU budget
 * "processes://[n]"  n worker processes, one for each CPU granted: this program executed
 *                again, which serves before main.  Typed tasks run there, closures here.
 *                A task that crashes fails alone, with -TUTTI_ECRASH, its signal and the
 *                place in its words; memory that it spoilt may fail a later one of the same
 *                worker (recycle=1 gives each task a fresh one).  A program that loaded this
 *                library late needs tutti-worker beside it (TUTTI_WORKER_PROGRAM)
 * "auto://"       loop or threads
 * "sim://seed"    for tests: as loop://, but which of the tasks that could go on
 *                 goes on is drawn from the seed, and time is its own: it jumps to
 *                 the next timer when nothing else can run, so sleeping costs none
 *                 and the same seed gives the same run.  What comes from outside
 *                 (descriptors, other threads, tutti_blocking) comes when it comes.
 *                 When nothing can go on, and for a second nothing comes, who waits for
 *                 what is printed, and a program without other threads aborts.
 *                 Needs a thread that no executor uses (-EBUSY)
 * Options, after '?', joined by '&':
 *   stack=64k          stack of a task; 16k to 1g, default 256k (touched pages
 *                      alone cost memory)
 *   workers=n          the same as n in the place of a host
 *   io=epoll           how workers wait for descriptors (io.h): io=uring, an
 *                      io_uring each; io=uring-defer, the same with its completions
 *                      left to the thread that opened it.  Default: an io_uring
 *                      where the kernel grants one, else epoll
 *   spares=n           spare workers at most, 0 to 1024: threads that are started when
 *                      a worker is stuck in a call or a long computation, go on
 *                      with what waits meanwhile, and rest when it is back.
 *                      Default 64; 0 for threads://1, whose tasks take turns
 *   lock=interpreter   threads share one lock, handed over every 5 ms and
 *                      released while they wait: what CPython's GIL does to a
 *                      program.  Uses SIGURG
 * and of processes:// alone:
 *   inner=loop:// or threads://m    what each worker is inside: up to 256 tasks of
 *                      home's at once, and what they start, take turns on it, on stacks
 *                      of `stack` bytes.  A crash, or a kill after the time of grace,
 *                      fails all that the worker had begun.  Default: one at a time,
 *                      on a large stack; what it starts runs on a loop
 *   arena=size         items shared, inputs and results may take so much each; half of
 *                      the memory there is by default
 *   spill=folder       what the arena has no room for goes into a file there, which has no
 *                      name and is gone with the executor; a full disk is -ENOMEM, too
 *   recycle=n, recycle-memory=size   replace a worker after n starts, or when it has grown
 *   grace-ms=n         from asking a task that is over to end until its worker is killed,
 *                      1000; half way its system call is interrupted
 *   quarantine=n       an idempotent start that has killed n workers is not tried again, 3
 *   output=lines       what workers print comes out in whole lines; tagged: with the
 *                      worker's number; inherit: as they write it
 *   sandbox=a,b        what tasks may not do: readonly (change files or names), nofiles
 *                      (open any; memfds may be had), nonet (make sockets, but for
 *                      pairs), noexec (start processes or programs), all of these.  Any
 *                      of them also sets no_new_privs and refuses ptrace, mount and their
 *                      like.  A task that makes such a call fails with -TUTTI_ECRASH,
 *                      SIGSYS and the call's name, or the words that signals were held
 *                      back (posix_spawn, system, popen); io_uring just gives -ENOSYS, and
 *                      a look into /proc or /sys, which libc takes by itself, just fails.
 *                      By seccomp; files by landlock as well, where the kernel has it.
 *                      The word landlock beside them demands that (-ENOTSUP)
 *   memory=size, file-size=size   of a worker: RLIMIT_DATA, so that malloc gives NULL, and
 *                      RLIMIT_FSIZE, so that a longer file is SIGXFSZ
 *   cpu-seconds=n      of each task, then SIGXCPU; with inner=, since the last one began
 * 0 and *out, which is yours until tutti_executor_close.  On error *out is NULL:
 * -EINVAL, and tutti_why() names the word; -ENOTSUP for a scheme this build
 * lacks, or an io= that is not granted here; -EBUSY: a loop of this thread has
 * another io= already; -ENOMEM; -EAGAIN when no thread or process can be had; -EPERM for
 * processes:// in a worker process, -ELOOP when it is nested too deep.  [any] */
TUTTI_API int tutti_executor_open(tutti_executor **out, const char *url);
/* Waits for scopes still open on it (a bug of theirs; debug builds name them),
 * ends its workers, frees it, whatever the answer, except: -EDEADLK from a task
 * that runs on it, or inside a scope of the caller's own on it, and -EPERM for a loop
 * from another thread than its own leave it as it was.  -TUTTI_ELOST in a fork()ed
 * child.  NULL gives 0.  [owner] [wait] */
TUTTI_API int tutti_executor_close(tutti_executor *ex);
/* The resolved URL, with the number of workers filled in; lives as ex.  "" for
 * NULL.  [any] */
TUTTI_API const char *tutti_executor_url(const tutti_executor *ex);
/* How many workers it has: 1 for a loop.  0 for NULL.  [any] */
TUTTI_API unsigned tutti_executor_workers(const tutti_executor *ex);

typedef struct tutti_executor_stats { /* set size before the call */
    size_t size;
    uint64_t started;  /* tasks that began to run                           */
    uint64_t switches; /* times one task's stack was left for another's     */
    uint64_t parked;   /* waits that gave up the thread                     */
    uint64_t stolen;   /* tasks that began on another worker than intended  */
    uint64_t sleeps;   /* times a worker went to sleep for want of work     */
    uint64_t wakes;    /* system calls made to wake a worker                */
    uint64_t handed;   /* times the interpreter lock changed hands          */
    uint64_t stacks;   /* stacks mapped now                                 */
} tutti_executor_stats;
/* Counts since it was opened; read while running they are a moment old.
 * -EINVAL for NULL or size 0.  [any] */
TUTTI_API int tutti_executor_stat(const tutti_executor *ex,
                                  tutti_executor_stats *out);
/* Open url, run fn(arg) as its first closure, close; what fn returned, or the
 * error of open.  url NULL: $TUTTI_EXECUTOR, else threads://.  [any] [wait] */
TUTTI_API int tutti_run(const char *url, tutti_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
