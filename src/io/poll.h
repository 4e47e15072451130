/* io/poll.h - waiting for descriptors.  Each worker has a poller (one epoll, made at first
 * use, and one io_uring where that is granted) that only it touches; a plain thread without
 * one polls for itself.  A descriptor may be waited for by several contexts at once.
 *
 * With a ring the owner sleeps in the ring, which looks at the epoll and at the bell; without,
 * in the epoll.  Either way a wait for a descriptor is an entry in the epoll. */
#ifndef IO_POLL_H
#define IO_POLL_H
#include "core/wait.h"

struct block_cache;
struct fd_state;
struct ring;

/* One wait for one descriptor.  Holds: in poller's table while linked. */
struct poll_node {
    struct wait_node wait; /* claimed with wait.index as outcome when events come */
    int fd;
    short events;          /* as poll(2) */
    int got;               /* what came; -ECANCELED: it was closed by tutti_close */
    struct fd_state *state;
    uint32_t generation;   /* of the descriptor's number */
};

enum io_kind { IO_ANY, IO_EPOLL, IO_URING, IO_DEFER, IO_KINDS };
/* What IO_ANY comes to here, or the kind itself; NULL in *why: it can be had. */
enum io_kind io_resolve(enum io_kind kind, const char **why);

struct poller;
/* NULL: no memory or descriptors.  IO_ANY falls back to epoll, other kinds do not. */
struct poller *poller_open(enum io_kind kind);
int poller_refused(void); /* why the last one on this thread was: -EMFILE, -ENFILE, -ENOMEM */
void poller_close(struct poller *p);
/* In the child of a fork(), of one that a kept worker had: no thread was at it.  NULL is fine. */
void poller_discard(struct poller *p);
/* Before another thread becomes the owner for good. */
int poller_adopt(struct poller *p);
struct ring *poller_ring(const struct poller *p); /* NULL: it has none */
struct block_cache *poller_blocks(struct poller *p); /* NULL if p is */
/* Blocks that are out, in all; tests only, at rest. */
long pollers_blocks_lent(void);
/* Enlist n.  0; 1: the descriptor cannot be polled, so it is always ready (got is set);
 * -EBADF and others of epoll_ctl(2). */
int poller_add(struct poller *p, struct poll_node *n);
/* The same without a system call, for descriptors that are closed by tutti_close only: it
 * is registered once, edge-triggered, so n is told of what comes from now on, or 1: of what
 * came unnoticed before.  Who was told tries until there is no more. */
int poller_add_edge(struct poller *p, struct poll_node *n);
void poller_remove(struct poller *p, struct poll_node *n); /* fine if it is out */
bool poller_busy(const struct poller *p); /* anything enlisted or under way? */
/* Claim and wake what is ready, waiting for it until the monotonic time (0: do not wait;
 * CLOCK_NEVER) or until poller_interrupt. */
void poller_run(struct poller *p, int64_t until);
/* End a poller_run that waits, or the next.  Any thread; signal handlers too. */
void poller_interrupt(struct poller *p);
/* fd is about to be closed or begins a new life: whatever waits for it, on any worker, ends
 * with -ECANCELED.  Any thread. */
void poller_forget(int fd);
#endif
