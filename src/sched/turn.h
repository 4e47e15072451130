/* sched/turn.h - what inbox.c, take.c and worker.c share: the steps of one turn that are too
 * frequent to be calls.  All for the worker's own thread. */
#ifndef SCHED_TURN_H
#define SCHED_TURN_H
#include "sched/worker.h"

enum {
    FAIR_EVERY = 32, /* so often tasks not begun go before contexts that are ready */
    TIME_EVERY = 4   /* so often the clock is read for armed timers: it costs 20 ns, as
                        much as three turns.  Where turns are that short: FAIR_EVERY */
};

/* One timed park; lives on the parked stack.  Holds: while timer is armed c is parked, or about
 * to, by ticket. */
struct park_timer {
    struct wheel_timer timer;
    struct context *c;
    uint64_t ticket;
};

static inline void worker_queue(struct worker *w, struct runnable *r)
{
    fifo_push(unlikely(r->is_low) ? &w->low : r->is_task ? &w->bound : &w->ready, r);
}

/* What others have put into the inbox goes to the queues: inbox.c. */
void inbox_push(struct worker *w, struct runnable *r);
void worker_drain_slow(struct worker *w);
static inline void worker_drain(struct worker *w)
{
    if (unlikely(load_relaxed(&w->inbox) != NULL)) /* a hint; worker_sleep looks again */
        worker_drain_slow(w);
}

/* A new turn: is there more to look at than what is ready? */
static inline bool worker_turn(struct worker *w)
{
    uint32_t tick = load_relaxed(&w->tick) + 1; /* ours; the monitor only compares */
    store_relaxed(&w->tick, tick);
    /* relaxed: a hint, as in worker_drain */
    return unlikely(load_relaxed(&w->inbox) || tick == w->due);
}
/* The same turn once more, by who looks at more. */
static inline void worker_turn_back(struct worker *w)
{
    store_relaxed(&w->tick, load_relaxed(&w->tick) - 1); /* as in worker_turn */
}
/* Look no later than at the next tick with none of these bits. */
static inline void worker_due(struct worker *w, uint32_t mask)
{
    uint32_t tick = load_relaxed(&w->tick), due = (tick | mask) + 1; /* ours */
    if (w->due - tick > due - tick || w->due == tick)
        w->due = due;
}
/* Then: look at it.  NULL: nothing that must go first.  take.c, as the next. */
struct runnable *worker_attend(struct worker *w);

/* worker_take found nothing: wait for what is next. */
struct runnable *worker_await_slow(struct worker *w);
static inline struct runnable *worker_await(struct worker *w)
{
    struct runnable *r = worker_take(w);
    return likely(r != NULL) ? r : worker_await_slow(w);
}
#endif
