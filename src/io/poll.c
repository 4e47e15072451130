/* io/poll.c - what one owner waits with, an epoll with or without a ring around it: see
 * poll.h.  Which descriptors the epoll knows is io/watch.c's.
 * Tests: tests/wait_poll_test.c, tests/io_test.c. */
#include "io/poll.h"
#include "base/latch.h"
#include "base/memory.h"
#include "core/thread.h"
#include "io/block.h"
#include "io/fds.h"
#include "io/ring.h"
#include "io/watch.h"
#include <assert.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 64 };
#define WAKE_DATA UINT64_MAX

/* Holds: if interrupted, a write to `wake` was made or is about to be, and poller_run will
 * return after it. */
struct poller {
    struct watches watches;
    int wake;
    enum io_kind kind;
    bool coarse;            /* no epoll_pwait2: milliseconds */
    _Atomic bool interrupted;
    _Atomic bool look;      /* some descriptor was closed under who waits for it */
    struct ring *ring;      /* NULL: none */
    const void *thread;     /* IO_DEFER: whose ring it is */
    struct ring_op bell, events; /* the ring looks at `wake` and `epoll` */
    bool rung, came;        /* ... and has seen something */
    struct block_cache blocks;
    struct list all;        /* in all_pollers */
};

static struct latch all_latch; /* guards all_pollers, and which descriptors those have */
static struct list all_pollers = { &all_pollers, &all_pollers };

/* --- opening --------------------------------------------------------------- */

enum io_kind io_resolve(enum io_kind kind, const char **why)
{
    *why = kind == IO_EPOLL ? NULL : ring_refused();
    if (kind != IO_ANY)
        return kind;
    kind = *why ? IO_EPOLL : IO_URING;
    *why = NULL;
    return kind;
}

static void bell_rung(struct ring_op *op)
{
    list_entry(op, struct poller, bell)->rung = true;
}

static void events_came(struct ring_op *op)
{
    list_entry(op, struct poller, events)->came = true;
}

/* Have the ring look at fd for good. */
static int ring_look(struct poller *p, struct ring_op *op, int fd)
{
    struct ring_want want = { .opcode = IORING_OP_POLL_ADD, .fd = fd,
                              .len = IORING_POLL_ADD_MULTI, .op_flags = POLLIN };
    op->inside = true;
    op->ended = op == &p->bell ? bell_rung : events_came;
    return op->under_way ? 0 : ring_begin(p->ring, op, &want);
}

static int poller_begin_ring(struct poller *p)
{
    int code;
    p->ring = ring_open(p->kind == IO_DEFER, &code);
    p->thread = thread_mark();
    return p->ring ? ring_look(p, &p->bell, p->wake) : code;
}

/* The n-th request of a test fails as if descriptors were short. */
static int scarce(void)
{
    errno = EMFILE;
    return -1;
}

static int poller_begin(struct poller *p)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = WAKE_DATA };
    p->watches.epoll = fault_now() ? scarce() : epoll_create1(EPOLL_CLOEXEC);
    if (p->watches.epoll < 0)
        return -errno;
    p->wake = fault_now() ? scarce() : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->wake < 0)
        return -errno;
    if (p->kind != IO_EPOLL)
        return poller_begin_ring(p);
    return epoll_ctl(p->watches.epoll, EPOLL_CTL_ADD, p->wake, &ev) < 0 ? -errno : 0;
}

static _Thread_local int refused; /* the code of the last that could not be made */

int poller_refused(void)
{
    return refused;
}

static struct poller *poller_make(enum io_kind kind)
{
    struct poller *p = memory_zalloc(sizeof *p);
    if (!p)
        return NULL;
    p->watches.epoll = p->wake = -1;
    p->kind = kind;
    latch_lock(&all_latch); /* so that no fork() comes between a descriptor and its number */
    list_push_back(&all_pollers, &p->all);
    int rc = poller_begin(p);
    latch_unlock(&all_latch);
    if (rc < 0) {
        refused = rc;
        poller_close(p);
        p = NULL;
    }
    return p;
}

