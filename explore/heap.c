/* explore/heap.c - the program's heap while it is explored: blocks lie at the same
 * addresses in each schedule, freed ones are not handed out again in it, so whoever
 * touches one, or the bytes behind a block, is caught.  Beside each 16 bytes of heap
 * lie 16 of what is known about the block that begins there.
 * Holds: a span of 64 KiB has blocks of one size, 2^shift; larger blocks have spans of
 * their own, the first of which says how many.
 * Tests: tests/cells/heap.c, tests/explore/heap.c. */
#include "engine.h"
#include "fail.h"
#include "heap.h"
#include "races.h"
#include "scarce.h"
#include "schedule.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEAP_AT ((char *)0x110000000000)
#define META_AT ((char *)0x120000000000)
#define HEAP_SIZE (64ul << 30)
enum {
    SPAN_BITS = 16, SPAN = 1 << SPAN_BITS, SHIFT_MIN = 4, SHIFT_MAX = 14, LARGE = 99
};
enum { SPANS = 1 << 20 };

struct meta {
    uint32_t size;
    uint16_t generation;
    uint8_t thread, state; /* LIVE or FREED */
    uint64_t pc;           /* who freed it; for a large block's upper size too */
};
enum { LIVE = 1, FREED = 2 };

static uint8_t *shift_of;     /* of each span; 0: unused */
static uint32_t *head_of;     /* a large block's first span */
static uint32_t spans, sealed; /* used; those of before the first schedule */
static uint32_t next[SHIFT_MAX + 1], end[SHIFT_MAX + 1]; /* in units of 16 bytes */
static uint16_t generation;
static char *saved_heap, *saved_meta;
static size_t saved;
static uint64_t *large_size;

bool heap_open(void)
{
    shift_of = scarce_map(NULL, SPANS);
    head_of = scarce_map(NULL, SPANS * sizeof *head_of);
    large_size = scarce_map(NULL, SPANS * sizeof *large_size);
    return shift_of && head_of && large_size && scarce_map(HEAP_AT, HEAP_SIZE) &&
           scarce_map(META_AT, HEAP_SIZE);
}

bool heap_owns(const void *p)
{
    return (uintptr_t)p - (uintptr_t)HEAP_AT < HEAP_SIZE;
}

static struct meta *meta_of(const char *block)
{
    return (struct meta *)(META_AT + (block - HEAP_AT));
}

/* The block that p lies in, or would lie in. */
static char *block_of(const char *p)
{
    size_t offset = (size_t)(p - HEAP_AT), span = offset >> SPAN_BITS;
    if (shift_of[span] == LARGE)
        return HEAP_AT + ((size_t)head_of[span] << SPAN_BITS);
    if (!shift_of[span])
        return NULL;
    return HEAP_AT + (offset & ~(((size_t)1 << shift_of[span]) - 1));
}

void heap_seal(void)
{
    sealed = spans;
    saved = (size_t)spans << SPAN_BITS;
    if (saved) {
        saved_heap = scarce_map(NULL, saved);
        saved_meta = scarce_map(NULL, saved);
        if (!saved_heap || !saved_meta)
            cannot("no memory to keep %zu bytes of heap", saved);
        memcpy(saved_heap, HEAP_AT, saved);
        memcpy(saved_meta, META_AT, saved);
    }
}

void heap_reset(void)
{
    if (saved) {
        memcpy(HEAP_AT, saved_heap, saved);
        memcpy(META_AT, saved_meta, saved);
    }
    if (spans > sealed)
        memset(shift_of + sealed, 0, spans - sealed);
    size_t used = (size_t)(spans - sealed) << SPAN_BITS;
    if (used > 32ul << 20) /* what one schedule took is not kept for all */
        madvise(HEAP_AT + saved, used, MADV_DONTNEED);
    spans = sealed;
    memset(next, 0, sizeof next);
    memset(end, 0, sizeof end);
    if (++generation == 0) {
        madvise(META_AT + saved, HEAP_SIZE - saved, MADV_DONTNEED);
        generation = 1;
    }
}

static uint32_t new_spans(uint32_t n)
{
    if (spans + n > SPANS)
        return UINT32_MAX;
    uint32_t first = spans;
    spans += n;
    return first;
}

