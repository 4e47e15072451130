/* fiber/guard.h - see guard.c. */
#ifndef FIBER_GUARD_H
#define FIBER_GUARD_H
#include <stdbool.h>
#include <stddef.h>

/* Make the pages from `at` on untouchable until they are unmapped.  False: the system
 * has no more mappings (or memory). */
bool guard_set(void *at, size_t size, size_t page);
/* From now on as on kernels before 6.13.  Tests only. */
void guard_force_mappings(void);
#endif
