/* exec/processes/keeper.c - the executor's own thread: sees deaths, collects when nobody who
 * waits does, keeps time for tasks that shall end.  Sleeps in epoll, for ever when there is
 * nothing.  Tests: tests/processes_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "base/launch.h"
#include "base/memory.h"
#include "base/slab.h"
#include "exec/processes/procs.h"
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { POLLED = 32, LAZY_TICK = 2000000, TICK = 100000000 }; /* as help.c */
#define QUESTION INT64_C(200000000) /* ns between those to workers that have requests */
#define BIRTH_PATIENCE INT64_C(1000000000) /* ns until a zygote that does not answer is killed */

/* --- sleeping -------------------------------------------------------------------------- */

/* When to look again though nobody rings. */
static int64_t keeper_next(const struct procs *p)
{
    int64_t next = p->timer;
    if (!p->helped && p->outstanding && clock_now() + TICK < next)
        next = clock_now() + TICK;
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        const struct lane *l = &p->lane[i];
        int64_t born = l->started + START_PATIENCE;
        if (l->retry && l->retry < next)
            next = l->retry;
        if (l->coming && l->started + BIRTH_PATIENCE < next)
            next = l->started + BIRTH_PATIENCE;
        if (l->pid && !load_relaxed(&head_own(p->arena.head, i)->up) && born < next)
            next = born; /* a hint */
        if (!p->helped && l->out > 8 && clock_now() + LAZY_TICK < next)
            next = clock_now() + LAZY_TICK; /* see serve_tell */
    }
    return next;
}

/* left: ns, or CLOCK_NEVER.  Kernels before 5.11, and emulators, have ms alone. */
static int keeper_poll(struct procs *p, struct epoll_event *e, int64_t left)
{
    struct timespec t = { left < 0 ? 0 : left / 1000000000,
                          left < 0 ? 0 : left % 1000000000 };
    bool forever = left == CLOCK_NEVER;
    int n = epoll_pwait2(p->poll, e, POLLED, forever ? NULL : &t, NULL);
    if (n < 0 && errno == ENOSYS) {
        int64_t ms = left < 0 ? 0 : left / 1000000 + 1;
        n = epoll_wait(p->poll, e, POLLED, forever ? -1 : ms < 60000 ? (int)ms : 60000);
    }
    return n;
}

static int keeper_sleep(struct procs *p, struct epoll_event *e)
{
    latch_lock(&p->latch);
    unsigned got = 0;
    p->keeper_sleeps = true;
    if (!p->helped) {
        /* seq_cst: pairs with serve_tell's load: an answer that we do not see now rings */
        store_seqcst(&p->arena.head->waits, WAITS_KEEPER);
        got = procs_collect(p);
    }
    int64_t left = p->sleeps_until = keeper_next(p);
    latch_unlock(&p->latch);
    left = left == CLOCK_NEVER ? CLOCK_NEVER : left - clock_now();
    bool look = load_acquire(&p->look); /* pairs with keeper_rouse; it rings as well */
    int n = keeper_poll(p, e, got || look ? 0 : left);
    latch_lock(&p->latch);
    p->keeper_sleeps = false;
    if (!p->helped)
        store_relaxed(&p->arena.head->waits, WAITS_NOBODY); /* a ring too many is harmless */
    latch_unlock(&p->latch);
    return n;
}

/* --- awake ------------------------------------------------------------------------------- */

static void keeper_event(struct procs *p, uint64_t kind, unsigned i)
{
    uint64_t count;
    if (kind == POLL_BELL) {
        ssize_t done = read(p->bell, &count, sizeof count);
        (void)done; /* somebody was faster */
    } else if (kind == POLL_DEATH) {
        lane_output(p, i, 0, true);
        lane_output(p, i, 1, true);
        latch_lock(&p->latch);
        lane_died(p, i);
        latch_unlock(&p->latch);
    } else if (kind == POLL_ZYGOTE) {
        latch_lock(&p->latch);
        births_hear(p);
        latch_unlock(&p->latch);
    } else {
        lane_output(p, i, kind == POLL_STDERR, false);
    }
}

