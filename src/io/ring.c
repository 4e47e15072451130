/* io/ring.c - see ring.h.  The ring's two queues are liburing's; here are who may have one,
 * which completion belongs to which operation, and how an operation ends. */
#include "io/ring.h"
#include "base/clock.h"
#include "base/memory.h"
#include "core/wait.h"
#include "io/lend.h"
#include <assert.h>
#include <liburing.h>

enum { QUEUE = 128, COMPLETIONS = 8192, SUBMIT_TRIES = 64, NO_SLOT = 0xffffffff };

/* Holds: op is NULL if and only if the slot is in the chain of free ones. */
struct slot {
    struct ring_op *op;
    uint32_t generation, next;
};

/* Holds: active is the number of slots with an op that is not `inside`. */
struct ring {
    struct io_uring uring;
    struct slot *slots;
    uint32_t room, free;
    size_t active;
    struct lender *lender;
};

/* --- who may have one ------------------------------------------------------- */

static int setup(struct io_uring *u, bool defer)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP
                 | (defer ? IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER
                          : IORING_SETUP_COOP_TASKRUN)
                 | IORING_SETUP_TASKRUN_FLAG,
        .cq_entries = COMPLETIONS,
    };
    int rc = fault_now() ? -ENOMEM : io_uring_queue_init_params(QUEUE, u, &params);
    if (rc == 0 && !(params.features & IORING_FEAT_EXT_ARG)) {
        io_uring_queue_exit(u);
        rc = -ENOSYS;
    }
    return rc;
}

static const char *words_of(int rc)
{
    return rc == -ENOMEM ? "no memory, or less of it may be locked"
           : rc == -EPERM ? "it is forbidden here (kernel.io_uring_disabled, or a container)"
           : rc == -ENOSYS || rc == -EINVAL ? "the kernel has none, or an old one (before 6.0)"
                                            : tutti_strerror(rc);
}

/* What streams need came with Linux 6.0, as did this.  0, or why not. */
static int ask(void)
{
    struct io_uring u;
    int rc = setup(&u, false);
    if (rc < 0)
        return rc;
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u);
    bool fresh = probe && io_uring_opcode_supported(probe, IORING_OP_SEND_ZC);
    io_uring_free_probe(probe);
    io_uring_queue_exit(&u);
    return fresh ? 0 : -ENOSYS;
}

/* Another time it may be different. */
static bool is_passing(int rc)
{
    return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -EAGAIN;
}

const char *ring_refused(void)
{
    static _Atomic int answer; /* 1: yes; negative: why not */
    int known = load_relaxed(&answer); /* nothing goes with it; two who ask get the same */
    if (known == 0) {
        int kept = errno;
        if (fiber_emulated())
            return "the program runs in an emulator (valgrind)";
        known = ask();
        errno = kept;
        known = known == 0 ? 1 : known;
        if (!is_passing(known))
            store_relaxed(&answer, known); /* as above */
    }
    return known == 1 ? NULL : words_of(known);
}

struct ring *ring_open(bool defer, int *code)
{
    struct ring *r = ring_refused() ? NULL : memory_zalloc(sizeof *r);
    *code = r ? setup(&r->uring, defer) : -ENOMEM;
    if (*code < 0) {
        memory_free(r);
        return NULL;
    }
    r->free = NO_SLOT;
    return r;
}

void ring_close(struct ring *r)
{
    if (!r)
        return;
    assert(r->active == 0);
    io_uring_queue_exit(&r->uring); /* before its buffers go */
    ring_forget(r);
}

/* What its thread was about to change in *r stays as it is. */
void ring_drop(struct ring *r)
{
    io_uring_queue_exit(&r->uring);
}

void ring_forget(struct ring *r)
{
    if (!r)
        return;
    if (r->lender)
        lender_close(r->lender);
    memory_free(r->slots);
    memory_free(r);
}

bool ring_busy(const struct ring *r)
{
    return r->active > 0 || io_uring_sq_ready(&r->uring) > 0;
}

/* --- beginning ---------------------------------------------------------------- */

static int slots_grow(struct ring *r)
{
    uint32_t room = r->room ? r->room * 2 : 64;
    struct slot *grown = memory_realloc(r->slots, room * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    for (uint32_t i = r->room; i < room; i++)
        grown[i] = (struct slot){ NULL, 1, i + 1 < room ? i + 1 : NO_SLOT };
    r->free = r->room;
    r->room = room;
    r->slots = grown;
    return 0;
}

static void reap(struct ring *r);

/* The operation of a slot as user_data names it; NULL: it is over, or of a cancel. */
static struct ring_op *op_of(const struct ring *r, uint64_t data)
{
    uint32_t at = (uint32_t)data;
    return at < r->room && r->slots[at].generation == data >> 32 ? r->slots[at].op : NULL;
}

void ring_drop_unsubmitted(struct ring *r)
{
    const struct io_uring_sq *sq = &r->uring.sq;
    for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++) {
        struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];
        struct ring_op *op = op_of(r, sqe->user_data);
        if (sqe->opcode == IORING_OP_ASYNC_CANCEL || !op || !op->state
            || !fd_stale(op->state, op->generation))
            continue;
        op->closed = op->dropped = true;
        *sqe = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = sqe->user_data };
    }
}

