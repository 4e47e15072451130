/* sched/worker.c - the worker's own side: choosing what is next, switching, parking.  See
 * worker.h.  How it sleeps is in idle.c.  Tests: tests/pool_test.c, tests/executor_test.c. */
#include "sched/worker.h"
#include "base/fence.h"
#include "base/memory.h"
#include "base/race.h"
#include "sched/monitor.h"
#include "sched/offer.h"
#include "sched/spare.h"
#include "sched/strand.h"
#include "sched/urgent.h"
#include <assert.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdlib.h>

enum {
    LOW_EVERY = 32,  /* so often the low class goes first; a multiple of FAIR_EVERY */
    FAIR_EVERY = 16, /* so often tasks not begun go before contexts that are ready */
    TIME_EVERY = 4,  /* so often the clock is read for armed timers: it costs 20 ns */
    POLL_EVERY = 64, /* so often descriptors are looked at though there is work */
    LINGER = 200,    /* pauses, some 2 us: what an answer from another worker takes */
    LINGER_VAIN = 4, /* so often in a row for nothing, and it is seldom tried again */
    LINGER_AGAIN = 16
};

_Thread_local struct worker *worker_current;

static struct context *context_of(struct runnable *r)
{
    return list_entry(r, struct context, run);
}

/* --- wakes ----------------------------------------------------------------- */

/* The caller has counted itself in nudgers: seq_cst there and here pairs with the fence in
 * worker_await_nudgers, before which the strand was taken out of `running`: either the
 * count is seen there, or the NULL here. */
static void nudge_counted(struct worker *w)
{
    struct strand *s = load_seqcst(&w->running); /* acquire in it: pairs with strand_enter */
    if (s)
        store_relaxed(&s->trip, 0); /* a hint to its next fork */
    sub_release(&w->nudgers, 1); /* pairs with worker_await_nudgers: s was used before */
}

/* Count up `looks` where something forks; is there such? */
static bool worker_look(struct worker *w)
{
    if (!w || !load_seqcst(&w->forks)) /* pairs with strand_begin, which looks after it */
        return false;
    add_seqcst(&w->looks, 1);
    return true;
}

void workers_look(_Atomic(struct worker *) *w, unsigned count)
{
    bool any = false;
    /* acquire, here and below: pairs with spare_main: the worker is made.  One that is not
     * there yet has not begun what is over. */
    for (unsigned i = 0; i < count; i++)
        any |= worker_look(load_acquire(&w[i]));
    if (likely(!any))
        return;
    fence_heavy(); /* pairs with fence_light in strand_enter: either `looks` has moved
                      there, or `running` is seen here */
    for (unsigned i = 0; i < count; i++) {
        struct worker *v = load_acquire(&w[i]);
        if (v && load_relaxed(&v->running)) {
            add_seqcst(&v->nudgers, 1);
            nudge_counted(v);
        }
    }
}

void worker_await_nudgers(struct worker *w)
{
    fence_seqcst(); /* see nudge_counted */
    while (load_acquire(&w->nudgers))
        sched_yield();
}

static void inbox_push(struct worker *w, struct runnable *r)
{
    struct runnable *head = load_relaxed(&w->inbox); /* the CAS decides */
    /* A hint: what begins to fork right now looks at the inbox itself. */
    bool nudge = unlikely(load_relaxed(&w->running) != NULL);
    if (nudge)
        add_seqcst(&w->nudgers, 1); /* before r can run, and its executor be closed */
    do {
        r->next = head;
        /* seq_cst: pairs with worker_sleep, which sets `sleeping` and then looks at the
         * inbox, while we set the inbox and then look at `sleeping`. */
    } while (!cas_seqcst(&w->inbox, &head, r));
    if (nudge)
        nudge_counted(w); /* its next fork gives way to r */
    worker_rouse(w);
}

