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
 *           counts as dead for it.  Where a worker runs several tasks (inner=), all that
 *           they did since it last had none dies with it.
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
/* The same for a condition, to be used with mutexes that are shared, too.  The death of a
 * worker in a task wakes all that wait: test your condition again.  [any] */
TUTTI_API int tutti_cond_share(tutti_scope *s, tutti_cond *c);
/* The same for a barrier of 1 to 65534 (-EINVAL).  When a worker dies in a task that has
 * come to it, in any round, it breaks for good: all waits for it give -TUTTI_EOWNERDEAD
 * until tutti_barrier_init, which keeps n.  A worker that dies before its task has come
 * cannot be missed: that task's scope must end the wait.  [any] */
TUTTI_API int tutti_barrier_share(tutti_scope *s, tutti_barrier *b, unsigned n);

/* A channel for all processes of the executor of *s, freed with it: items of `item`
 * bytes each, by value, and room for `capacity` of them, both above 0.  Used as any
 * other, also in tutti_wait beside others; tasks get it as a plain pointer in their
 * input.  What nobody has received at the end is dropped.
 * A worker that dies while its task has sent, and has not closed, or has received, loses
 * nothing that is in the channel.  The next receiver (sender) that would wait is told of
 * it, once for each death, with -TUTTI_EOWNERDEAD: it has received (sent) nothing, and
 * may try again, or close the end that the dead one would have closed.
 * 0; on error *out is NULL: -EINVAL; else as tutti_mutex_share.  [any] */
TUTTI_API int tutti_chan_share(tutti_chan **out, tutti_scope *s, size_t item,
                               size_t capacity);

/* A small table from bytes to bytes.  Each call is one step for all others: a worker that
 * dies in it has done all of it or nothing, so there is no death to tell of. */
typedef struct tutti_table tutti_table;

/* A table for all processes of the executor of *s, freed with it: room for `capacity` entries
 * with keys of 1 to key_most (below 256 MiB) bytes and values of 0 to value_most.  Tasks
 * get it as a plain pointer in their input.  0; on error *out is NULL: -EINVAL; else as
 * tutti_mutex_share.  The calls below give -EUCLEAN where it was overwritten, -ESTALE after
 * *s has closed, -TUTTI_ELOST in the child of a fork().  [any] */
TUTTI_API int tutti_table_share(tutti_table **out, tutti_scope *s, size_t capacity,
                                size_t key_most, size_t value_most);
/* Let key have that value.  1: it is new; 0: it had another; -ENOSPC: the table is full;
 * -EINVAL: too large.  [any] */
TUTTI_API int tutti_table_put(tutti_table *t, tutti_bytes key, tutti_bytes value);
/* The size of key's value, of which at most `room` bytes are copied to *value; -ENOENT.
 * [any] */
TUTTI_API int64_t tutti_table_get(tutti_table *t, tutti_bytes key, void *value, size_t room);
/* Add n to key's value, an int64_t that begins at 0, and the new one goes to *now (may be
 * NULL).  0; -EINVAL: its value has another size; -ENOSPC.  [any] */
TUTTI_API int tutti_table_add(tutti_table *t, tutti_bytes key, int64_t n, int64_t *now);
/* Take key out.  0 or -ENOENT.  [any] */
TUTTI_API int tutti_table_delete(tutti_table *t, tutti_bytes key);
/* How many entries there are; a moment old.  [any] */
TUTTI_API size_t tutti_table_length(tutti_table *t);
/* The next entry, in no order: begin with *at == 0.  *key_bytes and *value_bytes: what
 * there is room for, then what it has.  1; 0: there was no other; -EMSGSIZE: no room.  What
 * others change meanwhile may be seen or not; what they do not is seen once.  [any] */
TUTTI_API int tutti_table_next(tutti_table *t, uint64_t *at, void *key, size_t *key_bytes,
                               void *value, size_t *value_bytes);

#ifdef __cplusplus
}
#endif
#endif
