/* exec/processes/procs.c - the executor as the core sees it: opening, starting, closing.
 * Tests: tests/processes_test.c. */
#include "exec/processes/between.h"
#include "exec/processes/procs.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/memory.h"
#include "exec/processes/boot.h"
#include "sched/pool.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the open ones ------------------------------------------------------------------------ */

static struct latch slots_latch;
static struct procs *slots[ARENA_SLOTS]; /* under the latch */
/* Had by a parent: what its handles point to is still mapped there, to say that they are lost
 * (far_after_fork), so an arena of ours may find no room. */
static bool slots_lost[ARENA_SLOTS];

static int slot_take(struct procs *p)
{
    int found = -1;
    latch_lock(&slots_latch);
    for (int i = 0; i < ARENA_SLOTS; i++)
        if (!slots[i] && (found < 0 || (slots_lost[found] && !slots_lost[i])))
            found = i;
    if (found >= 0)
        slots[found] = p;
    latch_unlock(&slots_latch);
    return found;
}

static void slot_give(unsigned i)
{
    latch_lock(&slots_latch);
    slots[i] = NULL;
    latch_unlock(&slots_latch);
}

/* The child of a fork(): the workers are the parent's.  The end of the pipe by which they
 * learn of its death must not live on in us. */
static void procs_after_fork(void)
{
    slots_latch = (struct latch){ 0 };
    for (int i = 0; i < ARENA_SLOTS; i++) {
        struct procs *p = slots[i];
        slots[i] = NULL;
        arena_forget((unsigned)i);
        if (!p)
            continue;
        slots_lost[i] = true;
        close(p->life[0]);
        close(p->life[1]);
        close(p->bell);
        close(p->poll);
        close(p->arena.fd);
        if (p->arena.spill.fd >= 0)
            close(p->arena.spill.fd);
        if (p->births.ask >= 0)
            close(p->births.ask);
    }
}

/* --- refs ----------------------------------------------------------------------------------- */

static void *procs_ref(const tutti_ref *r, unsigned flags)
{
    const struct head *h = arena_head(r->id >> 59 & (ARENA_SLOTS - 1));
    uint64_t index = r->id & 0xfffffff;
    if (!h || index >= SEGMENTS)
        return NULL;
    const struct segment_shared *g = &h->segment[index];
    /* acquire: pairs with arena_share */
    if (load_acquire(&((struct segment_shared *)(uintptr_t)g)->id) != r->id)
        return NULL;
    if ((g->flags & flags) != flags || r->from > g->count || r->count > g->count - r->from)
        return NULL;
    return (char *)head_at(h, g->base) + r->from * g->item;
}

static void *procs_share(struct tutti_executor *ex, uint64_t count, uint32_t item,
                         unsigned flags, tutti_ref *out)
{
    return arena_share(&procs_of(ex)->arena, count, item, flags, out);
}

static void procs_unshare(struct tutti_executor *ex, const tutti_ref *r)
{
    arena_unshare(&procs_of(ex)->arena, r);
}

static void *procs_take(struct tutti_executor *ex, size_t size)
{
    return arena_take(&procs_of(ex)->arena, size);
}

static void procs_give(struct tutti_executor *ex, void *at, size_t size)
{
    arena_give(&procs_of(ex)->arena, at, size);
}

/* --- starting ------------------------------------------------------------------------- */

static void procs_start(struct tutti_executor *ex, struct task *t)
{
    struct procs *p = procs_of(ex);
    if (!t->type) {
        p->home->ops->start(p->home, t);
        return;
    }
    bool at_home = p->home->ops->carries(p->home, context_self());
    latch_lock(&p->latch);
    int rc = procs_submit(p, t, at_home);
    latch_unlock(&p->latch);
    if (unlikely(rc < 0))
        task_refuse(t, rc, tutti_why());
}

static bool procs_carries(const struct tutti_executor *ex, const struct context *c)
{
    const struct tutti_executor *home = procs_of(ex)->home;
    return home->ops->carries(home, c);
}

static void procs_look_soon(struct tutti_executor *ex)
{
    struct procs *p = procs_of(ex);
    p->home->ops->look(p->home);
    keeper_rouse(p);
}

static void procs_stat(const struct tutti_executor *ex, tutti_executor_stats *out)
{
    struct procs *p = procs_of(ex);
    p->home->ops->stat(p->home, out);
    latch_lock(&p->latch);
    out->started += p->started;
    latch_unlock(&p->latch);
}

/* --- opening and closing -------------------------------------------------------------- */

static int procs_descriptors(struct procs *p)
{
    int low[2];
    if (fault_now() || pipe2(low, O_CLOEXEC) < 0)
        return -EMFILE;
    p->life[0] = descriptor_high(low[0]);
    p->life[1] = descriptor_high(low[1]);
    p->bell = descriptor_high(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    p->poll = descriptor_high(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)POLL_BELL << 32 };
    if (p->life[0] < 0 || p->life[1] < 0 || p->bell < 0 || p->poll < 0
        || epoll_ctl(p->poll, EPOLL_CTL_ADD, p->bell, &e) < 0)
        return -EMFILE;
    return 0;
}

