/* sched/pool.c - threads://: workers with threads of their own that share their tasks.
 * Tests: tests/pool_test.c. */
#include "sched/pool.h"
#include "base/fence.h"
#include "base/memory.h"
#include "sched/culprit.h"
#include "sched/gil.h"
#include "sched/monitor.h"
#include "sched/offer.h"
#include "sched/spare.h"
#include <pthread.h>
#include <signal.h>

/* --- what workers share -------------------------------------------------------- */

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

void pool_inject(struct pool *p, struct task *first, struct task *last, uint32_t count)
{
    latch_lock(&p->latch);
    *p->injected_end = &first->run;
    p->injected_end = &last->run.next;
    last->run.next = NULL;
    add_relaxed(&p->injections, count); /* the latch orders the list; sleepers see it
                                           through the fences in pool_notify and idle.c */
    latch_unlock(&p->latch);
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

__attribute__((noinline)) void pool_notify_slow(struct pool *p)
{
    uint32_t none = 0;
    if (cas_seqcst(&p->searching, &none, 1)) /* at most one searches */
        pool_wake_searcher(p);
}

void pool_notify(struct pool *p)
{
    /* Pairs with the fences in worker_sleep: what we queued is seen by who falls asleep, or
     * its announcement by us. */
    if (unlikely(pool_alone(p)))
        fence_seqcst();
    else
        fence_light();
    if (unlikely(load_relaxed(&p->sleepers) && !load_relaxed(&p->searching)))
        pool_notify_slow(p);
}

void pool_wake_searcher(struct pool *p)
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
    else
        store_seqcst(&p->searching, 0);
}

/* --- the executor ---------------------------------------------------------------- */

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

static void threads_start(struct tutti_executor *ex, struct task *t)
{
    struct pool *p = &threads_of(ex)->pool;
    struct worker *w = worker_current;
    /* relaxed, both: told a moment late, one begins as it did before */
    if (unlikely(load_relaxed(&culprit_any)) && threads_start_expected(p, t))
        return;
    if (unlikely(!w || w->pool != p || !load_relaxed(&w->takes) || !deque_push(&w->deque, t)))
        threads_start_slow(p, w, t);
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

static void pool_stat(const struct pool *p, tutti_executor_stats *out)
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
        store_release(&t->pool.worker[w->index], w); /* `ready` and `go` order it as well */
    else
        store_relaxed(&t->failed, true); /* `ready` orders it */
    add_release(&t->ready, 1); /* pairs with threads_wait_ready; t stays until we end */
    futex_wake(&t->ready, 1);
    /* Nobody runs tasks, and so looks at its fellows, before all are there. */
    while (load_acquire(&t->go) == GO_WAIT) /* pairs with threads_let_go */
        futex_wait(&t->go, GO_WAIT, CLOCK_NEVER);
    if (!w)
        return NULL;
    if (load_acquire(&t->go) == GO_HOME) {
        worker_detach(w);
        return NULL;
    }
    worker_work(w);
    worker_detach(w);
    return NULL;
}

void worker_work(struct worker *w)
{
    struct gil *gil = w->pool->gil;
    if (gil)
        gil_acquire(gil);
    struct context *root = w->root;
    uint64_t ticket = wait_prepare(root, "the end of its executor", w->pool);
    root->carrier->park(root, ticket, CLOCK_NEVER); /* until quit */
    wait_abandon(root, ticket);
    if (gil)
        gil_release(gil);
}

int worker_thread(pthread_t *thread, void *(*main)(void *), void *arg)
{
    sigset_t all, kept;
    sigfillset(&all); /* the program's signals go to the program's threads */
    sigdelset(&all, SIGURG);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGPROF);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    int rc = fault_now() ? EAGAIN : pthread_create(thread, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return rc ? -EAGAIN : 0;
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
    t->ex.workers = workers;
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

/* --- loop:// --------------------------------------------------------------------- */

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
    l->ex.workers = 1;
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
        sim_begin(worker_current, seed);
    else
        clock_sim = 0;
    return ex;
}
