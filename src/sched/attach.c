/* sched/attach.c - how a thread becomes a worker and stops being one, and where workers
 * that can be reused are kept.  See worker.h.  Tests: tests/pool_test.c. */
#include "base/launch.h"
#include "base/memory.h"
#include "base/slice.h"
#include "sched/worker.h"
#include "sched/gil.h"
#include <assert.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

_Thread_local struct worker *worker_current;

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

/* As a worker is that has run nothing yet.  Nobody else knows of it: the pool does when it is
 * open or, for a spare, when this has begun; the monitor when it is told. */
static void worker_blank(struct worker *w, struct pool *p, unsigned index, bool takes)
{
    w->pool = p;
    w->index = index;
    w->deque.alone = pool_alone(p);
    fifo_init(&w->ready);
    fifo_init(&w->bound);
    fifo_init(&w->low);
    w->offered = 0;
    w->spare = NULL;
    w->spares = w->lingered = w->vain = 0;
    w->due = load_relaxed(&w->tick) + 1;
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
    w->users = 1;
    w->seed = index * 2654435761u + 1;
    w->time_mask = 0; /* each turn, until the first look */
    w->fired_at = clock_now();
    wheel_init(&w->wheel, w->fired_at);
    store_relaxed(&w->quit, false); /* the thread that sets it learns of w after this */
    store_relaxed(&w->takes, takes); /* as `quit` */
    store_relaxed(&w->outside, true); /* the monitor learns of w after this */
    memset(&w->watch, 0, sizeof w->watch);
    w->parked_link.next = NULL; /* it may have rested when its pool was closed */
    store_relaxed(&w->gift, NULL); /* nobody gives before it rests */
    store_relaxed(&w->alone, 0);   /* as above */
    w->alone_key = NULL;
    store_relaxed(&w->share, SHARE_NONE); /* as above */
    w->dry = (struct dry){ 0 };
    store_relaxed(&w->timed, false); /* as above */
}

struct worker *worker_attach(struct pool *p, unsigned index, bool takes)
{
    struct worker *had = pool_worker(p, index), *w = had ? had : worker_alloc();
    if (!w || fiber_thread_begin() < 0) {
        if (w && !had)
            worker_free(w);
        return NULL;
    }
    worker_blank(w, p, index, takes);
    if (!had)
        memset(&w->stats, 0, sizeof w->stats);
    w->tid = (int)syscall(SYS_gettid);
    pthread_getcpuclockid(pthread_self(), &w->cpu_clock);
    w->current = &context_current;
    worker_current = w;
    struct context *root = w->root = context_self();
    fiber_adopt(&root->fiber);
    root->carrier = &worker_carrier;
    root->worker = w;
    root->stacks = NULL;
    root->heavy = true;
    return w;
}

void worker_work(struct worker *w)
{
    w->brisk = true;
    slice_set(SLICE_SHORT); /* who waits for a worker waits for all that is parked there */
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
    static const int heard[] = { SIGURG,  SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGSYS, SIGTRAP, SIGPROF, 0 };
    int rc = thread_launch(thread, NULL, heard, main, arg);
    return rc ? -EAGAIN : 0;
}

void worker_detach(struct worker *w)
{
    struct context *root = w->root;
    worker_settle(w);
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
    root->heavy = false;
    fiber_adopt_end(&root->fiber);
    fiber_thread_end();
    worker_current = NULL;
}

void worker_quit(struct worker *w)
{
    if (!w)
        return;
    /* seq_cst: pairs with worker_sleep, which sets `sleeping`, passes a fence and looks at
     * quit, while worker_rouse looks at `sleeping` after this. */
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

/* Those that can be reused are, but for their pollers, which were the parent's. */
static void worker_after_fork(void)
{
    if (!fork_held(&free_latch))
        free_workers = NULL;
    for (struct worker *w = free_workers; w; w = w->next_free) {
        w->poller = NULL;
        for (int i = 0; i < IO_KINDS; i++)
            poller_discard(w->pollers[i]);
        memset(w->pollers, 0, sizeof w->pollers);
        store_relaxed(&w->inbox, NULL); /* one thread, here and below */
        store_relaxed(&w->nudgers, 0);  /* who was looking at it is gone */
    }
    free_latch = (struct latch){ 0 };
    worker_current = NULL;
}

__attribute__((constructor)) static void worker_begin(void)
{
    fork_watch(worker_after_fork);
    fork_hold(&free_latch);
}
