/* tests/ring_faults.h - completions of a ring that fail: the linker leads the calls that bring
 * them here (meson.build), and each is counted together with what asks fault_now; the one whose
 * turn it is says -EIO, whatever the kernel has done.
 *
 * Which operation it was is noted when it is submitted.  Left alone are those that only look
 * (polls, cancels) and what has failed anyway; what was opened is closed, since nobody hears
 * of it. */
#ifndef TESTS_RING_FAULTS_H
#define TESTS_RING_FAULTS_H
#include "base/memory.h"
#include <errno.h>
#include <liburing.h>
#include <unistd.h>

enum { RING_SLOTS = 1 << 12 };
static uint8_t ring_opcodes[RING_SLOTS]; /* by slot: the low half of user_data */
static const struct io_uring *ring_seen; /* whose completions up to ring_seen_to were counted */
static unsigned ring_seen_to;

static void ring_note_submitted(const struct io_uring *r)
{
    const struct io_uring_sq *sq = &r->sq;
    for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
        const struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];
        ring_opcodes[(uint32_t)sqe->user_data % RING_SLOTS] = sqe->opcode;
    }
}

static void ring_fail_one(struct io_uring_cqe *cqe)
{
    unsigned opcode = ring_opcodes[(uint32_t)cqe->user_data % RING_SLOTS];
    if (cqe->user_data == 0 || cqe->res < 0 || opcode == IORING_OP_POLL_ADD || !fault_now())
        return;
    if (opcode == IORING_OP_OPENAT || opcode == IORING_OP_ACCEPT)
        close(cqe->res);
    cqe->res = -EIO;
}

static void ring_fail_some(struct io_uring *r)
{
    unsigned head = *r->cq.khead;
    unsigned tail = __atomic_load_n(r->cq.ktail, __ATOMIC_ACQUIRE); /* pairs with the kernel's */
    if (ring_seen != r || (int)(ring_seen_to - head) < 0 || (int)(tail - ring_seen_to) < 0)
        ring_seen_to = head; /* another ring, or one that came at the place of another */
    ring_seen = r;
    for (; ring_seen_to != tail; ring_seen_to++)
        ring_fail_one(&r->cq.cqes[ring_seen_to & r->cq.ring_mask]);
}

#define BRINGS(name_, parameters_, arguments_)                                \
    int __real_##name_ parameters_;                                           \
    int __wrap_##name_ parameters_;                                           \
    int __wrap_##name_ parameters_                                            \
    {                                                                         \
        ring_note_submitted(r);                                               \
        int rc = __real_##name_ arguments_;                                   \
        ring_fail_some(r);                                                    \
        return rc;                                                            \
    }
BRINGS(io_uring_submit, (struct io_uring *r), (r))
BRINGS(io_uring_submit_and_get_events, (struct io_uring *r), (r))
BRINGS(io_uring_submit_and_wait_timeout,
       (struct io_uring *r, struct io_uring_cqe **c, unsigned n, struct __kernel_timespec *t,
        sigset_t *m),
       (r, c, n, t, m))
BRINGS(__io_uring_get_cqe,
       (struct io_uring *r, struct io_uring_cqe **c, unsigned s, unsigned n, sigset_t *m),
       (r, c, s, n, m))
#endif
