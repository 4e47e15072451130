/* explore/run.h - one schedule at a time, and the process in which schedules run. */
#ifndef EXPLORE_RUN_H
#define EXPLORE_RUN_H
#include "trace.h"

typedef int program_main(int, char **, char **);

/* Keep the program as it is now, when its main is about to begin. */
void run_open(program_main *program, int argc, char **argv, char **env);
/* One schedule, in the mode that is set; ex.result says how it ended. */
void run_schedule(uint64_t seed);
/* The schedule without any decision of its own, whose length strategies go by. */
void run_calibrating(void);
/* In a new process: descriptors 1 and 2 lead nowhere, crashes are caught. */
void run_quietly(void);
/* What a process does that searches; ends it. */
void search_run(void) __attribute__((noreturn));

/* --- step.c --- */
void step_main(void); /* the program's code is about to begin, or a thread's */
void step_start(void); /* in the watching process: begin, aside */
void step_end(bool wanted); /* until it is done, or, not wanted, now */

/* --- monitor.c --- */
int search_main(int (*program)(int, char **, char **), int argc, char **argv,
                char **env);

/* --- shrink.c, in the watching process --- */
/* Run a script (or, with events NULL, record the seed) in a process of its own; true if
 * it fails in the way of `like`, or in any way when that is NULL. */
bool shrink_try(const struct event *events, size_t n, uint64_t seed,
                const struct result *like);
/* The fewest decisions that still fail like r: in place; returns how many. */
size_t shrink(struct event *events, size_t n, uint64_t seed, const struct result *r);

/* --- report.c --- */
/* sure: it was seen to fail again; else why: what was missing to see it, or "". */
void report_failure(const struct result *r, size_t recorded, size_t shrunk, bool sure,
                    const char *why);
void report_good(void);
double report_seconds(void);
#endif
