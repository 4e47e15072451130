/* sched/gil.h - one lock over all workers of a pool, as an interpreter has: whoever runs
 * tasks holds it; a worker that waits for tasks does not; and one that has held it for 5 ms
 * while another waits must hand it over, even in the middle of a computation.  That is
 * CPython's rule (its switch interval); there the interpreter looks at a flag between byte
 * codes, here a signal (SIGURG) stops the holder inside the handler until it has the lock
 * again.  Tests: tests/gil_test.c. */
#ifndef SCHED_GIL_H
#define SCHED_GIL_H
#include "base/latch.h"

struct gil;

struct gil *gil_open(void); /* NULL: no memory */
void gil_close(struct gil *g);
void gil_acquire(struct gil *g);
void gil_release(struct gil *g);
uint64_t gil_handed(const struct gil *g); /* times it changed hands */
#endif
