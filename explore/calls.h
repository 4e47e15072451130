/* explore/calls.h - what single files of hooks give to the others. */
#ifndef EXPLORE_CALLS_H
#define EXPLORE_CALLS_H
#include "common.h"

/* --- hooks_sem.c, hooks_map.c: a schedule is about to begin --- */
void sems_reset(void);
void maps_reset(void);

/* --- hooks_syscall.c --- */
const char *syscall_name(long n); /* of those that may block; NULL: others */

/* --- hooks_atomic.c, for hooks_atomic_any.c --- */
wide atomic16_load(wide *a, int mo, const void *pc);
void atomic16_store(wide *a, wide v, int mo, const void *pc);
wide atomic16_exchange(wide *a, wide v, int mo, const void *pc);
bool atomic16_cas(wide *a, wide *expected, wide v, int mo, int fail_mo, const void *pc);
#endif
