/* io/wait.h - one system call's worth of waiting, by a context that a worker carries.  The
 * calls in src/net are written on these two. */
#ifndef IO_WAIT_H
#define IO_WAIT_H
#include "io/poll.h"
#include "io/ring.h"

/* Until fd is ready for some of the events (poll(2)): what came, > 0; 0: `until` has come;
 * -ECANCELED, -ETIMEDOUT as any wait, -ECANCELED also when it was closed by tutti_close; what
 * epoll_ctl(2) says.  edge: as poller_add_edge. */
int io_ready(struct context *c, struct poller *p, int fd, short events, int64_t until,
             bool edge);
/* Have p's ring do it, until then: what the system call gives, negative: -errno.  A cut, or
 * the time (-ETIMEDOUT), ends it with a code only if nothing was done; else with what was. */
int io_do(struct context *c, struct poller *p, const struct ring_want *want,
          const char *what, int64_t until);
/* The parts of io_do, for operations that outlive one call: wait until op, which was begun,
 * has ended.  0; or the cut's code, or -ETIMEDOUT: op may be under way still. */
int io_await(struct context *c, struct ring_op *op, const char *what, int64_t until);
/* After a cut: ask op to end and wait until it has. */
void io_settle(struct context *c, struct poller *p, struct ring_op *op);
/* Did op end for no reason of ours (the thread that had begun it is gone), so that it is to
 * be begun again? */
static inline bool io_again(const struct ring_op *op)
{
    return unlikely(op->res == -ECANCELED) && !op->closed;
}
#endif
