/* explore/stack.h - frames of functions: see stack.c. */
#ifndef EXPLORE_STACK_H
#define EXPLORE_STACK_H
#include "common.h"

/* Fail if that place of some thread's stack is in no frame any more. */
void stack_check(const void *a, bool write, const void *pc);
/* The same for a plain access, which the frame's function must not outrun. */
void stack_access(const void *a, bool write, const void *pc);
void stack_return(const void *pc); /* the function that runs is about to return */
#endif
