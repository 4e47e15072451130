/* explore/fibers.h - fibers that are the program's threads: see threads.c. */
#ifndef EXPLORE_FIBERS_H
#define EXPLORE_FIBERS_H
#include "engine.h"

#define STACKS_AT ((char *)0x130000000000)
/* As much as a program has by default; a frame does not jump over the guard. */
enum { STACK = 8 << 20, GUARD = 1 << 20 };

/* Whether an address is in some thread's stack. */
static inline bool stacks_own(const void *a)
{
    return (uintptr_t)a - (uintptr_t)STACKS_AT < (uintptr_t)(STACK + GUARD) * THREADS;
}

bool threads_open(void); /* once, before the first schedule */
void threads_reset(void);
struct thread *thread_new(void); /* NULL: none left */
void thread_switch(struct thread *to);
void thread_leave(void) __attribute__((noreturn)); /* to the driver */
void threads_run(void); /* from the driver: run thread 0 until the schedule is over */
struct thread *thread_of(const void *tp);
struct thread *thread_of_stack(const void *address);
void thread_image(void); /* take the image of thread-locals */
#endif
