/* explore/life.h - threads begin, end, are joined and cancelled: see hooks_thread.c. */
#ifndef EXPLORE_LIFE_H
#define EXPLORE_LIFE_H
#include "engine.h"

void cancel_point(void);
bool cancel_due(void); /* cancel_point() would not come back */
void thread_begin(struct thread *t);
struct thread *thread_start(void *(*run)(void *), int (*run11)(void *), void *argument,
                            const void *pc);
int thread_join(struct thread *t, void **value, uint64_t until, const void *pc);
int thread_detach(struct thread *t, const void *pc);
void thread_finish(void *value) __attribute__((noreturn));
#endif
