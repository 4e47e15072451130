/* tutti/sync.h - locks and signals, for tasks and plain threads alike; between processes
 * once tutti/shared.h has said so.
 * All are your memory, all zero is ready to use (a semaphore at 0, a barrier and a
 * wait group as their init says), none may move or go away while used.
 *
 * tutti_mutex_lock and its like are NOT cut off by cancellation: clean-up code must
 * be able to lock, and a holder is expected to be quick.  The forms ending in _cut
 * are cut off as all [wait] calls of tutti.h.  Waiting for an event, a condition, a
 * semaphore, a barrier, a wait group or a once IS cut off.  A lock belongs to the
 * task (or plain thread) that took it, wherever it parks meanwhile: a task that returns
 * while it holds a mutex, or a lock to write, has failed with -EDEADLK whatever it
 * returned, and the lock stays held. */
#ifndef TUTTI_SYNC_H
#define TUTTI_SYNC_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct tutti_mutex { uint64_t _[4]; } tutti_mutex;
typedef struct tutti_rmutex { uint64_t _[5]; } tutti_rmutex; /* recursive */
typedef struct tutti_rwlock { uint64_t _[6]; } tutti_rwlock;
typedef struct tutti_cond { uint64_t _[4]; } tutti_cond;
typedef struct tutti_sem { uint64_t _[4]; } tutti_sem;
struct tutti_event { uint64_t _[4]; };
typedef struct tutti_barrier { uint64_t _[4]; } tutti_barrier;
typedef struct tutti_group { uint64_t _[4]; } tutti_group;
typedef struct tutti_once { uint64_t _[4]; } tutti_once;
typedef struct tutti_counter { uint64_t _[8]; } tutti_counter; /* a cache line */

/* 0; -EDEADLK: the caller holds it.  First come, first served.  [any] */
TUTTI_API int tutti_mutex_lock(tutti_mutex *m);
/* The same, or -ECANCELED, -ETIMEDOUT: not locked then.  [any] [wait] */
TUTTI_CHECKED_ TUTTI_API int tutti_mutex_lock_cut(tutti_mutex *m);
TUTTI_API int tutti_mutex_trylock(tutti_mutex *m); /* 0 or -EBUSY.  [any] */
/* By who locked it; aborts with both names else.  [any] */
TUTTI_API void tutti_mutex_unlock(tutti_mutex *m);

/* May be locked again by its holder, and is unlocked as often.  0; -EAGAIN after
 * 2^32 - 1 times.  [any] */
TUTTI_API int tutti_rmutex_lock(tutti_rmutex *m);
TUTTI_CHECKED_ TUTTI_API int tutti_rmutex_lock_cut(tutti_rmutex *m); /* [wait] */
TUTTI_API int tutti_rmutex_trylock(tutti_rmutex *m);
TUTTI_API void tutti_rmutex_unlock(tutti_rmutex *m);

/* Many readers or one writer, in order of arrival: a waiting writer holds up later
 * readers, so neither side starves.  0; -EDEADLK: the caller holds it for writing.
 * [any] */
TUTTI_API int tutti_rwlock_rdlock(tutti_rwlock *l);
TUTTI_API int tutti_rwlock_wrlock(tutti_rwlock *l);
TUTTI_CHECKED_ TUTTI_API int tutti_rwlock_rdlock_cut(tutti_rwlock *l); /* [wait] */
TUTTI_CHECKED_ TUTTI_API int tutti_rwlock_wrlock_cut(tutti_rwlock *l); /* [wait] */
/* Undo either.  Aborts if it is not locked, or is locked for writing by another. */
TUTTI_API void tutti_rwlock_unlock(tutti_rwlock *l);

/* Unlock, wait for a signal, lock again (always), return 0 or why it ended.  Wakes
 * may be spurious: test your condition again.  -EPERM: m is not the caller's.
 * [any] [wait] */
TUTTI_API int tutti_cond_wait(tutti_cond *c, tutti_mutex *m);
TUTTI_API void tutti_cond_signal(tutti_cond *c);    /* the longest waiting one */
TUTTI_API void tutti_cond_broadcast(tutti_cond *c); /* [any] */

/* Set the count, before anybody uses it; a zeroed one stands at 0.  [any] */
TUTTI_API void tutti_sem_init(tutti_sem *s, unsigned n);
/* Take one, waiting while there is none. */
TUTTI_API int tutti_sem_down(tutti_sem *s);    /* first come, first served.  [any] [wait] */
TUTTI_API int tutti_sem_trydown(tutti_sem *s); /* 0 or -EBUSY.  [any] */
TUTTI_API void tutti_sem_up(tutti_sem *s);     /* never blocks, no allocation.
                                                  [any] [signal] */

/* Set stays set until cleared; tutti_on_event() waits for it among others. */
TUTTI_API void tutti_event_set(tutti_event *e);    /* [any] [signal] */
TUTTI_API void tutti_event_clear(tutti_event *e);  /* [any] */
TUTTI_API int tutti_event_is_set(tutti_event *e);  /* 1 or 0.  [any] [signal] */
TUTTI_API int tutti_event_wait(tutti_event *e);    /* [any] [wait] */
/* Set e at every arrival of signum, in this process, until *s closes; the old
 * action comes back then.  No mask to block, no thread to start.  0, -EINVAL,
 * -EBUSY (that signal has an event already), -ENOMEM.  [any] */
TUTTI_API int tutti_event_on_signal(tutti_scope *s, tutti_event *e, int signum);

/* Say for how many, before anybody waits.  [any] */
TUTTI_API void tutti_barrier_init(tutti_barrier *b, unsigned n);
/* Wait until n have come; usable again at once.  1 for one of them, 0 for the
 * others; -ECANCELED for all of that round if one was cut; -EINVAL without an init.
 * [any] [wait] */
TUTTI_API int tutti_barrier_wait(tutti_barrier *b);

/* A count of things to be done.  Below zero aborts.  [any] */
TUTTI_API void tutti_group_add(tutti_group *g, int n);
TUTTI_API void tutti_group_done(tutti_group *g);
TUTTI_API int tutti_group_wait(tutti_group *g); /* until it is zero.  [any] [wait] */

/* The first caller runs fn(arg), the others wait for it; all get its code, kept. A
 * waiter that is cut gets -ECANCELED or -ETIMEDOUT.  -EDEADLK from within fn.
 * [any] [wait] */
TUTTI_API int tutti_once_do(tutti_once *o, tutti_fn *fn, void *arg);

/* Add n, which may be negative; the new value.  [any] [signal] */
TUTTI_API int64_t tutti_counter_add(tutti_counter *c, int64_t n);
/* The value now.  [any] [signal] */
TUTTI_API int64_t tutti_counter_get(const tutti_counter *c);

#ifdef __cplusplus
}
#endif
#endif
