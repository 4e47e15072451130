/* sched/threads.c - threads://: workers with threads of their own that share their tasks.
 * Tests: tests/pool_test.c. */
#include "base/memory.h"
#include "sched/culprit.h"
#include "sched/gil.h"
#include "sched/monitor.h"
#include "sched/offer.h"
#include "sched/spare.h"
#include <pthread.h>

/* Holds: pool.worker[i] is set by thread i before it counts itself in `ready`. */
struct threads {
    struct tutti_executor ex; /* first */
    struct pool pool;
    pthread_t *thread;
    unsigned started;
    _Atomic uint32_t ready;   /* futex of the opener: threads that are workers, or failed */
    _Atomic bool failed;
    _Atomic uint32_t go;      /* futex of the threads: GO_* */
};

enum { GO_WAIT, GO_RUN, GO_HOME };

struct start {
    struct threads *threads;
    unsigned index;
};

static struct threads *threads_of(const struct tutti_executor *ex)
{
    return (struct threads *)(uintptr_t)ex;
}

/* From outside; or w's deque is full. */
static __attribute__((noinline)) void threads_start_slow(struct pool *p, struct worker *w,
                                                         struct task *t)
{
    if (w && w->pool == p && load_relaxed(&w->takes)) { /* else it would stay there */
        while (!deque_push(&w->deque, t)) {
            struct task *last;
            uint32_t count;
            struct task *first = deque_spill(&w->deque, &last, &count);
            if (first)
                pool_inject(p, first, last, count);
        }
    } else {
        pool_inject(p, t, t, 1);
    }
    pool_notify(p);
}

/* One of which something is to be expected begins alone.  False: nothing, or it cannot. */
static __attribute__((noinline)) bool threads_start_expected(struct pool *p, struct task *t)
{
    int kind = p->room > p->count ? culprit_kind(t) : -1;
    return kind >= 0 && spare_start(p, t, kind);
}

/* What threads_start finds in its way. */
static __attribute__((noinline)) void threads_start_any(struct pool *p, struct worker *w,
                                                        struct task *t)
{
    if (!load_relaxed(&culprit_any) || !threads_start_expected(p, t)) /* as there */
        threads_start_slow(p, w, t);
}

static void threads_start(struct tutti_executor *ex, struct task *t)
{
    struct pool *p = &threads_of(ex)->pool;
    struct worker *w = worker_current;
    /* relaxed, both: told a moment late, one begins as it did before */
    if (unlikely(load_relaxed(&culprit_any) || !w || w->pool != p || !load_relaxed(&w->takes)
                 || !deque_push(&w->deque, t)))
        threads_start_any(p, w, t);
    else if (!pool_alone(p)) /* else who would hear of it is starting it */
        offer(w);
}

static void threads_start_other(struct tutti_executor *ex, struct task *t, unsigned flags)
{
    struct pool *p = &threads_of(ex)->pool;
    if (flags & TUTTI_ALONE && spare_start(p, t, ALONE_BLOCKS))
        return;
    if (load_relaxed(&culprit_any) && threads_start_expected(p, t)) /* as in threads_start */
        return;
    if (flags & TUTTI_LOW) {
        pool_inject_low(p, t);
        pool_notify(p);
    } else {
        threads_start(ex, t);
    }
}

static bool threads_carries(const struct tutti_executor *ex, const struct context *c)
{
    const struct worker *w = c->carrier == &worker_carrier ? c->worker : NULL;
    return w && w->pool == &threads_of(ex)->pool && c != w->root;
}

static void threads_stat(const struct tutti_executor *ex, tutti_executor_stats *out)
{
    pool_stat(&threads_of(ex)->pool, out);
}

static void *thread_main(void *arg)
{
    struct start *start = arg;
    struct threads *t = start->threads;
    struct worker *w = worker_attach(&t->pool, start->index, true);
    memory_free(start);
    if (w)
        store_relaxed(&t->pool.worker[w->index], w); /* `ready` and `go` order it */
    else
        store_relaxed(&t->failed, true); /* `ready` orders it */
    add_release(&t->ready, 1); /* pairs with threads_wait_ready; t stays until we end */
    futex_wake(&t->ready, 1);
    /* Nobody runs tasks, and so looks at its fellows, before all are there. */
    while (load_acquire(&t->go) == GO_WAIT) /* pairs with threads_let_go */
        futex_wait(&t->go, GO_WAIT, CLOCK_NEVER);
    if (!w)
        return NULL;
    if (load_relaxed(&t->go) == GO_HOME) { /* as it was seen above */
        worker_detach(w);
        return NULL;
    }
    worker_work(w);
    worker_detach(w);
    return NULL;
}