static struct io_uring_sqe *sqe_get(struct ring *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);
    for (int i = 0; unlikely(!sqe) && i < SUBMIT_TRIES; i++) {
        ring_drop_unsubmitted(r);
        io_uring_submit(&r->uring);
        reap(r); /* what has ended gives back its memory while that is in the cache */
        sqe = io_uring_get_sqe(&r->uring);
    }
    return sqe;
}

static void sqe_fill(struct io_uring_sqe *sqe, const struct ring_want *w, uint64_t data)
{
    *sqe = (struct io_uring_sqe){
        .opcode = w->opcode, .flags = w->sqe_flags, .ioprio = w->ioprio, .fd = w->fd,
        .addr = w->addr, .off = w->off, .len = w->len, .rw_flags = (int)w->op_flags,
        .buf_group = w->group, .user_data = data,
    };
}

int ring_begin(struct ring *r, struct ring_op *op, const struct ring_want *want)
{
    int kept = errno;
    if (unlikely(r->free == NO_SLOT) && slots_grow(r) < 0)
        return -ENOMEM;
    struct io_uring_sqe *sqe = sqe_get(r);
    errno = kept;
    if (unlikely(!sqe))
        return -EAGAIN;
    struct slot *s = &r->slots[r->free];
    op->slot = r->free;
    r->free = s->next;
    s->op = op;
    sqe_fill(sqe, want, (uint64_t)s->generation << 32 | op->slot);
    op->state = want->fd >= 0 && !op->inside ? fd_state(want->fd) : NULL;
    if (op->state)
        op->generation = fd_enter(op->state);
    op->under_way = true;
    op->closed = op->dropped = false;
    r->active += !op->inside;
    return 0;
}

void ring_cancel(struct ring *r, struct ring_op *op)
{
    int kept = errno;
    if (!op->under_way)
        return;
    struct io_uring_sqe *sqe = sqe_get(r);
    errno = kept;
    if (!sqe)
        return; /* it ends by itself, later */
    uint64_t data = (uint64_t)r->slots[op->slot].generation << 32 | op->slot;
    sqe_fill(sqe, &(struct ring_want){ .opcode = IORING_OP_ASYNC_CANCEL, .fd = -1,
                                       .addr = data }, 0);
}

void ring_drop_stale(struct ring *r)
{
    for (uint32_t i = 0; i < r->room; i++) {
        struct ring_op *op = r->slots[i].op;
        if (op && op->state && fd_stale(op->state, op->generation)) {
            op->closed = true;
            ring_cancel(r, op);
        }
    }
}

/* --- ending ------------------------------------------------------------------- */

static void op_over(struct ring *r, struct ring_op *op)
{
    struct slot *s = &r->slots[op->slot];
    s->op = NULL;
    s->generation += s->generation == UINT32_MAX ? 2 : 1; /* 0 is for cancels */
    s->next = r->free;
    r->free = op->slot;
    r->active -= !op->inside;
    op->under_way = false;
    if (op->state)
        fd_leave(op->state);
}

static void completed(struct ring *r, uint64_t data, int res, uint32_t flags)
{
    struct ring_op *op = op_of(r, data);
    if (!op)
        return; /* of a cancel */
    if (unlikely(res == -EBADF) && op->state && fd_stale(op->state, op->generation))
        op->closed = op->dropped = true; /* by another thread, just before it was submitted */
    op->res = unlikely(op->dropped) ? -ECANCELED : res;
    op->flags = flags;
    if (!(flags & IORING_CQE_F_MORE))
        op_over(r, op);
    if (op->ended)
        op->ended(op);
    else if (op->who && wait_claim(op->who, op->ticket))
        wait_wake(op->who, 0);
}

/* The next completion, out of the queue: what is called for one may come back here. */
static bool take(struct ring *r, struct io_uring_cqe *out)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    io_uring_for_each_cqe(&r->uring, head, cqe) {
        *out = *cqe;
        io_uring_cq_advance(&r->uring, 1);
        return true;
    }
    return false;
}

static void reap(struct ring *r)
{
    struct io_uring_cqe cqe;
    if (r->lender)
        lender_refill(r->lender);
    while (take(r, &cqe))
        completed(r, cqe.user_data, cqe.res, cqe.flags);
}

void ring_run(struct ring *r, int64_t until)
{
    struct io_uring_cqe *cqe;
    int64_t now = until > 0 && until != CLOCK_NEVER ? clock_now() : 0;
    int64_t left = until > now ? until - now : 0;
    struct __kernel_timespec span = { left / 1000000000, left % 1000000000 };
    if (r->lender)
        lender_refill(r->lender);
    if (until > now)
        io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1,
                                         until == CLOCK_NEVER ? NULL : &span, NULL);
    else if (io_uring_sq_ready(&r->uring))
        io_uring_submit_and_get_events(&r->uring);
    else
        io_uring_peek_cqe(&r->uring, &cqe); /* enters only if completions wait for it */
    reap(r);
}

/* --- buffers ------------------------------------------------------------------ */

struct lender *ring_lender(struct ring *r)
{
    if (!r->lender)
        r->lender = lender_open(&r->uring);
    return r->lender;
}