static char *take_large(size_t n, size_t align)
{
    size_t need = (n + 16 + SPAN - 1) >> SPAN_BITS,
           extra = align > SPAN ? align >> SPAN_BITS : 0;
    uint32_t first = new_spans((uint32_t)(need + extra));
    if (first == UINT32_MAX)
        return NULL;
    while (extra && ((uintptr_t)(HEAP_AT + ((size_t)first << SPAN_BITS)) & (align - 1)))
        first++;
    for (size_t i = 0; i < need; i++) {
        shift_of[first + i] = LARGE;
        head_of[first + i] = first;
    }
    large_size[first] = n;
    return HEAP_AT + ((size_t)first << SPAN_BITS);
}

static char *take_small(unsigned shift)
{
    if (next[shift] == end[shift]) {
        uint32_t span = new_spans(1);
        if (span == UINT32_MAX)
            return NULL;
        shift_of[span] = (uint8_t)shift;
        next[shift] = span << (SPAN_BITS - 4);
        end[shift] = next[shift] + (SPAN >> 4);
    }
    char *p = HEAP_AT + ((size_t)next[shift] << 4);
    next[shift] += 1u << (shift - 4);
    return p;
}

void *heap_take(size_t n, size_t align, const void *pc)
{
    unsigned shift = SHIFT_MIN;
    if (n > HEAP_SIZE / 2) { /* n + 1 and its like do not wrap below */
        errno = ENOMEM;
        return NULL;
    }
    size_t room = n + 1 > align ? n + 1 : align; /* a byte behind belongs to nobody */
    while (shift <= SHIFT_MAX && ((size_t)1 << shift) < room)
        shift++;
    char *p = shift <= SHIFT_MAX ? take_small(shift) : take_large(n, align);
    if (!p) {
        errno = ENOMEM;
        return NULL;
    }
    assert(block_of(p) == p && block_of(p + n) == p && !((uintptr_t)p & (align - 1)));
    *meta_of(p) = (struct meta){ .size = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n,
                                 .generation = generation, .state = LIVE,
                                 .thread = ex.me ? (uint8_t)ex.me->id : 0,
                                 .pc = (uintptr_t)pc };
    memset(p, 0xA5, n); /* the same in each schedule, and not what was there before */
    return p;
}

/* Whether the block is known in this schedule, or from before the first. */
static bool known(const struct meta *m, const char *block)
{
    return m->state && (m->generation == generation || block < HEAP_AT + saved);
}

size_t heap_size(const void *p)
{
    const char *block = block_of(p);
    if (!block)
        return 0;
    size_t span = (size_t)(block - HEAP_AT) >> SPAN_BITS;
    return shift_of[span] == LARGE ? large_size[span] : meta_of(block)->size;
}

void heap_give(void *p, const void *pc)
{
    char *block = block_of(p);
    struct meta *m = block ? meta_of(block) : NULL;
    if (!m || !known(m, block) || block != p) {
        if (ex.on)
            fail(FAIL_FREED, pc, "free() of what malloc() did not give");
        return;
    }
    if (m->state == FREED && ex.on) {
        fail_place(m->thread, OP_FREE, (void *)m->pc);
        fail(FAIL_FREED, pc, "freed twice: by thread %d and again by thread %d",
             m->thread, ex.me->id);
    }
    if (ex.on)
        race_free(block, heap_size(block), pc);
    m->state = FREED;
    m->thread = ex.me ? (uint8_t)ex.me->id : 0;
    m->pc = (uintptr_t)pc;
}

void heap_check(const void *a, size_t n, bool write, const void *pc)
{
    const char *p = a, *block = block_of(p);
    const struct meta *m = block ? meta_of(block) : NULL;
    const char *does = write ? "writes" : "reads";
    if (rare(!m || !known(m, block) || m->state == FREED ||
             p + n > block + heap_size(block))) {
        ex.result->address = (uintptr_t)a;
        ex.me->op = write ? OP_WRITE : OP_READ;
    }
    if (rare(!m || !known(m, block)))
        fail(FAIL_FREED, pc, "thread %d %s heap memory that belongs to no block",
             ex.me->id, does);
    if (rare(m->state == FREED)) {
        fail_place(m->thread, OP_FREE, (void *)m->pc);
        fail(FAIL_FREED, pc, "thread %d %s memory that thread %d has freed", ex.me->id,
             does, m->thread);
    }
    if (rare(p + n > block + heap_size(block)))
        fail(FAIL_FREED, pc, "thread %d %s %zu bytes at offset %zu of a block of %zu",
             ex.me->id, does, n, (size_t)(p - block), heap_size(block));
}
