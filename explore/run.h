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
/* After how many seconds without a step a schedule is stuck, and what is said then of
 * which thread. */
enum { STUCK_AFTER = 10 };
#define STUCK_WORDS                                                           \
    "%s is in a loop that makes no step which can be seen: it touches no memory, "    \
    "waits by inline assembly, or is in code that was not built with "        \
    "-fsanitize=thread"
/* What a process does that searches; ends it. */
void search_run(void) __attribute__((noreturn));
/* Words of memory that have changed in this schedule; those no hook has seen written.
 */
void restore_changes(uint64_t *changed, uint64_t *unseen);

/* --- step.c --- */
void step_start(void); /* in the watching process: begin, aside */
void step_end(bool wanted); /* until it is done, or, not wanted, now */

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