struct poller *poller_open(enum io_kind kind)
{
    const char *why;
    int kept = errno;
    enum io_kind first = io_resolve(kind, &why);
    refused = -ENOMEM; /* unless it is something else */
    struct poller *p = why ? NULL : poller_make(first);
    if (!p && kind == IO_ANY && first != IO_EPOLL)
        p = poller_make(IO_EPOLL); /* memory to be locked is scarce for rings */
    errno = kept;
    return p;
}

/* What the kernel still does for a ring of our own ends with it. */
static void poller_end_ring(struct poller *p)
{
    if (!p->ring)
        return;
    struct ring_op *mine[] = { &p->bell, &p->events };
    for (int i = 0; i < 2; i++)
        for (ring_cancel(p->ring, mine[i]); mine[i]->under_way;)
            ring_run(p->ring, CLOCK_NEVER);
    ring_close(p->ring);
    p->ring = NULL;
}

int poller_adopt(struct poller *p)
{
    if (p->kind != IO_DEFER || p->thread == thread_mark())
        return 0;
    assert(p->watches.nodes == 0);
    int kept = errno;
    latch_lock(&all_latch); /* as in poller_make */
    ring_close(p->ring); /* its thread is gone, and what that had begun with it */
    memset(&p->bell, 0, sizeof p->bell);
    memset(&p->events, 0, sizeof p->events);
    int rc = poller_begin_ring(p);
    latch_unlock(&all_latch);
    refused = rc < 0 ? rc : refused;
    errno = kept;
    return rc;
}

void poller_close(struct poller *p)
{
    if (!p)
        return;
    assert(p->watches.nodes == 0);
    latch_lock(&all_latch);
    if (list_linked(&p->all)) /* else it is a copy of a parent's, dropped: see below */
        list_remove(&p->all);
    latch_unlock(&all_latch);
    poller_end_ring(p);
    block_cache_end(&p->blocks);
    if (p->watches.epoll >= 0)
        close(p->watches.epoll);
    if (p->wake >= 0)
        close(p->wake);
    watches_free(&p->watches);
    memory_free(p);
}

struct ring *poller_ring(const struct poller *p)
{
    return p->ring;
}

struct block_cache *poller_blocks(struct poller *p)
{
    return p ? &p->blocks : NULL;
}

long pollers_blocks_lent(void)
{
    long n = blocks_lent_elsewhere();
    latch_lock(&all_latch);
    for (struct list *l = all_pollers.next; l != &all_pollers; l = l->next)
        n += list_entry(l, struct poller, all)->blocks.lent;
    latch_unlock(&all_latch);
    return n;
}

bool poller_busy(const struct poller *p)
{
    return p->watches.nodes > 0 || (p->ring && ring_busy(p->ring));
}

/* --- enlisting ------------------------------------------------------------- */

/* Who sleeps in the ring hears of the epoll. */
static int poller_listen(struct poller *p)
{
    return p->ring && unlikely(!p->events.under_way)
               ? ring_look(p, &p->events, p->watches.epoll) : 0;
}

int poller_add(struct poller *p, struct poll_node *n)
{
    int rc = n->fd < 0 ? -EBADF : poller_listen(p);
    return rc < 0 ? rc : watches_add(&p->watches, n);
}

int poller_add_edge(struct poller *p, struct poll_node *n)
{
    int rc = poller_listen(p);
    return rc < 0 ? rc : watches_add_edge(&p->watches, n);
}

void poller_remove(struct poller *p, struct poll_node *n)
{
    watches_remove(&p->watches, n);
}

/* --- reporting ------------------------------------------------------------- */

/* Some descriptor was closed under who waits for it: look through all. */
static void poller_drop_stale(struct poller *p)
{
    /* acquire: pairs with poller_forget; the generation it raised is seen */
    if (!swap_acquire(&p->look, false))
        return;
    watches_drop_stale(&p->watches);
    if (p->ring)
        ring_drop_stale(p->ring);
}

void poller_forget(int fd)
{
    struct fd_state *s = fd_state(fd);
    if (!s || !fd_renew(s))
        return;
    latch_lock(&all_latch); /* it keeps them from being closed */
    for (struct list *l = all_pollers.next; l != &all_pollers; l = l->next) {
        struct poller *p = list_entry(l, struct poller, all);
        store_release(&p->look, true); /* pairs with poller_drop_stale */
        poller_interrupt(p);
    }
    latch_unlock(&all_latch);
}

