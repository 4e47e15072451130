/* io/poll.c - one epoll for one owner, with or without a ring around it: see poll.h.
 *
 * Design: each descriptor is registered once and armed for one report at a time
 * (EPOLLONESHOT), with the union of what its waiters want; after a report it is armed
 * again for those who are left.  So a wait costs one system call, a waiter that leaves
 * costs none (one report too many may come, and finds nobody), and a descriptor nobody
 * waits for is silent, however ready it is.  Registrations die with the open file,
 * which may be before or, when it was duplicated, after the descriptor; so nothing is
 * believed that the kernel was not asked about for this very wait, and reports carry a
 * generation, which tells those of a file that had this number before.
 *
 * The streams' descriptors are closed by us, so their registrations cannot go unnoticed
 * (io/fds.h): they are registered once, edge-triggered, and what is reported while nobody
 * waits is kept until somebody does.
 * Tests: tests/wait_test.c, tests/io_test.c. */
#include "io/poll.h"
#include "base/latch.h"
#include "base/memory.h"
#include "core/thread.h"
#include "io/block.h"
#include "io/fds.h"
#include "io/ring.h"
#include <assert.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* epoll reports in the words of poll(2). */
_Static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT
                   && EPOLLERR == POLLERR && EPOLLHUP == POLLHUP
                   && EPOLLRDHUP == POLLRDHUP && EPOLLRDNORM == POLLRDNORM
                   && EPOLLWRNORM == POLLWRNORM,
               "translate the events");

enum { BATCH = 64, ALWAYS = POLLERR | POLLHUP | POLLNVAL };
enum { EDGES = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI, STAYS = ALWAYS | POLLRDHUP };
#define WAKE_DATA UINT64_MAX

/* Holds: generation is that of the last registration under this number; kept is 0 unless
 * edge. */
struct watch {
    struct list nodes; /* wait_nodes of poll_nodes */
    uint32_t generation;
    bool added;        /* registered, unless the kernel has dropped it since */
    bool edge;         /* ... edge-triggered, for the file of number_life */
    uint32_t number_life; /* fd_state's generation */
    uint32_t kept;     /* reported, and nobody waited for it */
};

/* Holds: nodes is the number of nodes in all watches.  if interrupted, a
 * write to `wake` was made or is about to be, and poller_run will return after it. */
struct poller {
    int epoll, wake;
    enum io_kind kind;
    bool coarse;            /* no epoll_pwait2: milliseconds */
    _Atomic bool interrupted;
    _Atomic bool look;      /* some descriptor was closed under who waits for it */
    struct watch **watches; /* by descriptor; NULL: never waited for */
    size_t room, nodes;
    struct ring *ring;      /* NULL: none */
    const void *thread;     /* IO_DEFER: whose ring it is */
    struct ring_op bell, events; /* the ring looks at `wake` and `epoll` */
    bool rung, came;        /* ... and has seen something */
    struct block_cache blocks;
    struct list all;        /* in all_pollers */
};

static struct latch all_latch; /* guards all_pollers */
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
    const char *why;
    p->ring = ring_open(p->kind == IO_DEFER, &why);
    p->thread = thread_mark();
    return p->ring ? ring_look(p, &p->bell, p->wake) : -ENOMEM;
}

static int poller_begin(struct poller *p)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = WAKE_DATA };
    p->epoll = fault_now() ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll < 0)
        return -1;
    p->wake = fault_now() ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->wake < 0)
        return -1;
    if (p->kind != IO_EPOLL)
        return poller_begin_ring(p);
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &ev);
}