static int thread_spawn(struct threads *t, unsigned index)
{
    struct start *start = memory_alloc(sizeof *start);
    if (!start)
        return -ENOMEM;
    *start = (struct start){ t, index };
    int rc = worker_thread(&t->thread[index], thread_main, start);
    if (rc)
        memory_free(start);
    return rc;
}

static void threads_let_go(struct threads *t, uint32_t where)
{
    store_release(&t->go, where); /* pairs with thread_main: it sees all workers */
    futex_wake(&t->go, INT32_MAX);
}

static void threads_join(struct threads *t)
{
    for (unsigned i = 0; i < t->started; i++)
        pthread_join(t->thread[i], NULL);
    for (uint32_t i = 0; i < pool_seats(&t->pool); i++) {
        struct worker *w = pool_worker(&t->pool, i);
        if (w)
            worker_free(w);
    }
}

static void threads_free(struct threads *t)
{
    if (t->pool.gil)
        gil_close(t->pool.gil);
    pool_fini(&t->pool);
    memory_free(t->thread);
}

static void threads_close(struct tutti_executor *ex)
{
    struct threads *t = threads_of(ex);
    monitor_leave(&t->pool); /* nobody begins or ends spares from here on */
    for (unsigned i = 0; i < t->started; i++)
        worker_quit(pool_worker(&t->pool, i));
    spares_end(&t->pool);
    threads_join(t);
    threads_free(t);
}

static void threads_look(struct tutti_executor *ex)
{
    struct pool *p = &threads_of(ex)->pool;
    workers_look(p->worker, pool_seats(p));
}

static const struct executor_ops threads_ops = { .start = threads_start,
                                                 .start_other = threads_start_other,
                                                 .carries = threads_carries,
                                                 .look = threads_look,
                                                 .stat = threads_stat,
                                                 .close = threads_close };

/* All threads have counted themselves.  0, or what went wrong. */
static int threads_wait_ready(struct threads *t)
{
    uint32_t seen;
    while ((seen = load_acquire(&t->ready)) < t->started) /* pairs with thread_main */
        futex_wait(&t->ready, seen, CLOCK_NEVER);
    return load_relaxed(&t->failed) ? -ENOMEM : 0; /* `ready` ordered it */
}

static int threads_begin(struct threads *t, bool lock)
{
    unsigned n = t->pool.count;
    t->thread = memory_zalloc(n * sizeof *t->thread);
    if (!t->thread || (lock && !(t->pool.gil = gil_open())))
        return why_set(-ENOMEM, "out of memory");
    int rc = 0;
    while (t->started < n && (rc = thread_spawn(t, t->started)) == 0)
        t->started++;
    int failed = threads_wait_ready(t);
    rc = rc ? rc : failed;
    threads_let_go(t, rc ? GO_HOME : GO_RUN);
    if (rc) {
        threads_join(t);
        why_set(rc, "%s: thread %u of %u could not be started", tutti_strerror(rc),
                t->started + 1, n);
    }
    return rc;
}

struct tutti_executor *threads_open(unsigned workers, unsigned spares, size_t stack,
                                    bool lock, enum io_kind io, int *rc)
{
    struct threads *t = memory_aligned(64, sizeof *t);
    *rc = t ? 0 : why_set(-ENOMEM, "out of memory");
    if (t)
        *rc = pool_init(&t->pool, workers, lock ? 0 : spares, stack);
    if (*rc) {
        memory_free(t);
        return NULL;
    }
    t->pool.io = io;
    t->ex.ops = &threads_ops;
    store_relaxed(&t->ex.workers, workers); /* nobody else has it yet */
    t->ex.stacks = t->pool.stacks;
    *rc = threads_begin(t, lock);
    if (*rc) {
        threads_free(t);
        memory_free(t);
        return NULL;
    }
    if (!lock)
        monitor_enter(&t->pool);
    return &t->ex;
}

void threads_follow(struct tutti_executor *ex)
{
    monitor_follow(&threads_of(ex)->pool, &ex->workers);
}

void threads_set_doze(struct tutti_executor *ex, pool_doze *doze, void *ctx)
{
    struct pool *p = &threads_of(ex)->pool;
    p->doze_ctx = ctx;
    store_release(&p->doze, doze); /* pairs with worker_doze */
}
