/* tutti/shared.h - locks, signals and channels that tasks in other processes use, too.
 *
 * On processes:// a task runs in a process of its own, which sees none of your memory but
 * what is shared with it.  Put the locks of tutti/sync.h beside the data, in memory from
 * tutti_share(..., TUTTI_WRITE), and say for each, once, that it is shared; then the calls
 * of sync.h work on it everywhere: in closures, plain threads and tasks, also those that
 * run inside a task on `inner=`.  It lies at the same address in all processes, so a task
 * finds it by a tutti_ref or by a plain pointer in its input.  On executors whose tasks run
 * in this process all calls here give the ordinary thing, so that a program keeps its
 * meaning when the string changes.  A tutti_counter needs no word: it is shared as it is.
 *
 *     struct board { tutti_mutex lock; long best; } *b;
 *     b = tutti_share(&s, 1, sizeof *b, TUTTI_WRITE, &in.board);
 *     tutti_mutex_share(&s, &b->lock);
 *
 * Deaths    A worker may die at any step.  A lock that it held goes to the next who wants
 *           it with -TUTTI_EOWNERDEAD: locked, and what it guards may be half done: mend
 *           it.  No call waits for one that is dead.  A task that returns with a mutex
 *           counts as dead for it.
 * Order     First come, first served within a process; between processes in turns.
 * Time      All [wait] calls are cut off as ever.  A wait that is short is spent looking,
 *           when no CPU is taken from others by that; else the process sleeps and is woken
 *           through a thread of its own.
 * Trust     A task gone mad can overwrite what lies in shared memory.  That gives an error
 *           (-EUCLEAN) or a wrong value, and breaks nothing else of the home process. */
#ifndef TUTTI_SHARED_H
#define TUTTI_SHARED_H
#include <tutti/sync.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Make *m, which lies in memory from tutti_share(..., TUTTI_WRITE) on the executor of *s,
 * a mutex for all its processes, until *s closes.  It is zeroed first; nobody may use it
 * yet.  In the process that opened *s only.  0; -EINVAL: it lies elsewhere; -EALREADY;
 * -ENOMEM: no room, 2048 at once; -EAGAIN: no thread.  [any] */
TUTTI_API int tutti_mutex_share(tutti_scope *s, tutti_mutex *m);
/* The same with n units.  Those that a dead worker had taken and not given back come back,
 * at most until there are n again; as many of the next downs give -TUTTI_EOWNERDEAD, and
 * have taken theirs.  [any] */
TUTTI_API int tutti_sem_share(tutti_scope *s, tutti_sem *m, unsigned n);
/* The same for an event.  [any] */
TUTTI_API int tutti_event_share(tutti_scope *s, tutti_event *e);

/* A channel for all processes of the executor of *s, freed with it: items of `item` bytes
 * each, by value, and room for `capacity` of them, both above 0.  Used as any other, also in
 * tutti_wait beside others; tasks get it as a plain pointer in their input.  What nobody has
 * received at the end is dropped.
 * A worker that dies while its task has sent, and has not closed, or has received, loses
 * nothing that is in the channel.  The next receiver (sender) that would wait is told of it,
 * once for each death, with -TUTTI_EOWNERDEAD: it has received (sent) nothing, and may try
 * again, or close the end that the dead one would have closed.
 * 0; on error *out is NULL: -EINVAL; else as tutti_mutex_share.  [any] */
TUTTI_API int tutti_chan_share(tutti_chan **out, tutti_scope *s, size_t item,
                               size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
