/* sched/pool.c - what the workers of one pool share: its stacks, the tasks that came from
 * outside, and whom to wake for them.  See worker.h.  Tests: tests/pool_test.c. */
#include "base/fence.h"
#include "base/memory.h"
#include "sched/gil.h"
#include "sched/monitor.h"
#include "sched/spare.h"
#include "sched/worker.h"

/* For the sentence about a stack that ran over; called in the signal handler. */
static const char *fiber_task_name(const struct fiber *f)
{
    return task_name((const struct context *)(const void *)f);
}

int pool_init(struct pool *p, unsigned count, unsigned spares, size_t stack)
{
    memset(p, 0, sizeof *p);
    fiber_overflow_watch(fiber_task_name);
    p->count = count;
    p->room = count + spares;
    p->want = count;
    store_relaxed(&p->seats, count); /* nobody else has it yet */
    p->injected_end = &p->injected;
    list_init(&p->asleep);
    fifo_init(&p->low);
    list_init(&p->parked);
    for (int kind = 0; kind < ALONE_KINDS; kind++)
        fifo_init(&p->alone[kind].queue);
    p->worker = memory_zalloc(p->room * sizeof *p->worker);
    p->seat = spares ? spares_alloc(spares) : NULL;
    p->stacks = fiber_pool_open(stack, sizeof(struct context), fiber_main_task);
    if (p->worker && p->stacks && (p->seat || !spares))
        return 0;
    pool_fini(p);
    return why_set(-ENOMEM, "out of memory");
}

void pool_fini(struct pool *p)
{
    fiber_pool_close(p->stacks);
    memory_free(p->worker);
    memory_free(p->seat);
}

/* Between queueing from outside and the look whether anybody searches: pairs with
 * search_found and, for one worker alone, with worker_sleep. */
static void pool_injected_fence(void)
{
    fence_seqcst();
}

void pool_inject(struct pool *p, struct task *first, struct task *last, uint32_t count)
{
    latch_lock(&p->latch);
    *p->injected_end = &first->run;
    p->injected_end = &last->run.next;
    last->run.next = NULL;
    add_relaxed(&p->injections, count); /* the latch orders the list; sleepers see it
                                           through the fences in pool_notify and idle.c */
    latch_unlock(&p->latch);
    pool_injected_fence();
}

struct task *pool_injected(struct pool *p)
{
    if (!load_relaxed(&p->injections)) /* a hint; idle.c looks again before it sleeps */
        return NULL;
    latch_lock(&p->latch);
    struct runnable *r = p->injected;
    if (r) {
        p->injected = r->next;
        if (!p->injected)
            p->injected_end = &p->injected;
        sub_relaxed(&p->injections, 1);
    }
    latch_unlock(&p->latch);
    return (struct task *)(void *)r;
}

void pool_inject_low(struct pool *p, struct task *t)
{
    latch_lock(&p->latch);
    fifo_push(&p->low, &t->run);
    add_relaxed(&p->lows, 1); /* as injections */
    latch_unlock(&p->latch);
    pool_injected_fence();
}

struct task *pool_injected_low(struct pool *p)
{
    if (!load_relaxed(&p->lows)) /* as injections */
        return NULL;
    latch_lock(&p->latch);
    struct runnable *r = fifo_pop(&p->low);
    if (r)
        sub_relaxed(&p->lows, 1);
    latch_unlock(&p->latch);
    return (struct task *)(void *)r;
}

bool pool_has_tasks(const struct pool *p)
{
    if (load_relaxed(&p->injections)) /* hints, all */
        return true;
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        const struct worker *w = pool_worker(p, i);
        if (w && (!deque_seems_empty(&w->deque) || load_relaxed(&w->open_count)))
            return true;
    }
    return false;
}

void pool_notify(struct pool *p)
{
    /* Pairs with fence_heavy in worker_sleep: what we queued is seen by who falls asleep, or
     * its announcement by us.  A worker that is alone is told by pool_inject only, and its
     * fence does for both. */
    if (likely(!pool_alone(p)))
        fence_light();
    if (likely(!load_relaxed(&p->sleepers))) {
        if (unlikely(load_relaxed(&monitor_naps))) /* all are stuck: a spare is wanted */
            monitor_poke();
    } else if (!load_relaxed(&p->searching)) {
        pool_notify_slow(p);
    }
}

/* False: none sleeps. */
static bool pool_wake_searcher(struct pool *p)
{
    latch_lock(&p->latch);
    struct list *l = list_pop(&p->asleep);
    struct worker *w = l ? list_entry(l, struct worker, asleep_link) : NULL;
    if (w) {
        sub_relaxed(&p->sleepers, 1); /* the latch orders it */
        w->token = true;
    }
    latch_unlock(&p->latch);
    if (w)
        worker_rouse(w); /* worker memory stays: see struct worker */
    return w != NULL;
}

__attribute__((noinline)) void pool_notify_slow(struct pool *p)
{
    for (;;) {
        uint32_t none = 0;
        /* At most one searches; relaxed: as in search_begin. */
        if (!cas_relaxed(&p->searching, &none, 1) || pool_wake_searcher(p))
            return;
        store_relaxed(&p->searching, 0);
        fence_seqcst(); /* as in search_found: who has queued a task for one that fell asleep
                           just now, and has taken us for a searcher */
        if (!load_relaxed(&p->sleepers) || !(pool_has_tasks(p) || load_relaxed(&p->lows)))
            return;
    }
}

void pool_stat(const struct pool *p, tutti_executor_stats *out)
{
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        const struct worker *w = pool_worker(p, i);
        if (!w)
            continue;
        const struct worker_stats *s = &w->stats;
        out->started += load_relaxed(&s->started); /* counters; a moment old */
        out->switches += load_relaxed(&s->switches);
        out->parked += load_relaxed(&s->parked);
        out->stolen += load_relaxed(&s->stolen);
        out->sleeps += load_relaxed(&s->sleeps);
        out->wakes += load_relaxed(&s->wakes);
    }
    out->handed = p->gil ? gil_handed(p->gil) : 0;
    out->stacks = fiber_pool_count(p->stacks);
}
