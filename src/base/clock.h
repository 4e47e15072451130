/* base/clock.h - monotonic nanoseconds; the only clock of the library.  On a thread that
 * carries a sim:// executor time is that executor's own: see sched/sim.c. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER INT64_MAX

/* Virtual time of this thread; 0: it has none. */
extern _Thread_local int64_t clock_sim;

static inline int64_t clock_now(void)
{
    if (__builtin_expect(clock_sim != 0, 0))
        return clock_sim += 100; /* whoever waits by looking at it gets there */
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
#endif
