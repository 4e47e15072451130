/* sched/loop.c - loop://: tasks that take turns on the opener's thread; and sim://, the same
 * in an order drawn from a seed.  Tests: tests/executor_test.c, tests/sim_test.c. */
#include "base/memory.h"
#include "sched/monitor.h"
#include "sched/pool.h"
#include "sched/worker.h"

/* Tasks bound to one worker: the opener's thread, made a worker if it is none yet.  Several
 * loops of one thread share its worker and take turns. */
struct loop {
    struct tutti_executor ex; /* first */
    _Atomic(struct worker *) worker; /* changes before others learn of it */
};

static struct loop *loop_of(const struct tutti_executor *ex)
{
    return (struct loop *)(uintptr_t)ex;
}

static struct worker *loop_worker(const struct tutti_executor *ex)
{
    return load_relaxed(&loop_of(ex)->worker); /* who has ex has learnt of it */
}

static void loop_start(struct tutti_executor *ex, struct task *t)
{
    t->run.is_bound = true;
    worker_push(loop_worker(ex), &t->run);
}

static bool loop_carries(const struct tutti_executor *ex, const struct context *c)
{
    return c->task && c->home->ex == ex;
}

static void loop_stat(const struct tutti_executor *ex, tutti_executor_stats *out)
{
    struct loop *l = loop_of(ex);
    struct pool one = { .seats = 1, .worker = &l->worker, .stacks = l->ex.stacks };
    pool_stat(&one, out);
}

static int loop_may_close(const struct tutti_executor *ex)
{
    if (worker_current != loop_worker(ex))
        return why_set(-EPERM, "%s: only the thread that opened a loop may close it",
                       ex->url);
    return 0;
}

static void loop_close(struct tutti_executor *ex)
{
    struct loop *l = loop_of(ex);
    struct worker *w = loop_worker(ex);
    worker_await_nudgers(w);
    worker_settle(w);
    if (--w->users == 0) {
        struct pool *p = w->pool;
        monitor_leave(p);
        if (w->sim)
            sim_end(w);
        worker_detach(w);
        worker_free(w);
        pool_fini(p);
        memory_free(p);
    }
    fiber_pool_close(l->ex.stacks);
}

static void loop_look(struct tutti_executor *ex)
{
    workers_look(&loop_of(ex)->worker, 1);
}

static const struct executor_ops loop_ops = { .start = loop_start,
                                              .carries = loop_carries,
                                              .look = loop_look,
                                              .stat = loop_stat,
                                              .may_close = loop_may_close,
                                              .close = loop_close };

/* Make the calling thread a worker. */
static int loop_attach(struct loop *l, size_t stack, enum io_kind io)
{
    struct pool *p = memory_zalloc(sizeof *p);
    int rc = p ? pool_init(p, 1, 0, stack) : why_set(-ENOMEM, "out of memory");
    struct worker *w = rc ? NULL : worker_attach(p, 0, true);
    if (rc == 0 && !w) {
        pool_fini(p);
        rc = why_set(-ENOMEM, "out of memory");
    }
    if (rc) {
        memory_free(p);
        return rc;
    }
    p->io = io;
    store_relaxed(&p->worker[0], w); /* others learn of the loop after this */
    store_relaxed(&l->worker, w);
    p->loop = true;
    monitor_enter(p);
    return 0;
}

/* Another loop on w: they share its poller. */
static int loop_join(struct loop *l, struct worker *w, enum io_kind io)
{
    if (io != IO_ANY && w->pool->io != io) {
        if (w->pool->io != IO_ANY || w->polls)
            return why_set(-EBUSY, "the loops of one thread share how they wait for "
                           "descriptors, and one was opened with another io=");
        w->pool->io = io;
    }
    store_relaxed(&l->worker, w); /* as in loop_attach */
    w->users++;
    return 0;
}

struct tutti_executor *loop_open(size_t stack, enum io_kind io, int *rc)
{
    struct loop *l = memory_aligned(64, sizeof *l);
    *rc = l ? 0 : why_set(-ENOMEM, "out of memory");
    if (!l)
        return NULL;
    l->ex.stacks = fiber_pool_open(stack, sizeof(struct context), fiber_main_task);
    if (!l->ex.stacks)
        *rc = why_set(-ENOMEM, "out of memory");
    else if (worker_current)
        *rc = loop_join(l, worker_current, io);
    else
        *rc = loop_attach(l, stack, io);
    if (*rc) {
        fiber_pool_close(l->ex.stacks);
        memory_free(l);
        return NULL;
    }
    l->ex.ops = &loop_ops;
    store_relaxed(&l->ex.workers, 1); /* nobody else has it yet */
    return &l->ex;
}

struct tutti_executor *loop_open_sim(uint64_t seed, size_t stack, int *rc)
{
    if (worker_current) {
        *rc = why_set(-EBUSY, "sim:// needs a thread that no executor uses yet: its time "
                      "would become theirs");
        return NULL;
    }
    sim_clock_begin(); /* the worker's timers begin with its time */
    struct tutti_executor *ex = loop_open(stack, IO_EPOLL, rc);
    if (ex)
        sim_begin(worker_current, seed, ex->stacks);
    else
        clock_sim = 0;
    return ex;
}
