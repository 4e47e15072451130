/* measure.h - what the benches of the core share: rounds interleaved over all that is
 * measured, medians, a line of JSON a measurement.
 *
 *     BENCH [-w WORKERS] [-r ROUNDS] [NAME...]      without names: all */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H
#include <tutti.h>

struct bench {
    const char *name;
    /* One round: ns for one unit, or negative: the code of what went wrong. */
    double (*round)(void);
    unsigned workers; /* as reported; 0: bench_workers */
};

enum { BENCH_ROUNDS_MOST = 99, BENCH_MOST = 16 };
extern unsigned bench_workers; /* -w; 1 unless given */

/* main() of a bench: measures, and reports as system "tutti". */
int bench_main(int argc, char **argv, const struct bench *benches, unsigned count);

static inline double bench_ns(tutti_time began, double units)
{
    return (double)(tutti_now() - began) / units;
}
#endif