static int poller_wait(struct poller *p, struct epoll_event *ev, int64_t until)
{
    int64_t now = until > 0 && until != CLOCK_NEVER ? clock_now() : 0;
    int64_t left = until > now ? until - now : 0;
    if (!p->coarse) {
        struct timespec span = { left / 1000000000, left % 1000000000 };
        int n = epoll_pwait2(p->watches.epoll, ev, BATCH,
                             until == CLOCK_NEVER ? NULL : &span, NULL);
        if (n >= 0 || errno == EINTR)
            return n;
        p->coarse = true; /* before Linux 5.11, or filtered */
    }
    int64_t ms = left / 1000000 + (left % 1000000 > 0); /* never early */
    return epoll_wait(p->watches.epoll, ev, BATCH,
                      until == CLOCK_NEVER ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms);
}

static void poller_interrupted(struct poller *p)
{
    uint64_t count;
    ssize_t got = read(p->wake, &count, sizeof count);
    (void)got;
    /* After the read: else a write in between would be read with `interrupted` left
     * set, and no later interrupt would write.  acquire: pairs with poller_interrupt;
     * who found it set until now has not written, and what they did is seen after
     * poller_run. */
    swap_acquire(&p->interrupted, false);
}

/* What the epoll has; how many. */
static int poller_look(struct poller *p, int64_t until)
{
    struct epoll_event ev[BATCH];
    int n = poller_wait(p, ev, until);
    for (int i = 0; i < n; i++)
        if (ev[i].data.u64 == WAKE_DATA)
            poller_interrupted(p);
        else
            watches_report(&p->watches, ev[i].data.u64, ev[i].events);
    return n;
}

static void poller_run_ring(struct poller *p, int64_t until)
{
    if (unlikely(load_acquire(&p->look))) /* pairs with poller_forget, as drop_stale's */
        ring_drop_unsubmitted(p->ring);
    ring_run(p->ring, until);
    if (p->rung) {
        p->rung = false;
        poller_interrupted(p);
        ring_look(p, &p->bell, p->wake); /* if the kernel has given it up */
    }
    while (p->came) { /* it tells of news alone: take all there is */
        p->came = poller_look(p, 0) == BATCH;
        if (!p->came && p->watches.nodes)
            ring_look(p, &p->events, p->watches.epoll);
    }
}

void poller_run(struct poller *p, int64_t until)
{
    int kept = errno;
    if (p->ring)
        poller_run_ring(p, until);
    else
        poller_look(p, until);
    if (unlikely(load_relaxed(&p->look))) /* a hint; the bell rings after it */
        poller_drop_stale(p);
    errno = kept;
}

void poller_interrupt(struct poller *p)
{
    /* acq_rel: pairs with poller_interrupted; who finds it set knows that the owner has
     * yet to look and will see what was done before */
    if (swap_acqrel(&p->interrupted, true))
        return;
    int kept = errno;
    uint64_t one = 1;
    ssize_t put = write(p->wake, &one, sizeof one);
    (void)put; /* full: readable all the same */
    errno = kept;
}

/* Its threads are gone, and may have been in the middle of anything but this. */
static void poller_drop(struct poller *p)
{
    if (list_linked(&p->all))
        list_remove(&p->all);
    if (p->ring && p->wake >= 0) /* once */
        ring_drop(p->ring);
    if (p->watches.epoll >= 0)
        close(p->watches.epoll);
    if (p->wake >= 0)
        close(p->wake);
    p->watches.epoll = p->wake = -1;
}

/* In the child the parent's pollers are nobody's. */
static void poller_after_fork(void)
{
    bool whole = fork_held(&all_latch);
    while (whole && !list_empty(&all_pollers))
        poller_drop(list_entry(all_pollers.next, struct poller, all));
    all_latch = (struct latch){ 0 };
    list_init(&all_pollers);
    block_after_fork();
}

/* Before or after the above. */
void poller_discard(struct poller *p)
{
    if (!p || !fork_held(&all_latch))
        return;
    poller_drop(p);
    ring_forget(p->ring);
    block_after_fork();
    block_cache_end(&p->blocks);
    watches_free(&p->watches);
    memory_free(p);
}

__attribute__((constructor)) static void poller_begin_process(void)
{
    fork_watch(poller_after_fork);
    fork_hold(&all_latch);
}