bool worker_urgent(void)
{
    struct worker *w = worker_current;
    uint32_t asked = SHARE_ASKED;
    /* relaxed: the monitor asks and looks again; what is published has its own order */
    if (!w || !cas_relaxed(&w->share, &asked, SHARE_LATER))
        return false;
    race_own(); /* what the code that is stopped here could read and write */
    if (strand_interrupt(w))
        store_relaxed(&w->share, SHARE_DONE); /* as above */
    race_disown();
    return true;
}

void worker_rouse(struct worker *w)
{
    if (load_seqcst(&w->sleeping) == AWAKE) /* see inbox_push */
        return;
    uint32_t how = swap_acqrel(&w->sleeping, AWAKE); /* one of several wakers gets it */
    if (how == ASLEEP_POLLER)
        poller_interrupt(w->poller);
    else if (how == ASLEEP_FUTEX)
        futex_wake(&w->sleeping, 1);
    if (how != AWAKE && worker_current)
        stat_add(&worker_current->stats.wakes);
}

static void queue_push(struct worker *w, struct runnable *r)
{
    fifo_push(unlikely(r->is_low) ? &w->low : r->is_task ? &w->bound : &w->ready, r);
}

void worker_push(struct worker *w, struct runnable *r)
{
    if (worker_current == w)
        queue_push(w, r);
    else
        inbox_push(w, r);
}

static void worker_drain(struct worker *w)
{
    if (likely(!load_relaxed(&w->inbox))) /* a hint; worker_sleep looks again */
        return;
    /* acquire: pairs with inbox_push; what the waker wrote is seen */
    struct runnable *r = swap_acquire(&w->inbox, NULL), *oldest = NULL;
    while (r) { /* it is last in, first out: turn it round */
        struct runnable *next = r->next;
        r->next = oldest;
        oldest = r;
        r = next;
    }
    while (oldest) {
        struct runnable *next = oldest->next;
        queue_push(w, oldest);
        oldest = next;
    }
}

/* --- timers and descriptors -------------------------------------------------- */

/* One timed park; lives on the parked stack. */
struct park_timer {
    struct wheel_timer timer;
    struct context *c;
    uint64_t ticket;
};

void worker_fire(struct worker *w)
{
    if (w->wheel.count) {
        int64_t now = clock_now();
        struct wheel_timer *t;
        while ((t = wheel_pop(&w->wheel, now))) {
            struct park_timer *p = list_entry(t, struct park_timer, timer);
            if (wait_claim(p->c, p->ticket))
                wait_wake(p->c, WAIT_TIME);
        }
    }
    if (w->poller && poller_busy(w->poller) && load_relaxed(&w->tick) % POLL_EVERY == 0)
        poller_run(w->poller, 0);
}

/* --- what is next ------------------------------------------------------------ */

/* A call forked by one that is switched out: it may be what others wait for. */
static struct runnable *worker_take_call(struct worker *w)
{
    if (unlikely(!list_empty(&w->stash)) && stash_share(w))
        pool_notify(w->pool);
    return strand_steal(w, w);
}

/* One from outside, where such may begin. */
static struct task *worker_injected(struct worker *w)
{
    /* relaxed: told a moment late it takes one too many */
    return likely(load_relaxed(&w->takes)) ? pool_injected(w->pool) : NULL;
}

/* A task to begin: one of a loop, one started here, one from outside. */
static struct runnable *worker_take_task(struct worker *w)
{
    struct runnable *r = fifo_pop(&w->bound);
    if (r)
        return r;
    struct task *t = deque_pop(&w->deque);
    if (unlikely(w->offered))
        offer_turn(w);
    if (!t)
        t = worker_injected(w);
    return t ? &t->run : worker_take_call(w);
}

struct runnable *worker_take_low(struct worker *w)
{
    struct runnable *r = fifo_pop(&w->low);
    if (r || !load_relaxed(&w->takes)) /* as in worker_injected */
        return r;
    struct task *t = pool_injected_low(w->pool);
    return t ? &t->run : NULL;
}

