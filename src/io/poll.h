/* io/poll.h - waiting for descriptors.  Each worker has a poller (one epoll, made at first
 * use) that only it touches; a plain thread without one polls for itself.  A descriptor
 * may be waited for by several contexts at once. */
#ifndef IO_POLL_H
#define IO_POLL_H
#include "core/wait.h"

/* One wait for one descriptor.  Holds: in poller's table while linked. */
struct poll_node {
    struct wait_node wait; /* claimed with wait.index as outcome when events come */
    int fd;
    short events, got;     /* as poll(2); got: what came */
};

struct poller;
struct poller *poller_open(void); /* NULL: no memory or descriptors */
void poller_close(struct poller *p);
/* Enlist n.  0; 1: the descriptor cannot be polled, so it is always ready (got is set);
 * -EBADF and others of epoll_ctl(2). */
int poller_add(struct poller *p, struct poll_node *n);
void poller_remove(struct poller *p, struct poll_node *n); /* fine if it is out */
bool poller_busy(const struct poller *p); /* anything enlisted? */
/* Claim and wake what is ready, waiting for it until the monotonic time (0: do not wait;
 * CLOCK_NEVER) or until poller_interrupt. */
void poller_run(struct poller *p, int64_t until);
/* End a poller_run that waits, or the next.  Any thread; signal handlers too. */
void poller_interrupt(struct poller *p);
#endif
