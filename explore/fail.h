/* explore/fail.h - how a schedule fails, and what cannot be done at all: see fail.c. */
#ifndef EXPLORE_FAIL_H
#define EXPLORE_FAIL_H
#include "engine.h"

void fail(enum failure kind, const void *pc, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void fail_place(int thread, enum op op, const void *pc);
void fail_watch(void);
/* After how many seconds without a step a schedule is stuck, and what is said then of
 * which thread. */
enum { STUCK_AFTER = 10 };
#define STUCK_WORDS                                                           \
    "%s is in a loop that makes no step which can be seen: it touches no memory, "    \
    "waits by inline assembly, or is in code that was not built with "        \
    "-fsanitize=thread"
extern hidden bool fail_stops; /* for the debugger, before anything is left */
extern hidden bool fail_watched; /* another process reads what went wrong */
void fail_all_blocked(void) __attribute__((noreturn));
void cannot(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#endif
