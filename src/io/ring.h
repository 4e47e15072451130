/* io/ring.h - an io_uring for one owner: operations that the kernel carries out while their
 * fibers are parked, submitted together when the owner looks for events.  The owner is a
 * worker; whichever thread plays its role may use the ring, one at a time (but for those
 * opened with `defer`, which belong to the thread that opened them).
 *
 * An operation that was begun is over only when its own completion has been seen: until then
 * the kernel may write where it was told to, so nothing that it points to may go.  To be rid
 * of one early, ring_cancel asks for that completion to come soon.
 *
 * Completions carry a slot number and its generation, so one that nobody expects finds
 * nothing.  Tests: tests/io_test.c, tests/stream_test.c. */
#ifndef IO_RING_H
#define IO_RING_H
#include "base/list.h"
#include "core/context.h"
#include "io/fds.h"
#include <sys/socket.h>

struct ring;

/* One operation.  Holds: under_way from ring_begin until its last completion was seen; slot
 * is its own meanwhile.  Where it lies must stay as long. */
struct ring_op {
    void (*ended)(struct ring_op *op); /* called for each completion; NULL: wake who */
    struct context *who;  /* waits by `ticket`; NULL: nobody */
    uint64_t ticket;
    struct fd_state *state; /* of fd; NULL: none */
    uint32_t generation;  /* of fd */
    uint32_t slot;
    int32_t res;          /* as the system call, or -errno */
    uint32_t flags;       /* the completion's */
    bool under_way, closed; /* closed: ended because its descriptor was */
    bool dropped;         /* ... before the kernel had heard of it */
    bool inside;          /* of the poller itself: keeps nobody awake */
};

/* What is wanted, in the words of io_uring_enter(2). */
struct ring_want {
    uint8_t opcode;       /* IORING_OP_* */
    uint8_t sqe_flags;
    uint16_t ioprio;
    int fd;
    uint64_t addr, off;   /* addr: buffer, path, address; off: offset, second address */
    uint32_t len, op_flags;
    uint16_t group;       /* of buffers to choose from */
};

/* NULL and *code: not granted here, or no memory or descriptors. */
struct ring *ring_open(bool defer, int *code);
void ring_close(struct ring *r);
/* In the child of a fork(): let go of the parent's, in which nothing may be touched. */
void ring_drop(struct ring *r);
/* Its memory, where its thread was not at it: nothing was under way.  NULL is fine. */
void ring_forget(struct ring *r);
/* May this process have rings?  Asked without noise, and once, unless the answer was that
 * something is short now.  NULL: yes; else why not. */
const char *ring_refused(void);
/* 0: op is under way; -EAGAIN, -ENOMEM: it is not. */
int ring_begin(struct ring *r, struct ring_op *op, const struct ring_want *want);
/* Ask for op to end soon; fine if it has. */
void ring_cancel(struct ring *r, struct ring_op *op);
/* Anything under way or to be submitted? */
bool ring_busy(const struct ring *r);
/* Submit, wait for completions until then (as poller_run), handle all there are. */
void ring_run(struct ring *r, int64_t until);
/* Cancel all whose descriptor was closed by us. */
void ring_drop_stale(struct ring *r);
/* The same for those that are still to be submitted, before they are: their number may stand
 * for another file by now. */
void ring_drop_unsubmitted(struct ring *r);

/* --- buffers that the kernel chooses when data has come --------------------------- */

enum { RING_BUFFERS = 1024, RING_BUFFER = 2048, RING_GROUP = 0 };
struct lender; /* a ring's buffers; lives until the last is back */
/* Make them, once.  NULL: no memory, or not granted. */
struct lender *ring_lender(struct ring *r);
/* The buffer that a completion with these flags has filled: lent until lender_back. */
void *lender_lent(struct lender *l, uint32_t flags);
/* Any thread. */
void lender_back(struct lender *l, void *buffer);
#endif
