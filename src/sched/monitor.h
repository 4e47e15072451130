/* sched/monitor.h - one thread of the process that watches the workers: it notices one that
 * does not move, finds out whether it is blocked in a call, busy, or merely not scheduled,
 * and lets others go on meanwhile.  It sleeps when no worker runs.
 * Tests: tests/monitor_test.c. */
#ifndef SCHED_MONITOR_H
#define SCHED_MONITOR_H
#include "base/fence.h"
#include "sched/worker.h"

/* Watch p, whose workers are there; a loop only if that is wanted, one under a lock never.
 * Without a thread or memory nobody watches. */
void monitor_enter(struct pool *p);
/* p shall have as many workers as CPUs are granted, and say how many in *said. */
void monitor_follow(struct pool *p, _Atomic unsigned *said);
/* No more: what runs in p is the caller's alone when it returns.  Unknown to it is fine. */
void monitor_leave(struct pool *p);
/* Nobody is, in pools opened from now on: to measure what watching costs. */
extern bool monitor_off;
/* It does not look at those that are stuck until it is called: for tests. */
extern bool monitor_patient;
/* The CPU time of its thread in ns, all that it has used; 0: there is none. */
int64_t monitor_cpu_time(void);
/* Is there somebody to do it? */
bool monitor_runs(void);
/* Look now, and not at the next period. */
void monitor_poke(void);

/* How w is, by its tick and the clocks of its thread: sched/verdict.c.  Without `cares`
 * nobody waits for it, and BLOCKED is not told from being about to move. */
int worker_judge(struct worker *w, int64_t now, bool cares);

extern _Atomic uint32_t monitor_naps; /* it sleeps until somebody heeds it */
/* By a worker that has slept and is awake again. */
static inline void monitor_heed(void)
{
    fence_light(); /* pairs with fence_heavy in monitor_nap: it sees us awake, or we see it
                      asleep */
    if (unlikely(load_relaxed(&monitor_naps)))
        monitor_poke();
}
#endif