/* What was begun goes on before anything new begins: it may be about to cancel the rest, and
 * fewer stacks are in use at once.  But now and then it is the other way round, so that two
 * who yield to each other keep nobody from beginning. */
static __attribute__((noinline)) struct runnable *worker_take_fair(struct worker *w)
{
    bool seldom = load_relaxed(&w->tick) % (FAIR_EVERY * 4) == 0; /* ours */
    if (unlikely(!load_relaxed(&w->takes))) /* a hint */
        spare_turn(w);
    if (seldom && w->closers.count)
        closers_settle(&w->closers, false);
    if (load_relaxed(&w->tick) % LOW_EVERY == 0) { /* ours */
        struct runnable *low = worker_take_low(w);
        if (low)
            return low;
    }
    struct task *t = seldom ? worker_injected(w) : NULL;
    struct runnable *r = t ? &t->run : seldom ? worker_take_call(w) : NULL;
    return r ? r : worker_take_task(w);
}

/* What is not to be looked at each time.  NULL: nothing that must go first. */
static struct runnable *worker_attend(struct worker *w)
{
    uint32_t tick = load_relaxed(&w->tick); /* ours */
    worker_drain(w);
    if (unlikely(w->sim != 0))
        return sim_take(w);
    if (tick % TIME_EVERY == 0)
        worker_fire(w);
    return tick % FAIR_EVERY == 0 ? worker_take_fair(w) : NULL;
}

/* A new turn: is there more to look at than what is ready? */
static inline bool worker_turn(struct worker *w)
{
    uint32_t tick = load_relaxed(&w->tick) + 1; /* ours; the monitor only compares */
    store_relaxed(&w->tick, tick);
    /* relaxed: a hint, as in worker_drain */
    return unlikely(load_relaxed(&w->inbox) || tick % FAIR_EVERY == 0
                    || (w->wheel.count && tick % TIME_EVERY == 0));
}

struct runnable *worker_take(struct worker *w)
{
    struct runnable *r = worker_turn(w) ? worker_attend(w) : NULL;
    if (!r)
        r = fifo_pop(&w->ready);
    if (!r)
        r = worker_take_task(w);
    if (unlikely(!r && w->closers.count)) { /* we may sleep next */
        closers_settle(&w->closers, true);
        r = fifo_pop(&w->ready);
    }
    /* relaxed: a hint.  What others have that goes first, worker_idle will find. */
    if (!r && (w->low.head || load_relaxed(&w->pool->lows)) && !pool_has_tasks(w->pool))
        r = worker_take_low(w);
    return r;
}

/* Does anybody fork?  Then there is something to steal rather than to wait for. */
static bool pool_forks(const struct pool *p)
{
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        const struct worker *w = pool_worker(p, i);
        if (w && load_relaxed(&w->asked)) /* a hint */
            return true;
    }
    return false;
}

/* Nothing to do.  Where two workers answer each other, the answer is there before either
 * could fall asleep and be woken, which takes a hundred times as long; and before there is
 * anything to steal.  So wait for it a moment, where that has been of use lately. */
static struct runnable *worker_linger(struct worker *w)
{
    if (w->pool->gil || w->poller
        || (w->lingered >= LINGER_VAIN && ++w->lingered % LINGER_AGAIN)
        || pool_forks(w->pool))
        return NULL;
    for (int i = 0; i < LINGER; i++) {
        if (load_relaxed(&w->inbox)) { /* a hint, as in worker_drain */
            w->lingered = 0;
            return worker_take(w);
        }
        spin_pause();
    }
    w->lingered++;
    return NULL;
}

/* What is next, waiting for it. */
static inline struct runnable *worker_await(struct worker *w)
{
    struct runnable *r = worker_take(w);
    if (unlikely(!r) && !(r = worker_linger(w)))
        r = worker_idle(w);
    return r;
}

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

