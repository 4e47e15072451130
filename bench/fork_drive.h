/* fork_drive.h - what serial C, tutti and its peers share to be measured on the workloads
 * of fork_work.h: sizes, repeats, rounds in turn, results compared, a line of JSON each.
 *
 *     PROGRAM [-w WORKERS] [-r ROUNDS] [NAME...]      without names: all
 *
 * A round repeats the work until it has taken a tenth of a second.  With BENCH_TINY in the
 * environment everything is as small as a test wants it. */
#ifndef BENCH_FORK_DRIVE_H
#define BENCH_FORK_DRIVE_H
#include "fork_work.h"
#ifdef __cplusplus
extern "C" {
#endif

/* One way to do the work.  NULL: it cannot be done in that way. */
struct fork_system {
    const char *name;
    long (*fib)(int n);
    long (*nqueens)(uint32_t all);
    long (*uts)(void);
    long (*skynet)(long size);
    void (*region)(float *a, long n);
    void (*matmul)(const struct product *p);
    void (*rest)(void); /* sleep a second, as the system would have it */
    unsigned workers;   /* as reported; 0: as many as asked for */
    int few;            /* a forked call costs hundreds of ns */
};

struct fork_options {
    unsigned workers;
    int rounds, alone; /* -s: alone is 1 */
    char **names;
};

/* 0, or 2 with a sentence on stderr. */
int fork_options(struct fork_options *o, int argc, char **argv);
/* 0, or 1 with a sentence on stderr. */
int fork_drive(const struct fork_options *o, const struct fork_system *systems, int count);
void fork_rest(void); /* nanosleep, for `rest` */

#ifdef __cplusplus
}
#endif
#endif
