/* explore/locks.h - locking as hooks_lock.c does it, for conditions and for C11's
 * words, and the virtual clock. */
#ifndef EXPLORE_LOCKS_H
#define EXPLORE_LOCKS_H
#include "engine.h"
#include "objects.h"
#include <pthread.h>
#include <time.h>

enum { CLOCK_EPOCH = 1700000000 }; /* seconds that CLOCK_REALTIME is ahead */

/* POSIX's answers.  until: virtual ns, 0 for ever. */
int mutex_lock(pthread_mutex_t *m, uint64_t until, const void *pc);
int mutex_try(pthread_mutex_t *m, const void *pc);
int mutex_unlock(pthread_mutex_t *m, const void *pc);
/* Let go for a wait whatever the depth, and take it again to the same depth. */
int mutex_leave(pthread_mutex_t *m, const void *pc);
int mutex_return(pthread_mutex_t *m, int depth);
/* Somebody holds o alone from now on; nobody does; it is destroyed, which it may not be
 * while it is in use. */
void lock_taken(struct object *o, const void *pc);
void lock_given(struct object *o);
void lock_destroy(void *address, enum object_kind kind, const void *pc);
int cond_wait(void *cond, pthread_mutex_t *m, uint64_t until, const void *pc);
void cond_destroy(void *cond, const void *pc);
void cond_wake(void *cond, bool all, const void *pc);

/* Virtual time of an absolute one by that clock, never 0; TIME_WRONG if it is none,
 * which calls that would wait for it answer with EINVAL. */
#define TIME_WRONG UINT64_MAX
uint64_t time_until(clockid_t clock, const struct timespec *at);
uint64_t time_after(const struct timespec *span);
/* The arguments of SYS_futex; -errno on failure. */
long futex(long *x, const void *pc);
/* The same for SYS_futex_waitv. */
long futex_several(const long *x, const void *pc);
void lock_leaks(bool main_returns);
void locks_orphan(struct thread *t); /* t has ended: who waits for its locks looks */
void locks_reset(void);
int sleep_until(uint64_t until, const void *pc);
#endif