static void procs_free(struct procs *p)
{
    births_end(p);
    for (unsigned i = 0; p->lane && i < procs_lanes(p); i++) {
        struct lane *l = &p->lane[i];
        if (l->pid) { /* opening failed half way */
            syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
            kill(l->pid, SIGKILL);
            waitpid(l->pid, NULL, 0);
        }
        for (int k = 0; k < 2; k++) {
            if (l->output[k] >= 0)
                close(l->output[k]);
            memory_free(l->line[k]);
        }
        if (l->pidfd >= 0)
            close(l->pidfd);
    }
    int fd[] = { p->life[0], p->life[1], p->bell, p->poll };
    for (int i = 0; i < 4; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    jobs_free(p);
    between_end(p);
    arena_close(&p->arena);
    memory_free(p->lane);
    memory_free(p->url);
    slot_give(p->slot);
}

static void procs_close(struct tutti_executor *ex)
{
    struct procs *p = procs_of(ex);
    keeper_end(p);
    p->home->ops->close(p->home);
    memory_free(p->home);
    procs_free(p);
}

static const struct executor_ops procs_ops = {
    .start = procs_start, .carries = procs_carries, .look = procs_look_soon,
    .stat = procs_stat,   .help = procs_help,       .share = procs_share,
    .unshare = procs_unshare, .take = procs_take, .give = procs_give, .space = procs_space,
    .close = procs_close
};

/* The head of an arena tells workers what to be. */
static void head_tell(struct head *h, const struct url *u)
{
    strcpy(h->inner, u->inner);
    h->recycle = (uint32_t)u->recycle;
    h->recycle_bytes = u->recycle_bytes;
    h->memory = u->memory;
    h->file = u->file;
    h->cpu_seconds = u->cpu_seconds;
    h->stack = u->stack;
    h->sandbox = u->sandbox & ~(unsigned)URL_LANDLOCK;
}

static int procs_begin(struct procs *p)
{
    if (p->url->sandbox & URL_LANDLOCK && !sandbox_has_landlock())
        return why_set(-ENOTSUP, "sandbox=landlock: this kernel has no landlock, or it is "
                       "switched off; without that word seccomp alone refuses");
    int rc = arena_open(&p->arena, p->url, p->slot);
    if (rc < 0)
        return rc;
    head_tell(p->arena.head, p->url);
    if ((rc = between_begin(p)) < 0)
        return rc;
    p->lane = memory_zalloc(procs_lanes(p) * sizeof *p->lane);
    if (!p->lane)
        return why_set(-ENOMEM, "out of memory");
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        struct lane *l = &p->lane[i];
        l->pidfd = l->output[0] = l->output[1] = -1;
        l->head = l->tail = RING; /* no tag of zeroed memory is one of these */
    }
    if ((rc = procs_descriptors(p)) < 0)
        return why_set(rc, "no descriptors for worker processes (ulimit -n)");
    for (unsigned i = 0; i < procs_lanes(p) && rc == 0; i++)
        rc = worker_start(p, i, false);
    /* relaxed: a hint, read from many files, for which no worker need wait */
    store_relaxed(&p->arena.head->cpus, cpus_granted());
    enum io_kind io = (enum io_kind)p->url->io;
    if (rc == 0 && !(p->home = threads_open(1, 0, p->url->stack, false, io, &rc)))
        return rc;
    if (rc == 0)
        threads_set_doze(p->home, procs_doze, p);
    return rc ? rc : keeper_begin(p);
}

static struct procs *procs_new(const struct url *u)
{
    struct procs *p = memory_aligned(64, sizeof *p);
    struct url *kept = memory_alloc(sizeof *kept);
    int slot = p && kept ? slot_take(p) : -1;
    if (slot < 0) {
        why_set(-ENOMEM, p && kept ? "too many executors of processes" : "out of memory");
        memory_free(p);
        memory_free(kept);
        return NULL;
    }
    *kept = *u;
    p->url = kept;
    p->slot = (unsigned)slot;
    p->queue_end = &p->queue;
    p->timer = CLOCK_NEVER;
    p->served_last = clock_now();
    p->question = p->served_last;
    p->life[0] = p->life[1] = p->bell = p->poll = p->births.ask = -1;
    p->ex.ops = &procs_ops;
    store_relaxed(&p->ex.workers, u->workers); /* nobody else knows p yet */
    return p;
}

struct tutti_executor *processes_open(const struct url *u, int *rc)
{
    *rc = boot_may_open();
    struct procs *p = *rc ? NULL : procs_new(u);
    if (!p) {
        *rc = *rc ? *rc : -ENOMEM;
        return NULL;
    }
    *rc = procs_begin(p);
    if (*rc < 0) {
        if (p->home) {
            p->home->ops->close(p->home);
            memory_free(p->home);
        }
        procs_free(p);
        memory_free(p);
        return NULL;
    }
    p->ex.stacks = p->home->stacks;
    return &p->ex;
}

bool processes_refused(void)
{
    boot_look();
    return boot.meant;
}

__attribute__((constructor)) static void procs_load(void)
{
    executor_ref_hook = procs_ref;
    fork_watch(procs_after_fork);
}
