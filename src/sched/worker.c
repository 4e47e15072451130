/* sched/worker.c - contexts taking turns on a worker's thread: switching, parking, yielding,
 * one task after the other on one stack.  See worker.h; what is next is chosen in take.c.
 * Tests: tests/pool_test.c, tests/executor_test.c. */
#include "sched/worker.h"
#include "base/memory.h"
#include "core/last.h"
#include "sched/monitor.h"
#include "sched/strand.h"
#include "sched/turn.h"
#include <stdlib.h>

static struct context *context_of(struct runnable *r)
{
    return list_entry(r, struct context, run);
}

/* --- stacks ------------------------------------------------------------------- */

struct context *worker_context(struct worker *w, struct fiber_pool *stacks)
{
    struct fiber *f = w->spare;
    if (stacks == w->pool->stacks && f) {
        w->spare = f->next;
        w->spares--;
    } else {
        f = fiber_get(stacks);
    }
    if (unlikely(!f))
        return NULL;
    struct context *c = (struct context *)(void *)f;
    c->carrier = &worker_carrier;
    c->worker = w;
    c->mark = w->root->mark;
    c->stacks = stacks;
    return c;
}

void worker_context_back(struct worker *w, struct context *c)
{
    if (c->stacks == w->pool->stacks && w->spares < WORKER_SPARES) {
        c->fiber.next = w->spare;
        w->spare = &c->fiber;
        w->spares++;
    } else {
        fiber_put(c->stacks, &c->fiber);
    }
}

/* t's drop is the user's: it must not run as the context that is about to be left, whose
 * wait is open already.  What it waits for blocks the thread. */
static void refuse_without_stack(struct task *t)
{
    struct context *self = context_current, beside;
    memset(&beside, 0, sizeof beside);
    beside.carrier = &thread_carrier;
    beside.mark = self->mark;
    context_current = &beside;
    task_refuse(t, -ENOMEM, fiber_why());
    memory_free(beside.why);
    context_views_free(&beside);
    context_current = self;
}

/* A fiber that will run t; NULL: t has been refused for want of a stack. */
static struct context *context_for(struct worker *w, struct task *t)
{
    struct context *c = worker_context(w, t->scope->ex->stacks);
    if (unlikely(!c)) {
        refuse_without_stack(t);
        return NULL;
    }
    c->task = t;
    stat_add(&w->stats.started);
    return c;
}

/* The context to switch to, begun for a task if need be.  It may be the caller itself. */
static struct context *worker_next(struct worker *w)
{
    for (;;) {
        struct runnable *r = worker_await(w);
        if (!r->is_task)
            return context_of(r);
        struct context *c = context_for(w, (struct task *)(void *)r);
        if (c)
            return c;
    }
}

/* --- switching ----------------------------------------------------------------- */

/* An ended fiber may be taken from the pool by another worker, so it comes back from here
 * on another thread.  Hence nothing that belongs to a thread is kept over the switch: the
 * worker is read again, and the function is closed to inlining, lest the compiler keeps the
 * address of a thread-local in the loop of fiber_main_task. */
closed_call static void switch_to(struct worker *w, struct context *from,
                                  struct context *to)
{
    if (from == to)
        return;
    context_current = to;
    stat_add(&w->stats.switches);
    fiber_switch(&from->fiber, &to->fiber);
}

/* The same for one that was begun and goes on: on this thread, so it may be inlined. */
static inline void switch_here(struct worker *w, struct context *from, struct context *to)
{
    if (from == to)
        return;
    context_current = to;
    stat_add(&w->stats.switches);
    fiber_switch_here(&from->fiber, &to->fiber);
}

/* The root, whose thread comes from outside back to work, or one that has forked. */
static __attribute__((noinline)) void heavy_leave(struct worker *w, struct context *c)
{
    if (!c->stacks) {
        store_relaxed(&w->outside, false); /* the fence in monitor_heed orders it */
        monitor_heed();
    }
    if (c->strand)
        strand_leave(c);
}

/* The same is back.  It reads its worker anew: nothing but c is kept over a switch. */
static __attribute__((noinline)) void heavy_resume(struct context *c)
{
    struct worker *w = c->worker;
    if (!c->stacks)
        store_relaxed(&w->outside, true); /* late is a look too many */
    if (c->strand)
        strand_resume(c);
}

/* Leave c, which is in some queue or somebody's list, for whoever is next. */
static inline __attribute__((always_inline)) void worker_leave(struct worker *w, struct context *c)
{
    struct context *next;
    stat_add(&w->stats.parked);
    if (unlikely(c->heavy))
        heavy_leave(w, c);
    if (worker_turn(w) || !w->ready.head) {
        worker_turn_back(w);
        next = worker_next(w);
    } else {
        next = context_of(fifo_pop(&w->ready));
    }
    switch_here(w, c, next);
    if (unlikely(c->heavy))
        heavy_resume(c);
}

static __attribute__((noinline)) void worker_park_until(struct context *c, uint64_t ticket,
                                                        int64_t until)
{
    struct worker *w = c->worker;
    struct park_timer timer;
    timer.timer.link.next = NULL;
    timer.c = c;
    timer.ticket = ticket;
    wheel_arm(&w->wheel, &timer.timer, until);
    worker_due(w, w->time_mask);
    worker_leave(w, c);
    wheel_cancel(&w->wheel, &timer.timer);
}

static void worker_park(struct context *c, uint64_t ticket, int64_t until)
{
    if (unlikely(until != CLOCK_NEVER))
        worker_park_until(c, ticket, until);
    else
        worker_leave(c->worker, c);
}

returns_by_jump static int worker_wait(struct context *c, wait_odd *odd)
{
    worker_leave(c->worker, c);
    return last_value(c, odd);
}

