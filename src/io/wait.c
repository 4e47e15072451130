/* io/wait.c - see wait.h.  Tests: tests/io_test.c. */
#include "io/wait.h"

int io_ready(struct context *c, struct poller *p, int fd, short events, int64_t until,
             bool edge)
{
    struct poll_node n = { .fd = fd, .events = events };
    uint64_t ticket = wait_prepare(c, "descriptor", (const void *)(uintptr_t)fd);
    wait_node_init(&n.wait, c, ticket, 0);
    int rc = edge ? poller_add_edge(p, &n) : poller_add(p, &n);
    if (rc) {
        wait_abandon(c, ticket);
        return rc < 0 ? rc : n.got;
    }
    rc = wait_park(c, ticket, until, WAIT_CUTTABLE);
    poller_remove(p, &n);
    return rc == WAIT_TIME ? 0 : rc < 0 ? rc : n.got;
}

static int await(struct context *c, struct ring_op *op, const char *what, int64_t until,
                 unsigned flags)
{
    if (!op->under_way)
        return 0;
    op->ticket = wait_prepare(c, what, op);
    op->who = c;
    int rc = wait_park(c, op->ticket, until, flags);
    op->who = NULL;
    return rc == WAIT_TIME ? -ETIMEDOUT : rc < 0 ? rc : 0;
}

int io_await(struct context *c, struct ring_op *op, const char *what, int64_t until)
{
    return await(c, op, what, until, WAIT_CUTTABLE);
}

void io_settle(struct context *c, struct poller *p, struct ring_op *op)
{
    ring_cancel(poller_ring(p), op);
    while (op->under_way)
        await(c, op, "end of what was cancelled", CLOCK_NEVER, 0);
}

int io_do(struct context *c, struct poller *p, const struct ring_want *want,
          const char *what, int64_t until)
{
    struct ring_op op = { 0 };
    do {
        int rc = ring_begin(poller_ring(p), &op, want);
        if (rc < 0)
            return rc;
        rc = io_await(c, &op, what, until);
        if (rc < 0) {
            io_settle(c, p, &op);
            return op.res >= 0 ? op.res : rc;
        }
    } while (io_again(&op));
    return op.res;
}