/* Workers that should serve by now, and do not; or leave, and do not. */
static void keeper_impatient(struct procs *p)
{
    int64_t now = clock_now();
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        struct lane *l = &p->lane[i];
        bool up = load_acquire(&head_own(p->arena.head, i)->up); /* pairs with serve */
        if (l->pid && !up && now - l->started >= START_PATIENCE)
            syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
        if (l->pid && p->closing && now >= p->timer)
            syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
        if (l->coming && (now >= l->started + BIRTH_PATIENCE
                          || (p->closing && now >= p->timer)))
            births_kill(p); /* births_hear will see that it is gone */
        if (l->retry && now >= l->retry && !p->closing && !p->broken)
            lane_restart(p, i);
    }
}

static bool keeper_is_done(struct procs *p)
{
    if (!p->closing)
        return false;
    for (unsigned i = 0; i < procs_lanes(p); i++)
        if (lane_lives(&p->lane[i]))
            return false;
    return true;
}

void procs_question(struct procs *p, int64_t now)
{
    if (now < p->question)
        return;
    p->question = now + QUESTION;
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        struct lane *l = &p->lane[i];
        struct lane_shared *s = head_lane(p->arena.head, i);
        if (l->out && l->doubted) {
            add_release(&s->ask, 1); /* pairs with listen_main */
            futex_wake_shared(&s->ask);
        }
        l->doubted = l->out;
    }
}

static bool keeper_work(struct procs *p)
{
    latch_lock(&p->latch);
    bool over = swap_acquire(&p->look, 0); /* pairs with keeper_rouse */
    int64_t now = clock_now();
    if (!p->closing && (over || now >= p->timer))
        procs_look(p);
    if (!p->helped)
        procs_collect(p);
    procs_question(p, now);
    if (p->queue)
        queue_feed(p);
    keeper_impatient(p);
    bool done = keeper_is_done(p);
    latch_unlock(&p->latch);
    return !done;
}

static void *keeper_main(void *arg)
{
    struct procs *p = arg;
    struct epoll_event e[POLLED];
    pthread_setname_np(pthread_self(), "tutti-keeper");
    uint64_t ooms = oom_kills(); /* here, since opening need not wait for it */
    latch_lock(&p->latch);
    p->ooms = ooms;
    latch_unlock(&p->latch);
    while (keeper_work(p)) {
        int n = keeper_sleep(p, e);
        for (int i = 0; i < n; i++)
            keeper_event(p, e[i].data.u64 >> 32, (unsigned)e[i].data.u64);
    }
    slab_thread_end(); /* of tasks it has ended; it may have no context, whose end does that */
    return NULL;
}

static void keeper_ring(struct procs *p)
{
    uint64_t one = 1;
    ssize_t done = write(p->bell, &one, sizeof one);
    (void)done; /* full: it is rung */
}

void keeper_rouse(struct procs *p)
{
    if (!swap_acqrel(&p->look, 1)) /* pairs with keeper_work: somebody rang, it will look */
        keeper_ring(p);
}

void keeper_wake_by(struct procs *p, int64_t when)
{
    if (when >= p->timer)
        return;
    p->timer = when;
    if (p->keeper_sleeps && when < p->sleeps_until) {
        p->sleeps_until = when; /* once */
        keeper_ring(p);
    }
}

/* --- beginning and end ---------------------------------------------------------------------- */

int keeper_begin(struct procs *p)
{
    static const int heard[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0 };
    int rc = thread_launch(&p->keeper, NULL, heard, keeper_main, p);
    p->keeper_runs = rc == 0;
    return rc ? why_set(-EAGAIN, "no thread for an executor of processes") : 0;
}

/* Tell the workers to leave; those that do not within the grace period are killed. */
void keeper_end(struct procs *p)
{
    latch_lock(&p->latch);
    p->closing = true;
    p->timer = clock_now() + (int64_t)p->url->grace;
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        struct lane_shared *s = head_lane(p->arena.head, i);
        store_seqcst(&s->quit, 1); /* pairs with serve_wait, as the bell does */
        add_release(&s->bell, 1);
        futex_wake_shared(&s->bell);
    }
    latch_unlock(&p->latch);
    keeper_rouse(p);
    if (p->keeper_runs)
        pthread_join(p->keeper, NULL);
}
