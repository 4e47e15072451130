/* explore/schedule.h - points, waiting and waking: see schedule.c. */
#ifndef EXPLORE_SCHEDULE_H
#define EXPLORE_SCHEDULE_H
#include "engine.h"

void schedule_reset(void);
/* A point at which another thread may run; call before the effect. */
void point(enum op op, const void *address, const void *pc);
/* Wait until woken for key or, if until is not 0, that time.  0 or ETIMEDOUT. */
int block(void *key, enum op op, uint64_t until);
/* For any of n keys.  Which, or -1: its time came. */
int block_any(void *const *keys, unsigned n, enum op op, uint64_t until);
void wake_all(void *key);
bool wake_one(void *key);
/* Only who waits with one of these bits. */
bool wake_one_of(void *key, uint32_t bits);
int waiters(void *key);
void thread_ready(struct thread *t);
void thread_over(struct thread *t) __attribute__((noreturn));
void plain_point(enum op op, const void *address, const void *pc);
bool spurious(void);
#endif