static inline void worker_settle(struct worker *w)
{
    struct context *c = w->leaving;
    if (unlikely(c != NULL)) {
        w->leaving = NULL;
        fiber_put(c->stacks, &c->fiber);
    }
}

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
    worker_settle(from->worker);
}

/* The same for one that was begun and goes on: on this thread, so it may be inlined. */
static inline void switch_here(struct worker *w, struct context *from, struct context *to)
{
    if (from == to)
        return;
    context_current = to;
    stat_add(&w->stats.switches);
    fiber_switch_here(&from->fiber, &to->fiber);
    worker_settle(from->worker);
}

/* Leave c, which is in some queue or somebody's list, for whoever is next. */
static inline __attribute__((always_inline)) void worker_leave(struct worker *w, struct context *c)
{
    struct context *next;
    stat_add(&w->stats.parked);
    if (unlikely(!c->stacks)) /* the root: from outside back to work */
        monitor_heed();
    if (unlikely(c->strand != NULL))
        strand_leave(c);
    if (worker_turn(w) || !w->ready.head) {
        store_relaxed(&w->tick, load_relaxed(&w->tick) - 1); /* it counts again */
        next = worker_next(w);
    } else {
        next = context_of(fifo_pop(&w->ready));
    }
    switch_here(w, c, next);
    if (unlikely(c->strand != NULL))
        strand_resume(c);
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

/* Once more, with all that has to be looked at. */
static __attribute__((noinline)) struct context *worker_yield_next(struct worker *w,
                                                                   struct context *c)
{
    queue_push(w, &c->run);
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

static void worker_yield(struct context *c)
{
    struct worker *w = c->worker;
    struct context *next;
    if (unlikely(c->strand != NULL))
        strand_leave(c);
    if (worker_turn(w) || unlikely(c->run.is_low)) {
        next = worker_yield_next(w, c);
    } else if (w->ready.head) {
        next = context_of(fifo_pop(&w->ready));
        fifo_push(&w->ready, &c->run);
    } else {
        next = c;
    }
    switch_here(w, c, next);
    if (unlikely(c->strand != NULL))
        strand_resume(c);
}

void worker_give_way(struct context *c)
{
    struct worker *w = c->worker;
    worker_drain(w);
    if (w->ready.head)
        worker_yield(c);
}

/* An ended fiber keeps its stack for the next task; beyond some, it goes to the pool, but
 * only after it has been left, lest another thread takes it while it still runs. */
static inline void worker_retire(struct worker *w, struct context *c)
{
    if (c->stacks == w->pool->stacks && w->spares < WORKER_SPARES)
        worker_context_back(w, c);
    else
        w->leaving = c;
}

/* One task after the other, each a plain call on this stack, until something else must go
 * on; back when there is a next task in c->task.  Closed to inlining: see switch_to. */
closed_call static void fiber_turn(struct context *c)
{
    struct worker *w = c->worker;
    struct context *next = NULL;
    bool of_pool = c->stacks == w->pool->stacks;
    do {
        store_relaxed(&w->live, load_relaxed(&w->live) + 1); /* one writer; a hint to others */
        if (unlikely(c->call != NULL))
            strand_call(c);
        else
            task_run(c, c->task);
        store_relaxed(&w->live, load_relaxed(&w->live) - 1); /* as above */
        if (unlikely(c->strand != NULL))
            strand_end(c);
        if (unlikely(c->locks)) { /* it stays their holder, and does nothing else */
            switch_to(w, c, worker_next(w));
            abort();
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
    worker_settle(c->worker);
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

const struct carrier worker_carrier = { worker_park,  worker_ready,  worker_ready_signal,
                                        worker_yield, worker_poller, worker_closers };

/* --- beginning and end ------------------------------------------------------------- */

static struct latch free_latch;
static struct worker *free_workers; /* under the latch; see struct worker */

static struct worker *worker_alloc(void)
{
    latch_lock(&free_latch);
    struct worker *w = free_workers;
    if (w)
        free_workers = w->next_free;
    latch_unlock(&free_latch);
    return w ? w : memory_aligned(64, sizeof *w);
}

struct worker *worker_attach(struct pool *p, unsigned index, bool takes)
{
    struct worker *had = pool_worker(p, index), *w = had ? had : worker_alloc();
    if (!w || fiber_thread_begin() < 0) {
        if (w && !had)
            worker_free(w);
        return NULL;
    }
    struct context *root = context_self();
    w->pool = p;
    w->root = root;
    fifo_init(&w->ready);
    fifo_init(&w->bound);
    fifo_init(&w->low);
    w->offered = 0;
    w->spare = NULL;
    w->spares = w->lingered = 0;
    store_relaxed(&w->live, 0); /* this and `tick` are ours to write */
    w->polls = false;
    w->sim = 0;
    w->leaving = NULL;
    list_init(&w->closers.list);
    w->closers.count = 0;
    list_init(&w->stash);
    list_init(&w->open_bound);
    list_init(&w->open);
    store_relaxed(&w->asked, NULL); /* nobody asks before the pool is open */
    store_relaxed(&w->running, NULL);
    w->index = index;
    w->deque.alone = pool_alone(p);
    w->users = 1;
    w->seed = index * 2654435761u + 1;
    wheel_init(&w->wheel, clock_now());
    if (!had)
        memset(&w->stats, 0, sizeof w->stats);
    store_relaxed(&w->quit, false); /* the thread that sets it learns of w after this */
    store_relaxed(&w->takes, takes); /* as `quit` */
    w->tid = (int)syscall(SYS_gettid);
    pthread_getcpuclockid(pthread_self(), &w->cpu_clock);
    w->current = &context_current;
    memset(&w->watch, 0, sizeof w->watch);
    w->parked_link.next = NULL; /* it may have rested when its pool was closed */
    store_relaxed(&w->gift, NULL); /* nobody gives before it rests */
    store_relaxed(&w->alone, 0);   /* as above */
    w->alone_key = NULL;
    store_relaxed(&w->share, SHARE_NONE); /* as above */
    worker_current = w;
    fiber_adopt(&root->fiber);
    root->carrier = &worker_carrier;
    root->worker = w;
    root->stacks = NULL;
    return w;
}

void worker_detach(struct worker *w)
{
    struct context *root = w->root;
    while (w->spare) {
        struct fiber *f = w->spare;
        w->spare = f->next;
        fiber_put(w->pool->stacks, f);
    }
    assert(w->closers.count == 0);
    assert(w->wheel.count == 0 && list_empty(&w->stash) && list_empty(&w->open));
    worker_await_nudgers(w);
    root->carrier = &thread_carrier;
    root->worker = NULL;
    fiber_adopt_end(&root->fiber);
    fiber_thread_end();
    worker_current = NULL;
}

void worker_quit(struct worker *w)
{
    if (!w)
        return;
    /* seq_cst: pairs with worker_sleep, which sets `sleeping` and then looks at quit, while
     * worker_rouse looks at `sleeping` after this. */
    store_seqcst(&w->quit, true);
    worker_rouse(w);
}

void worker_set_takes(struct worker *w, bool takes)
{
    store_seqcst(&w->takes, takes); /* as in worker_quit */
    worker_rouse(w);
}

void worker_free(struct worker *w)
{
    latch_lock(&free_latch);
    w->next_free = free_workers;
    free_workers = w;
    latch_unlock(&free_latch);
}

static void worker_after_fork(void)
{
    free_latch = (struct latch){ 0 };
    free_workers = NULL;
    worker_current = NULL;
}

__attribute__((constructor)) static void worker_begin(void)
{
    fork_watch(worker_after_fork);
}