static struct poller *poller_make(enum io_kind kind)
{
    struct poller *p = memory_zalloc(sizeof *p);
    if (!p)
        return NULL;
    p->epoll = p->wake = -1;
    p->kind = kind;
    latch_lock(&all_latch);
    list_push_back(&all_pollers, &p->all);
    latch_unlock(&all_latch);
    if (poller_begin(p) < 0) {
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
    assert(p->nodes == 0);
    int kept = errno;
    ring_close(p->ring); /* its thread is gone, and what that had begun with it */
    memset(&p->bell, 0, sizeof p->bell);
    memset(&p->events, 0, sizeof p->events);
    int rc = poller_begin_ring(p);
    errno = kept;
    return rc;
}

void poller_close(struct poller *p)
{
    if (!p)
        return;
    assert(p->nodes == 0);
    latch_lock(&all_latch);
    list_remove(&p->all);
    latch_unlock(&all_latch);
    poller_end_ring(p);
    block_cache_end(&p->blocks);
    if (p->epoll >= 0)
        close(p->epoll);
    if (p->wake >= 0)
        close(p->wake);
    for (size_t i = 0; i < p->room; i++)
        memory_free(p->watches[i]);
    memory_free(p->watches);
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
    return p->nodes > 0 || (p->ring && ring_busy(p->ring));
}

/* --- enlisting ------------------------------------------------------------- */

static struct watch *poller_watch(struct poller *p, int fd)
{
    size_t at = (size_t)fd;
    if (at >= p->room) {
        size_t room = at < 32 ? 64 : at * 2;
        struct watch **grown = memory_realloc(p->watches, room * sizeof(struct watch *));
        if (!grown)
            return NULL;
        memset(grown + p->room, 0, (room - p->room) * sizeof(struct watch *));
        p->watches = grown;
        p->room = room;
    }
    if (!p->watches[at]) {
        p->watches[at] = memory_zalloc(sizeof(struct watch));
        if (p->watches[at])
            list_init(&p->watches[at]->nodes);
    }
    return p->watches[at];
}

static struct poll_node *node_of(struct list *l)
{
    return list_entry(l, struct poll_node, wait.link);
}

static uint32_t watch_wants(const struct watch *w)
{
    uint32_t events = 0;
    for (struct list *l = w->nodes.next; l != &w->nodes; l = l->next)
        events |= (unsigned short)node_of(l)->events;
    return events;
}

static int watch_control(struct poller *p, struct watch *w, int fd, int op, uint32_t events)
{
    struct epoll_event ev = { .events = events | (w->edge ? EPOLLET : EPOLLONESHOT),
                              .data.u64 = (uint64_t)w->generation << 32 | (uint32_t)fd };
    return epoll_ctl(p->epoll, op, fd, &ev) < 0 ? -errno : 0;
}

/* Ask for one report of these events, or for reports of all edges; either way of what is
 * there now. */
static int watch_arm(struct poller *p, struct watch *w, int fd, uint32_t events)
{
    int kept = errno, rc = -ENOENT;
    if (w->edge)
        events = EDGES;
    if (w->added)
        rc = watch_control(p, w, fd, EPOLL_CTL_MOD, events);
    if (rc == -ENOENT) { /* never registered, or another file has this number now */
        w->generation++;
        rc = watch_control(p, w, fd, EPOLL_CTL_ADD, events);
        if (rc == -EEXIST)
            rc = watch_control(p, w, fd, EPOLL_CTL_MOD, events);
    }
    w->added = rc == 0;
    errno = kept;
    return rc;
}

/* The watch for n, which counts as one who waits from here on; NULL: no memory. */
static struct watch *node_begin(struct poller *p, struct poll_node *n)
{
    struct watch *w = poller_watch(p, n->fd);
    n->got = 0;
    n->state = w ? fd_state(n->fd) : NULL;
    if (!n->state)
        return NULL;
    n->generation = fd_enter(n->state);
    if (w->edge && w->number_life != n->generation) {
        w->edge = w->added = false; /* it was another file's */
        w->kept = 0;
    }
    return w;
}

static int node_refused(struct poll_node *n, int rc)
{
    fd_leave(n->state);
    if (rc != -EPERM)
        return rc;
    n->got = n->events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    return 1;
}

static int node_link(struct poller *p, struct watch *w, struct poll_node *n)
{
    if (p->ring && unlikely(!p->events.under_way)) {
        int rc = ring_look(p, &p->events, p->epoll);
        if (rc < 0)
            return node_refused(n, rc);
    }
    list_push_back(&w->nodes, &n->wait.link);
    p->nodes++;
    return 0;
}

int poller_add(struct poller *p, struct poll_node *n)
{
    if (n->fd < 0)
        return -EBADF;
    struct watch *w = node_begin(p, n);
    if (!w)
        return -ENOMEM;
    int rc = watch_arm(p, w, n->fd, watch_wants(w) | (unsigned short)n->events);
    return rc < 0 ? node_refused(n, rc) : node_link(p, w, n);
}

int poller_add_edge(struct poller *p, struct poll_node *n)
{
    struct watch *w = node_begin(p, n);
    if (!w)
        return -ENOMEM;
    if (unlikely(!w->edge)) {
        w->edge = true;
        w->number_life = n->generation;
        int rc = watch_arm(p, w, n->fd, EDGES);
        if (rc < 0) {
            w->edge = false;
            return node_refused(n, rc);
        }
    }
    n->got = (int)(w->kept & ((unsigned short)n->events | STAYS));
    if (!n->got)
        return node_link(p, w, n);
    w->kept &= ~(uint32_t)n->got | STAYS;
    fd_leave(n->state);
    return 1;
}

void poller_remove(struct poller *p, struct poll_node *n)
{
    if (!list_linked(&n->wait.link))
        return;
    list_remove(&n->wait.link);
    fd_leave(n->state);
    p->nodes--;
}

/* --- reporting ------------------------------------------------------------- */

static void node_deliver(struct poller *p, struct poll_node *n, int got)
{
    poller_remove(p, n);
    n->got = got;
    if (n->wait.notify)
        n->wait.notify(&n->wait); /* it may enlist itself again */
    else if (wait_claim(n->wait.who, n->wait.ticket))
        wait_wake(n->wait.who, n->wait.index);
}

/* Give what came to those who want some of it; what nobody wanted. */
static uint32_t watch_deliver(struct poller *p, struct watch *w, uint32_t came)
{
    struct list now, *l;
    uint32_t left = came;
    list_init(&now);
    list_splice_back(&now, &w->nodes); /* who enlists meanwhile waits for the next */
    while ((l = now.next) != &now) {
        struct poll_node *n = node_of(l);
        uint32_t got = came & ((unsigned short)n->events | (w->edge ? STAYS : ALWAYS));
        if (got) {
            left &= ~got | STAYS;
            node_deliver(p, n, (int)got);
        } else {
            list_remove(l);
            list_push_back(&w->nodes, l);
        }
    }
    return left;
}

static void watch_report(struct poller *p, uint64_t data, uint32_t came)
{
    size_t fd = (uint32_t)data;
    struct watch *w = fd < p->room ? p->watches[fd] : NULL;
    if (!w || w->generation != (uint32_t)(data >> 32))
        return; /* of a file that is gone from here */
    uint32_t left = watch_deliver(p, w, came);
    if (w->edge)
        w->kept |= left;
    else if (!list_empty(&w->nodes) && watch_arm(p, w, (int)fd, watch_wants(w)) < 0)
        watch_deliver(p, w, POLLNVAL); /* closed under those who are left */
}

static void watch_drop_stale(struct poller *p, struct watch *w)
{
    struct list *l = w->nodes.next;
    while (l != &w->nodes) {
        struct poll_node *n = node_of(l);
        l = l->next;
        if (fd_stale(n->state, n->generation))
            node_deliver(p, n, -ECANCELED);
    }
}

/* Some descriptor was closed under who waits for it: look through all. */
static void poller_drop_stale(struct poller *p)
{
    /* acquire: pairs with poller_forget; the generation it raised is seen */
    if (!swap_acquire(&p->look, false))
        return;
    for (size_t fd = 0; fd < p->room && p->nodes; fd++)
        if (p->watches[fd])
            watch_drop_stale(p, p->watches[fd]);
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
        int n = epoll_pwait2(p->epoll, ev, BATCH, until == CLOCK_NEVER ? NULL : &span, NULL);
        if (n >= 0 || errno == EINTR)
            return n;
        p->coarse = true; /* before Linux 5.11, or filtered */
    }
    int64_t ms = left / 1000000 + (left % 1000000 > 0); /* never early */
    return epoll_wait(p->epoll, ev, BATCH,
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
            watch_report(p, ev[i].data.u64, ev[i].events);
    return n;
}

static void poller_run_ring(struct poller *p, int64_t until)
{
    ring_run(p->ring, until);
    if (p->rung) {
        p->rung = false;
        poller_interrupted(p);
        ring_look(p, &p->bell, p->wake); /* if the kernel has given it up */
    }
    while (p->came) { /* it tells of news alone: take all there is */
        p->came = poller_look(p, 0) == BATCH;
        if (!p->came && p->nodes)
            ring_look(p, &p->events, p->epoll);
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

/* In the child the parent's pollers are nobody's. */
static void poller_after_fork(void)
{
    all_latch = (struct latch){ 0 };
    list_init(&all_pollers);
    block_after_fork();
}

__attribute__((constructor)) static void poller_begin_process(void)
{
    fork_watch(poller_after_fork);
}
