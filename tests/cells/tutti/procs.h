/* procs.h - for cells of processes://: home and one worker as threads of one process, over
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

static struct {
    _Alignas(4096) struct head head;
    _Alignas(4096) struct lane_shared lane;
    _Alignas(4096) struct own own;
} arena;
static struct procs procs;
static struct lane lane;
static struct url url;
static int ended_fd;
static pthread_t worker_thread;

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
    assert(p->closing && i == 0);
    epoll_ctl(p->poll, EPOLL_CTL_DEL, ended_fd, NULL);
    lane.pid = 0;
}
uint64_t __wrap_oom_kills(void);
uint64_t __wrap_oom_kills(void)
{
    return 0;
}

static void *worker(void *arg)
{
    uint64_t one = 1;
    serve(&serving);
    assert(write(ended_fd, &one, sizeof one) == sizeof one);
    return arg;
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
    *h = (struct head){ .base = (uintptr_t)&arena, .workers = 1, .cpus = 2,
                        .total = sizeof arena, .outs = sizeof arena, .out_size = 4096 };
    h->lanes = (uintptr_t)&arena.lane - h->base;
    h->lane_size = sizeof arena.lane;
    h->owns = (uintptr_t)&arena.own - h->base;
    h->own_size = sizeof arena.own;
    arena.lane.first = RING;
    arena.lane.ask_number = UINT64_MAX;
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
    lane = (struct lane){ .head = RING, .tail = RING, .pid = 1, .pidfd = -1,
                          .output = { -1, -1 } };
    procs = (struct procs){ .ex.ops = &ops, .ex.workers = 1, .lane = &lane, .url = &url,
                            .timer = CLOCK_NEVER, .births.ask = -1 };
    procs.arena.head = &arena.head;
    procs.queue_end = &procs.queue;
    procs.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    procs.poll = epoll_create1(EPOLL_CLOEXEC);
    ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event bell = { .events = EPOLLIN,
                                .data.u64 = (uint64_t)POLL_BELL << 32 };
    struct epoll_event ended = { .events = EPOLLIN,
                                 .data.u64 = (uint64_t)POLL_DEATH << 32 };
    epoll_ctl(procs.poll, EPOLL_CTL_ADD, procs.bell, &bell);
    epoll_ctl(procs.poll, EPOLL_CTL_ADD, ended_fd, &ended);
    serving = (struct serving){ .head = &arena.head, .lane = &arena.lane,
                                .own = &arena.own, .bell = procs.bell,
                                .inner = cell_nowhere(), .running = NOTHING_RUNS };
    assert(!keeps || keeper_begin(&procs) == 0);
    assert(pthread_create(&worker_thread, NULL, worker, NULL) == 0);
    return &procs.ex;
}

static void procs_close(void)
{
    keeper_end(&procs);
    pthread_join(worker_thread, NULL);
    jobs_free(&procs);
    close(procs.bell);
    close(procs.poll);
    close(ended_fd);
}
#endif
