/* sched/spare.h - spare workers of a pool: threads with a worker each that take part while
 * others are stuck.  They are begun on demand, rest when there is nothing for them, and end
 * after a while of that.  Who takes part is the monitor's to say.
 * Tests: tests/monitor_test.c. */
#ifndef SCHED_SPARE_H
#define SCHED_SPARE_H
#include "sched/worker.h"

/* For n spares; NULL: no memory. */
struct seat *spares_alloc(unsigned n);
/* Begin t on a spare of its own, so that it delays nobody.  False: none can be had. */
bool spare_start(struct pool *p, struct task *t, int kind);
/* w takes nothing and has nothing to do: a task to begin alone, or NULL, and it rests if it
 * has no tasks that are parked.  By w itself, ordinary workers too. */
struct runnable *spare_next(struct worker *w);
/* w, about to sleep and taking nothing, is a spare that could rest and does not: between its
 * looks it was called in and sent off again, so it looks again, since nobody finds one that
 * neither takes part nor rests.  By w itself. */
bool spare_strays(struct worker *w);
/* Tell all to quit, and wait for it.  Nobody begins any meanwhile. */
void spares_end(struct pool *p);

/* What runs alone on w lets others run, so it is none that computes without a pause: the
 * next of those may begin.  By w itself. */
void spare_turn(struct worker *w);

/* --- by the monitor, under its latch --- */
/* Is w's thread there?  Always of an ordinary worker. */
bool spare_alive(const struct pool *p, uint32_t index);
/* Threads for the tasks that wait for one of their own. */
void spares_provide(struct pool *p, int64_t now);
/* One more takes part.  False: none can be had. */
bool spare_call_in(struct pool *p);
/* One less does, if a spare does, and else one of the workers. */
void spare_send_off(struct pool *p);
/* End those that have rested long, and join what has ended.  True: there will be more of it. */
bool spares_trim(struct pool *p, int64_t now);
#endif
