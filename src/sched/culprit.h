/* sched/culprit.h - who made a worker stick while others waited: named once for each place in
 * the code, remembered by function.  The public side is tutti/monitor.h.
 * Tests: tests/culprit_test.c. */
#ifndef SCHED_CULPRIT_H
#define SCHED_CULPRIT_H
#include "sched/worker.h"

/* --- by the monitor's thread --- */
/* w is stuck and others wait: name who runs there, if that is not done yet. */
void culprit_name(struct worker *w, int64_t now);
/* Expect kind, ALONE_*, of what is kept under that key. */
void culprit_expect(const void *key, int kind);
/* Nobody waits: remember its function alone. */
void culprit_learn(struct worker *w);
/* ... and moves again. */
void culprit_back(struct worker *w, int64_t now);
/* Send w's thread the signal that culprit_urgent and worker_urgent hear. */
void culprit_signal(struct worker *w);
/* The thread ends. */
void culprit_end(void);

/* --- by anybody --- */
extern _Atomic uint32_t culprit_any; /* functions that are remembered */
/* What to expect of t, ALONE_BLOCKS or ALONE_COMPUTES; negative: nothing. */
int culprit_kind(const struct task *t);
/* What is remembered of a task is kept under this. */
static inline const void *culprit_key(const struct task *t)
{
    return t->type ? (const void *)t->type : (const void *)(uintptr_t)t->fn;
}
/* One that began alone has ended. */
void culprit_ran(const void *key, int64_t took);
/* Are loops to be watched?  Looks at the environment once. */
bool culprit_wants_loops(void);
#endif
