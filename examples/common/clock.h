/* examples/common/clock.h - what the time costs.  Tests: tests/examples_test.sh. */
#ifndef EXAMPLES_CLOCK_H
#define EXAMPLES_CLOCK_H

/* Seconds on the monotonic clock. */
double clock_now(void);
/* CPU seconds of this process so far, all its threads; with worker processes of tutti's
 * also theirs, and those of children that have ended. */
double clock_cpu(int workers);
#endif
