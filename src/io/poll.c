/* io/poll.c - one epoll for one owner: see poll.h.
 *
 * Design: each descriptor is registered once and armed for one report at a time
 * (EPOLLONESHOT), with the union of what its waiters want; after a report it is armed
 * again for those who are left.  So a wait costs one system call, a waiter that leaves
 * costs none (one report too many may come, and finds nobody), and a descriptor nobody
 * waits for is silent, however ready it is.  Registrations die with the open file,
 * which may be before or, when it was duplicated, after the descriptor; so nothing is
 * believed that the kernel was not asked about for this very wait, and reports carry a
 * generation, which tells those of a file that had this number before.
 * Tests: tests/wait_test.c. */
#include "io/poll.h"
#include "base/memory.h"
#include <assert.h>
#include <errno.h>
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
#define WAKE_DATA UINT64_MAX

/* Holds: generation is that of the last registration under this number. */
struct watch {
    struct list nodes; /* wait_nodes of poll_nodes */
    uint32_t generation;
    bool added;        /* registered, unless the kernel has dropped it since */
};

/* Holds: nodes is the number of nodes in all watches.  if interrupted, a
 * write to `wake` was made or is about to be, and poller_run will return after it. */
struct poller {
    int epoll, wake;
    bool coarse;            /* no epoll_pwait2: milliseconds */
    _Atomic bool interrupted;
    struct watch **watches; /* by descriptor; NULL: never waited for */
    size_t room, nodes;
};

/* --- opening --------------------------------------------------------------- */

static int poller_begin(struct poller *p)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = WAKE_DATA };
    p->epoll = fault_now() ? -1 : epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll < 0)
        return -1;
    p->wake = fault_now() ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->wake < 0)
        return -1;
    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->wake, &ev);
}

struct poller *poller_open(void)
{
    int kept = errno;
    struct poller *p = memory_zalloc(sizeof *p);
    if (!p)
        return NULL;
    p->epoll = p->wake = -1;
    if (poller_begin(p) < 0) {
        poller_close(p);
        p = NULL;
    }
    errno = kept;
    return p;
}

void poller_close(struct poller *p)
{
    if (!p)
        return;
    assert(p->nodes == 0);
    if (p->epoll >= 0)
        close(p->epoll);
    if (p->wake >= 0)
        close(p->wake);
    for (size_t i = 0; i < p->room; i++)
        memory_free(p->watches[i]);
    memory_free(p->watches);
    memory_free(p);
}

bool poller_busy(const struct poller *p)
{
    return p->nodes > 0;
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
    struct epoll_event ev = { .events = events | EPOLLONESHOT,
                              .data.u64 = (uint64_t)w->generation << 32 | (uint32_t)fd };
    return epoll_ctl(p->epoll, op, fd, &ev) < 0 ? -errno : 0;
}

/* Ask for one report of these events. */
static int watch_arm(struct poller *p, struct watch *w, int fd, uint32_t events)
{
    int kept = errno, rc = -ENOENT;
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

int poller_add(struct poller *p, struct poll_node *n)
{
    if (n->fd < 0)
        return -EBADF;
    struct watch *w = poller_watch(p, n->fd);
    if (!w)
        return -ENOMEM;
    n->got = 0;
    int rc = watch_arm(p, w, n->fd, watch_wants(w) | (unsigned short)n->events);
    if (rc == -EPERM) {
        n->got = n->events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
        return 1;
    }
    if (rc < 0)
        return rc;
    list_push_back(&w->nodes, &n->wait.link);
    p->nodes++;
    return 0;
}

void poller_remove(struct poller *p, struct poll_node *n)
{
    if (!list_linked(&n->wait.link))
        return;
    list_remove(&n->wait.link);
    p->nodes--;
}

/* --- reporting ------------------------------------------------------------- */

/* Give what came to those who want some of it. */
static void watch_deliver(struct poller *p, struct watch *w, uint32_t came)
{
    struct list *l = w->nodes.next;
    while (l != &w->nodes) {
        struct poll_node *n = node_of(l);
        l = l->next;
        short got = (short)(came & ((unsigned short)n->events | ALWAYS));
        if (!got)
            continue;
        poller_remove(p, n);
        n->got = got;
        if (wait_claim(n->wait.who, n->wait.ticket))
            wait_wake(n->wait.who, n->wait.index);
    }
}

static void watch_report(struct poller *p, uint64_t data, uint32_t came)
{
    size_t fd = (uint32_t)data;
    struct watch *w = fd < p->room ? p->watches[fd] : NULL;
    if (!w || w->generation != (uint32_t)(data >> 32))
        return; /* of a file that is gone from here */
    watch_deliver(p, w, came);
    if (!list_empty(&w->nodes) && watch_arm(p, w, (int)fd, watch_wants(w)) < 0)
        watch_deliver(p, w, POLLNVAL); /* closed under those who are left */
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

void poller_run(struct poller *p, int64_t until)
{
    struct epoll_event ev[BATCH];
    int kept = errno;
    int n = poller_wait(p, ev, until);
    for (int i = 0; i < n; i++)
        if (ev[i].data.u64 == WAKE_DATA)
            poller_interrupted(p);
        else
            watch_report(p, ev[i].data.u64, ev[i].events);
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
