/* io/ring_none.c - for builds without liburing: there are no rings, and whoever asks is told.
 * See ring.h. */
#include "io/ring.h"

static const char none[] = "this build of tutti has no io_uring";

const char *ring_refused(void)
{
    return none;
}

struct ring *ring_open(bool defer, int *code)
{
    (void)defer;
    *code = -ENOSYS;
    return NULL;
}

/* Nobody has a ring to give to what follows. */

void ring_close(struct ring *r)
{
    (void)r;
}

void ring_drop(struct ring *r)
{
    (void)r;
}

void ring_forget(struct ring *r)
{
    (void)r;
}

int ring_begin(struct ring *r, struct ring_op *op, const struct ring_want *want)
{
    (void)r;
    (void)op;
    (void)want;
    return -EAGAIN;
}

void ring_cancel(struct ring *r, struct ring_op *op)
{
    (void)r;
    (void)op;
}

bool ring_busy(const struct ring *r)
{
    (void)r;
    return false;
}

void ring_run(struct ring *r, int64_t until)
{
    (void)r;
    (void)until;
}

void ring_drop_unsubmitted(struct ring *r)
{
    (void)r;
}
void ring_drop_stale(struct ring *r)
{
    (void)r;
}

struct lender *ring_lender(struct ring *r)
{
    (void)r;
    return NULL;
}

void *lender_lent(struct lender *l, uint32_t flags)
{
    (void)l;
    (void)flags;
    return NULL;
}

void lender_back(struct lender *l, void *buffer)
{
    (void)l;
    (void)buffer;
}
