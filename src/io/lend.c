/* io/lend.c - see lend.h.  What comes back goes on a stack that any thread may push to; the
 * owner hands it to the kernel the next time it looks for events. */
#include "io/lend.h"
#include "base/memory.h"
#include <liburing.h>
#include <sys/mman.h>

/* Lies in a buffer that is back.  Holds: it is in one chain, its owner's or the pusher's. */
struct back {
    struct back *next;
};

/* Holds: refs is the number of buffers lent, and 1 while the ring is open. */
struct lender {
    struct io_uring_buf_ring *shared; /* with the kernel */
    char *memory;
    _Atomic uint32_t refs;
    _Atomic(struct back *) back;
};

/* A stride that is no power of two spreads the buffers' first lines over the cache's sets. */
enum { STRIDE = RING_BUFFER + 64, MEMORY_SIZE = RING_BUFFERS * STRIDE,
       SHARED_SIZE = RING_BUFFERS * sizeof(struct io_uring_buf) };

static void *map(size_t size)
{
    void *at = fault_now() ? MAP_FAILED
                           : mmap(NULL, size, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void lender_free(struct lender *l)
{
    if (l->memory)
        munmap(l->memory, MEMORY_SIZE);
    if (l->shared)
        munmap(l->shared, SHARED_SIZE);
    memory_free(l);
}

static void offer(struct lender *l, unsigned id, unsigned ahead)
{
    io_uring_buf_ring_add(l->shared, l->memory + id * (size_t)STRIDE, RING_BUFFER,
                          (unsigned short)id, RING_BUFFERS - 1, (int)ahead);
}

struct lender *lender_open(struct io_uring *u)
{
    int kept = errno;
    struct lender *l = memory_zalloc(sizeof *l);
    if (!l)
        return NULL;
    l->memory = map(MEMORY_SIZE);
    l->shared = map(SHARED_SIZE);
    struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)l->shared,
                                    .ring_entries = RING_BUFFERS, .bgid = RING_GROUP };
    if (!l->memory || !l->shared || io_uring_register_buf_ring(u, &reg, 0) != 0) {
        lender_free(l);
        errno = kept;
        return NULL;
    }
    store_relaxed(&l->refs, 1); /* nobody else knows it yet */
    for (unsigned i = 0; i < RING_BUFFERS; i++)
        offer(l, i, i);
    io_uring_buf_ring_advance(l->shared, RING_BUFFERS);
    errno = kept;
    return l;
}

static void lender_drop(struct lender *l)
{
    /* acq_rel: the last sees all that the others did with the memory */
    if (sub_acqrel(&l->refs, 1) == 1)
        lender_free(l);
}

void lender_close(struct lender *l)
{
    lender_drop(l);
}

void *lender_lent(struct lender *l, uint32_t flags)
{
    add_relaxed(&l->refs, 1); /* the owner's own keeps it */
    return l->memory + (size_t)(flags >> IORING_CQE_BUFFER_SHIFT) * STRIDE;
}

void lender_back(struct lender *l, void *buffer)
{
    struct back *b = buffer;
    b->next = load_relaxed(&l->back); /* the CAS decides */
    while (!cas_release(&l->back, &b->next, b)) /* pairs with lender_refill */
        ;
    lender_drop(l);
}

void lender_refill(struct lender *l)
{
    unsigned n = 0;
    if (!load_relaxed(&l->back)) /* a hint; the next look finds it */
        return;
    /* acquire: pairs with lender_back; who gave it back has read it to the end */
    struct back *b = swap_acquire(&l->back, NULL);
    for (; b; n++) {
        struct back *next = b->next;
        offer(l, (unsigned)(((char *)b - l->memory) / STRIDE), n);
        b = next;
    }
    io_uring_buf_ring_advance(l->shared, (int)n);
}