/* Once more, with all that has to be looked at. */
static __attribute__((noinline)) struct context *worker_yield_next(struct worker *w,
                                                                   struct context *c)
{
    worker_queue(w, &c->run);
    struct runnable *r = worker_attend(w);
    if (!r)
        r = fifo_pop(&w->ready);
    if (!r)
        r = worker_take(w);
    if (!r)
        r = worker_take_low(w); /* c is there, at least */
    if (!r->is_task)
        return context_of(r);
    struct context *next = context_for(w, (struct task *)(void *)r);
    return next ? next : worker_next(w);
}

/* Who goes on instead of c, which yields.  The usual way is short enough to be inline. */
static inline struct context *worker_yield_to(struct worker *w, struct context *c)
{
    if (likely(!worker_turn(w) && !c->run.is_low)) {
        if (unlikely(!w->ready.head))
            return c;
        struct context *next = context_of(fifo_pop(&w->ready));
        fifo_push(&w->ready, &c->run);
        return next;
    }
    return worker_yield_next(w, c);
}

static inline __attribute__((always_inline)) void worker_make_way(struct worker *w,
                                                                  struct context *c)
{
    if (unlikely(c->heavy))
        heavy_leave(w, c);
    switch_here(w, c, worker_yield_to(w, c));
    if (unlikely(c->heavy))
        heavy_resume(c);
}

returns_by_jump static int worker_yield(struct context *c)
{
    worker_make_way(c->worker, c);
    return context_check_here(c);
}

void worker_give_way(struct context *c)
{
    struct worker *w = c->worker;
    worker_drain(w);
    if (w->ready.head)
        worker_make_way(w, c);
}

/* An ended fiber keeps its stack for the next task; beyond some, it goes to the pool, but
 * only after it has been left, lest another thread takes it while it still runs. */
static inline void worker_retire(struct worker *w, struct context *c)
{
    if (c->stacks == w->pool->stacks && w->spares < WORKER_SPARES) {
        worker_context_back(w, c);
    } else {
        worker_settle(w); /* the one before */
        w->leaving = c;
    }
}

/* The next task, if that is what is next, and may begin on c: for task_run. */
static struct task *worker_next_task(struct context *c)
{
    struct worker *w = c->worker;
    /* relaxed: a hint, as in worker_turn */
    if (unlikely(w->ready.head || w->offered || load_relaxed(&w->inbox)
                 || load_relaxed(&w->tick) + 1 == w->due))
        return NULL;
    struct task *t = (struct task *)(void *)w->bound.head;
    if (unlikely(t != NULL)) {
        if (t->scope->ex->stacks != c->stacks)
            return NULL;
        fifo_pop(&w->bound);
    } else if (c->stacks != w->pool->stacks || !(t = deque_pop(&w->deque))) {
        return NULL;
    }
    worker_turn(w);
    stat_add(&w->stats.started);
    return t;
}

/* One task after the other, each a plain call on this stack, until something else must go
 * on; back when there is a next task in c->task.  Closed to inlining: see switch_to. */
closed_call static void fiber_turn(struct context *c)
{
    struct worker *w = c->worker;
    struct context *next = NULL;
    bool of_pool = c->stacks == w->pool->stacks;
    do {
        struct task *more = NULL;
        store_relaxed(&w->live, load_relaxed(&w->live) + 1); /* one writer; a hint to others */
        if (unlikely(c->call != NULL))
            strand_call(c);
        else
            more = task_run(c, c->task, worker_next_task);
        store_relaxed(&w->live, load_relaxed(&w->live) - 1); /* as above */
        if (unlikely(c->strand != NULL))
            strand_end(c);
        if (unlikely(c->locks)) { /* it stays their holder, and does nothing else */
            switch_to(w, c, worker_next(w));
            abort();
        }
        if (more) {
            c->task = more;
            continue;
        }
        struct runnable *r = worker_await(w);
        struct task *t = (struct task *)(void *)r;
        if (!r->is_task) {
            next = context_of(r);
        } else if (likely(r->is_bound ? t->scope->ex->stacks == c->stacks : of_pool)) {
            c->task = t;
            stat_add(&w->stats.started);
        } else {
            next = context_for(w, t);
            if (!next)
                next = worker_next(w);
        }
    } while (!next);
    worker_retire(w, c);
    switch_to(w, c, next);
}

void fiber_main_task(struct fiber *self)
{
    struct context *c = (struct context *)(void *)self;
    for (;;)
        fiber_turn(c);
}

/* --- the carrier ----------------------------------------------------------------- */

static void worker_ready(struct context *c)
{
    struct worker *w = c->worker;
    if (likely(worker_current == w))
        fifo_push(&w->ready, &c->run);
    else
        inbox_push(w, &c->run);
}

static void worker_ready_signal(struct context *c)
{
    /* Never the ready queue: the code that the handler interrupted may be inside it. */
    inbox_push(c->worker, &c->run);
}

static struct poller *worker_poller_choose(struct worker *w)
{
    enum io_kind kind = w->pool->io;
    if (!w->pollers[kind])
        w->pollers[kind] = poller_open(kind);
    if (!w->pollers[kind] || poller_adopt(w->pollers[kind]) < 0)
        return NULL;
    w->poller = w->pollers[kind];
    w->polls = true;
    return w->poller;
}

static struct poller *worker_poller(struct context *c)
{
    struct worker *w = c->worker;
    return likely(w->polls) ? w->poller : worker_poller_choose(w);
}

static struct closers *worker_closers(struct context *c)
{
    return &((struct worker *)c->worker)->closers;
}

const struct carrier worker_carrier = { worker_park,         worker_wait,  worker_ready,
                                        worker_ready_signal, worker_yield, worker_poller,
                                        worker_closers };
