/* io/watch.c - who waits for which descriptor: see watch.h.
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
 * Tests: tests/wait_poll_test.c, tests/io_test.c. */
#include "io/watch.h"
#include "base/memory.h"
#include "io/fds.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

/* epoll reports in the words of poll(2). */
_Static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT
                   && EPOLLERR == POLLERR && EPOLLHUP == POLLHUP
                   && EPOLLRDHUP == POLLRDHUP && EPOLLRDNORM == POLLRDNORM
                   && EPOLLWRNORM == POLLWRNORM,
               "translate the events");

enum { ALWAYS = POLLERR | POLLHUP | POLLNVAL };
enum { EDGES = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI, STAYS = ALWAYS | POLLRDHUP };

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

/* --- enlisting ------------------------------------------------------------- */

static struct watch *watch_of(struct watches *all, int fd)
{
    size_t at = (size_t)fd;
    if (at >= all->room) {
        size_t room = at < 32 ? 64 : at * 2;
        struct watch **grown = memory_realloc(all->table, room * sizeof(struct watch *));
        if (!grown)
            return NULL;
        memset(grown + all->room, 0, (room - all->room) * sizeof(struct watch *));
        all->table = grown;
        all->room = room;
    }
    if (!all->table[at]) {
        all->table[at] = memory_zalloc(sizeof(struct watch));
        if (all->table[at])
            list_init(&all->table[at]->nodes);
    }
    return all->table[at];
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

static int watch_control(struct watches *all, struct watch *w, int fd, int op, uint32_t events)
{
    struct epoll_event ev = { .events = events | (w->edge ? EPOLLET : EPOLLONESHOT),
                              .data.u64 = (uint64_t)w->generation << 32 | (uint32_t)fd };
    return epoll_ctl(all->epoll, op, fd, &ev) < 0 ? -errno : 0;
}

/* Ask for one report of these events, or for reports of all edges; either way of what is
 * there now. */
static int watch_arm(struct watches *all, struct watch *w, int fd, uint32_t events)
{
    int kept = errno, rc = -ENOENT;
    if (w->edge)
        events = EDGES;
    if (w->added)
        rc = watch_control(all, w, fd, EPOLL_CTL_MOD, events);
    if (rc == -ENOENT) { /* never registered, or another file has this number now */
        w->generation++;
        rc = watch_control(all, w, fd, EPOLL_CTL_ADD, events);
        if (rc == -EEXIST)
            rc = watch_control(all, w, fd, EPOLL_CTL_MOD, events);
    }
    w->added = rc == 0;
    errno = kept;
    return rc;
}

/* The watch for n, which counts as one who waits from here on; NULL: no memory. */
static struct watch *node_begin(struct watches *all, struct poll_node *n)
{
    struct watch *w = watch_of(all, n->fd);
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

static int node_link(struct watches *all, struct watch *w, struct poll_node *n)
{
    list_push_back(&w->nodes, &n->wait.link);
    all->nodes++;
    return 0;
}

int watches_add(struct watches *all, struct poll_node *n)
{
    if (n->fd < 0)
        return -EBADF;
    struct watch *w = node_begin(all, n);
    if (!w)
        return -ENOMEM;
    int rc = watch_arm(all, w, n->fd, watch_wants(w) | (unsigned short)n->events);
    return rc < 0 ? node_refused(n, rc) : node_link(all, w, n);
}

int watches_add_edge(struct watches *all, struct poll_node *n)
{
    struct watch *w = node_begin(all, n);
    if (!w)
        return -ENOMEM;
    if (unlikely(!w->edge)) {
        w->edge = true;
        w->number_life = n->generation;
        int rc = watch_arm(all, w, n->fd, EDGES);
        if (rc < 0) {
            w->edge = false;
            return node_refused(n, rc);
        }
    }
    n->got = (int)(w->kept & ((unsigned short)n->events | STAYS));
    if (!n->got)
        return node_link(all, w, n);
    w->kept &= ~(uint32_t)n->got | STAYS;
    fd_leave(n->state);
    return 1;
}

void watches_remove(struct watches *all, struct poll_node *n)
{
    if (!list_linked(&n->wait.link))
        return;
    list_remove(&n->wait.link);
    fd_leave(n->state);
    all->nodes--;
}

/* --- reporting ------------------------------------------------------------- */

static void node_deliver(struct watches *all, struct poll_node *n, int got)
{
    watches_remove(all, n);
    n->got = got;
    if (n->wait.notify)
        n->wait.notify(&n->wait); /* it may enlist itself again */
    else if (wait_claim(n->wait.who, n->wait.ticket))
        wait_wake(n->wait.who, n->wait.index);
}

/* Give what came to those who want some of it; what nobody wanted. */
static uint32_t watch_deliver(struct watches *all, struct watch *w, uint32_t came)
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
            node_deliver(all, n, (int)got);
        } else {
            list_remove(l);
            list_push_back(&w->nodes, l);
        }
    }
    return left;
}

void watches_report(struct watches *all, uint64_t data, uint32_t came)
{
    size_t fd = (uint32_t)data;
    struct watch *w = fd < all->room ? all->table[fd] : NULL;
    if (!w || w->generation != (uint32_t)(data >> 32))
        return; /* of a file that is gone from here */
    uint32_t left = watch_deliver(all, w, came);
    if (w->edge)
        w->kept |= left;
    else if (!list_empty(&w->nodes) && watch_arm(all, w, (int)fd, watch_wants(w)) < 0)
        watch_deliver(all, w, POLLNVAL); /* closed under those who are left */
}

static void watch_drop_stale(struct watches *all, struct watch *w)
{
    struct list *l = w->nodes.next;
    while (l != &w->nodes) {
        struct poll_node *n = node_of(l);
        l = l->next;
        if (fd_stale(n->state, n->generation))
            node_deliver(all, n, -ECANCELED);
    }
}

void watches_drop_stale(struct watches *all)
{
    for (size_t fd = 0; fd < all->room && all->nodes; fd++)
        if (all->table[fd])
            watch_drop_stale(all, all->table[fd]);
}

void watches_free(struct watches *all)
{
    for (size_t i = 0; i < all->room; i++)
        memory_free(all->table[i]);
    memory_free(all->table);
}
