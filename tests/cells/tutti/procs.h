/* procs.h - for cells of processes://: home and workers as threads of one process, over
 * the rings and words of src/exec/processes/shared.h, with the code of both sides as it
 * is.  What concerns a process as such is left out: it is never born, and dies by a word.
 * Nobody wakes by time, which would make a lost wake good. */
#ifndef PROCS_H
#define PROCS_H
#include "base/clock.h"
#include "base/futex.h"
#include "cell.h"
#include "exec/processes/procs.h"
#include "exec/processes/serve.h"
#include "exec/url.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#ifndef PROCS_WORKERS
#define PROCS_WORKERS 1
#endif
#ifndef PROCS_BOX
#define PROCS_BOX 1 /* pages of an outbox */
#endif

static struct {
    _Alignas(4096) struct head head;
    _Alignas(4096) struct lane_shared lane[PROCS_WORKERS];
    _Alignas(4096) struct own own[PROCS_WORKERS];
    _Alignas(4096) unsigned char box[PROCS_WORKERS][PROCS_BOX * EXTENT_PAGE];
} arena;
static struct procs procs;
static struct lane lane[PROCS_WORKERS];
static struct url url; /* with `inner` set, there is one worker, which runs several at once */
static uint32_t boxes_held[PROCS_WORKERS];
static struct at_work {
    struct serving serving;
    int ended; /* eventfd */
    pthread_t thread;
} at_work[PROCS_WORKERS];

/* --- no time passes ---------------------------------------------------------------- */

int __real_futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until);
int __wrap_futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until);
int __wrap_futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until)
{
    (void)until;
    return __real_futex_wait_shared(word, seen, CLOCK_NEVER);
}
int __real_futex_wait_any(const struct futex_any *f, unsigned n, int64_t until);
int __wrap_futex_wait_any(const struct futex_any *f, unsigned n, int64_t until);
int __wrap_futex_wait_any(const struct futex_any *f, unsigned n, int64_t until)
{
    (void)until;
    return __real_futex_wait_any(f, n, CLOCK_NEVER);
}
int __wrap_epoll_pwait2(int fd, struct epoll_event *e, int n, const struct timespec *span,
                        const sigset_t *mask);
int __wrap_epoll_pwait2(int fd, struct epoll_event *e, int n, const struct timespec *span,
                        const sigset_t *mask)
{
    (void)mask;
    return epoll_wait(fd, e, n, span && !span->tv_sec && !span->tv_nsec ? 0 : -1);
}

/* --- no process ends ----------------------------------------------------------------- */

void __wrap_lane_died(struct procs *p, unsigned i);
void __wrap_lane_died(struct procs *p, unsigned i)
{
    assert(p->closing);
    epoll_ctl(p->poll, EPOLL_CTL_DEL, at_work[i].ended, NULL);
    lane[i].pid = 0;
}
uint64_t __wrap_oom_kills(void);
uint64_t __wrap_oom_kills(void)
{
    return 0;
}

static void *worker(void *arg)
{
    struct at_work *w = arg;
    uint64_t one = 1;
    serve(*url.inner ? &serving : &w->serving);
    assert(write(w->ended, &one, sizeof one) == sizeof one);
    return NULL;
}

/* --- home ------------------------------------------------------------------------------- */

static void home_start(struct tutti_executor *ex, struct task *t)
{
    latch_lock(&procs.latch);
    assert(ex == &procs.ex && procs_submit(&procs, t, false) == 0);
    latch_unlock(&procs.latch);
}
static bool home_carries(const struct tutti_executor *ex, const struct context *c)
{
    return ex && !c; /* never */
}
static void home_look(struct tutti_executor *ex)
{
    (void)ex;
    keeper_rouse(&procs);
}

static void arena_lay_out(void)
{
    struct head *h = &arena.head;
    *h = (struct head){ .base = (uintptr_t)&arena, .workers = PROCS_WORKERS, .cpus = 2,
                        .total = sizeof arena, .out_size = sizeof *arena.box };
    h->lanes = (uintptr_t)arena.lane - h->base;
    h->lane_size = sizeof *arena.lane;
    h->owns = (uintptr_t)arena.own - h->base;
    h->own_size = sizeof *arena.own;
    h->outs = (uintptr_t)arena.box - h->base;
    strcpy(h->inner, url.inner);
}

static void poll_for(int fd, uint64_t kind, unsigned i)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = kind << 32 | i };
    assert(epoll_ctl(procs.poll, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void worker_open(unsigned i)
{
    struct at_work *w = &at_work[i];
    uint64_t box = arena.head.outs + i * arena.head.out_size;
    arena.lane[i].first = RING;
    arena.lane[i].outbox = box;
    boxes_held[i] = 1;
    lane[i] = (struct lane){ .head = RING, .outbox = box, .tail = RING, .pid = 1, .pidfd = -1,
                             .output = { -1, -1 } };
    w->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    poll_for(w->ended, POLL_DEATH, i);
    w->serving = (struct serving){ .head = &arena.head, .lane = &arena.lane[i],
                                   .own = &arena.own[i], .index = i, .bell = procs.bell,
                                   .inner = cell_nowhere() };
    for (unsigned k = 0; k < RING; k++)
        store_relaxed(&w->serving.turn[k].number, NOTHING_RUNS);
    assert(extents_init(&w->serving.outbox, arena.box[i], sizeof *arena.box, 0) == 0);
    if (!*url.inner)
        return;
    serving = w->serving; /* many.c has but the one */
    serving.many = true;
    serving.inner = cell_threads(1);
}

/* helps: whoever waits collects; keeps: there is a keeper. */
static tutti_executor *procs_open(bool helps, bool keeps)
{
    static struct executor_ops ops;
    ops = (struct executor_ops){ .start = home_start, .carries = home_carries,
                                 .look = home_look, .help = helps ? procs_help : NULL };
    cell_fences();
    arena_lay_out();
    url.grace = TUTTI_SEC;
    procs = (struct procs){ .ex.ops = &ops, .ex.workers = PROCS_WORKERS, .lane = lane,
                            .url = &url, .timer = CLOCK_NEVER, .births.ask = -1,
                            .question = CLOCK_NEVER };
    procs.arena.head = &arena.head;
    procs.arena.outboxes = PROCS_WORKERS;
    procs.arena.outbox_users = boxes_held;
    procs.queue_end = &procs.queue;
    procs.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    procs.poll = epoll_create1(EPOLL_CLOEXEC);
    poll_for(procs.bell, POLL_BELL, 0);
    for (unsigned i = 0; i < PROCS_WORKERS; i++)
        worker_open(i);
    assert(!keeps || keeper_begin(&procs) == 0);
    for (unsigned i = 0; i < PROCS_WORKERS; i++) {
        struct at_work *w = &at_work[i];
        assert(pthread_create(&w->thread, NULL, worker, w) == 0);
    }
    return &procs.ex;
}

static void procs_close(void)
{
    keeper_end(&procs);
    for (unsigned i = 0; i < PROCS_WORKERS; i++) {
        pthread_join(at_work[i].thread, NULL);
        close(at_work[i].ended);
        extents_fini(*url.inner ? &serving.outbox : &at_work[i].serving.outbox);
    }
    if (*url.inner)
        assert(tutti_executor_close(serving.inner) == 0);
    jobs_free(&procs);
    close(procs.bell);
    close(procs.poll);
}
#endif
