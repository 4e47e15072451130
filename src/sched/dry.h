/* sched/dry.h - forked calls for which no stack can be had. */
#ifndef SCHED_DRY_H
#define SCHED_DRY_H
#include "sched/worker.h"

/* A call waits on victim, and w has no stack to run it on: leave it for a while; or, when
 * nothing else has gone on for long, end it without running it. */
void dry_call(struct worker *w, struct worker *victim);
/* w has got a stack. */
void dry_end(struct worker *w);
/* Until when w leaves calls alone; 0: it does not. */
static inline int64_t dry_until(const struct worker *w)
{
    return w->dry.until;
}
/* If that time has come it is over, though w may not have met a call since: or w would not
 * sleep any more. */
void dry_passed(struct worker *w);
/* No stack was had a moment ago, and none has ended here since. */
bool dry_now(struct worker *w);
#endif
