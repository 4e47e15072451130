/* fiber/pool.c - where stacks come from: mappings of many slots, each with its guard,
 * and a list of ended fibers, last in first out.
 *
 * A mapping is made for many fibers at once (a mapping each would meet vm.max_map_count
 * early) and doubles from one to the next; when the system refuses, half is tried.
 * Memory is only touched when a fiber is made, on its top page.  Nothing is given back
 * before fiber_pool_close: last in first out keeps the stacks that once ran deep in
 * use, and a call for each put would cost more than the task it served.
 * Tests: tests/fiber_test.c, tests/fiber_guard_test.c. */
#include "base/memory.h"
#include "base/small.h"
#include "fiber/guard.h"
#include "fiber/inside.h"
#include <assert.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINE = 64, STAGGERS = 16 }; /* tops differ by lines, within one page */
enum { SLOTS_FIRST = SMALL(16, 4), SLOTS_MOST = 1024 };
static const size_t REGION_MOST = (size_t)256 << 20, STACK_MOST = (size_t)1 << 30;

/* All pools, for the overflow handler.  Changed under pools_latch.  A handler counts
 * itself in pools_readers, takes no latch, and then reads the list; who takes a pool
 * out waits until nobody reads: seqcst on both, so that the reader sees the pool gone
 * or the closer sees the reader. */
static struct latch pools_latch;
static struct fiber_pool *_Atomic pools;
static _Atomic int pools_readers;

static _Thread_local const char *why = "";

const char *fiber_why(void)
{
    return why;
}

void why_fiber(const char *words)
{
    why = words;
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

struct fiber_pool *fiber_pool_open(size_t stack, size_t block, fiber_main *main)
{
    size_t page = page_size();
    if (stack < FIBER_STACK_MIN)
        stack = FIBER_STACK_MIN;
    if (stack > STACK_MOST)
        stack = STACK_MOST;
    struct fiber_pool *p = memory_zalloc(sizeof *p);
    if (!p) {
        why_fiber("no memory for a pool of stacks");
        return NULL;
    }
    p->stack = round_up(stack, page);
    if (block < sizeof(struct fiber))
        block = sizeof(struct fiber);
    p->block = round_up(block, LINE);
    p->room = round_up(FIBER_STRAND, page);
    size_t upper = round_up(p->stack + p->block + STAGGERS * LINE, page);
    p->slot = round_up(p->room + page + upper, p->room);
    p->guard = p->slot - p->room - upper; /* what rounding leaves widens the guard */
    p->next_slots = SLOTS_FIRST;
    p->main = main;
    latch_lock(&pools_latch);
    store_relaxed(&p->next, load_relaxed(&pools)); /* published by the next line */
    store_release(&pools, p); /* pairs with load_acquire in pools_guard */
    latch_unlock(&pools_latch);
    return p;
}

struct fiber *pool_fiber(const struct fiber_pool *p, const struct region *r, size_t i)
{
    char *end = r->base + (i + 1) * p->slot;
    return (struct fiber *)(void *)(end - i % STAGGERS * LINE - p->block);
}

/* Map n slots; NULL: refused. */
static struct region *region_map(const struct fiber_pool *p, size_t n)
{
    struct region *r = memory_zalloc(sizeof *r);
    if (!r)
        return NULL;
    r->slots = n;
    r->length = n * p->slot + p->room; /* to begin at a multiple of room */
    r->map = fault_now() ? MAP_FAILED
                         : mmap(NULL, r->length, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
                                -1, 0);
    if (r->map == MAP_FAILED) {
        memory_free(r);
        return NULL;
    }
    /* A huge page would make a parked fiber cost 2 MiB.  Kernels without huge pages
     * refuse, which is as good. */
    if (!fault_now())
        madvise(r->map, r->length, MADV_NOHUGEPAGE);
    r->base = (char *)round_up((uintptr_t)r->map, p->room);
    return r;
}

/* Under p->grow: a region with a slot left; NULL: refused. */
static struct region *pool_region(struct fiber_pool *p)
{
    struct region *r = load_relaxed(&p->regions); /* both change under p->grow only */
    if (r && load_relaxed(&r->used) < r->slots)
        return r;
    size_t n = p->next_slots;
    while (n > 1 && n > REGION_MOST / p->slot)
        n /= 2;
    for (; n; n /= 2) {
        struct region *new = region_map(p, n);
        if (new) {
            new->next = r;
            store_release(&p->regions, new); /* pairs with pools_guard */
            p->next_slots = n * 2 < SLOTS_MOST ? n * 2 : SLOTS_MOST;
            return new;
        }
    }
    why_fiber("no memory for another stack: the system refused a mapping");
    return NULL;
}

/* A new fiber, guarded and ready to run main. */
static struct fiber *pool_grow(struct fiber_pool *p)
{
    struct fiber *f = NULL;
    latch_lock(&p->grow);
    struct region *r = pool_region(p);
    if (r) {
        size_t i = load_relaxed(&r->used); /* changes under p->grow only */
        char *guard = r->base + i * p->slot + p->room;
        if (!guard_set(guard, p->guard, page_size())) {
            why_fiber("no guard for another stack: the system has no more mappings; "
                      "raise vm.max_map_count or keep fewer tasks at once");
        } else {
            f = pool_fiber(p, r, i);
            f->low = guard + p->guard;
            f->high = (char *)f;
            fiber_frame(f, p->main); /* before told_new: ThreadSanitizer orders what the
                                        maker wrote until then before the fiber */
            if (told_new(f)) {
                store_release(&r->used, i + 1); /* pairs with pools_guard */
            } else {
                why_fiber("no more stacks: ThreadSanitizer follows 8,000 at most");
                f = NULL;
            }
        }
    }
    latch_unlock(&p->grow);
    return f;
}

struct fiber *fiber_get(struct fiber_pool *p)
{
    latch_lock(&p->latch);
    struct fiber *f = p->free;
    if (f)
        p->free = f->next;
    latch_unlock(&p->latch);
    if (unlikely(!f))
        return pool_grow(p);
    f->next = NULL;
    return f;
}

void fiber_put(struct fiber_pool *p, struct fiber *f)
{
    latch_lock(&p->latch);
    f->next = p->free;
    p->free = f;
    latch_unlock(&p->latch);
}

void *fiber_room(const struct fiber_pool *p, const struct fiber *f)
{
    return f->low - p->guard - p->room;
}

size_t fiber_pool_count(const struct fiber_pool *p)
{
    size_t count = 0;
    /* acquire: pairs with the release that published the region */
    for (struct region *r = load_acquire(&p->regions); r; r = r->next)
        count += load_relaxed(&r->used); /* a figure; nothing follows from it */
    return count;
}

void fiber_pool_each(const struct fiber_pool *p, void (*look)(struct fiber *f, void *arg),
                     void *arg)
{
    /* relaxed, both: the caller keeps others from changing them */
    for (struct region *r = load_relaxed(&p->regions); r; r = r->next)
        for (size_t i = 0; i < load_relaxed(&r->used); i++)
            look(pool_fiber(p, r, i), arg);
}

static void pools_remove(struct fiber_pool *p)
{
    latch_lock(&pools_latch);
    struct fiber_pool *_Atomic *at = &pools;
    while (load_relaxed(at) != p) /* changes under the latch only */
        at = &load_relaxed(at)->next;
    store_seqcst(at, load_relaxed(&p->next)); /* pairs with pools_read_begin */
    latch_unlock(&pools_latch);
    while (load_seqcst(&pools_readers)) /* pairs with pools_read_begin and _end */
        sched_yield();
}

void fiber_pool_close(struct fiber_pool *p)
{
    if (!p)
        return;
    pools_remove(p);
    struct region *r = load_relaxed(&p->regions); /* nobody else has the pool now */
    while (r) {
        struct region *next = r->next;
        for (size_t i = 0; i < load_relaxed(&r->used); i++)
            told_gone(pool_fiber(p, r, i));
        munmap(r->map, r->length);
        memory_free(r);
        r = next;
    }
    memory_free(p);
}

void pools_read_begin(void)
{
    add_seqcst(&pools_readers, 1); /* pairs with pools_remove: see pools_readers */
}

void pools_read_end(void)
{
    sub_release(&pools_readers, 1); /* pairs with the wait in pools_remove */
}

static struct fiber *region_guard(const struct fiber_pool *p, const struct region *r,
                                  uintptr_t address)
{
    uintptr_t base = (uintptr_t)r->base;
    if (address < base || address - base >= r->slots * p->slot)
        return NULL;
    size_t i = (address - base) / p->slot, at = (address - base) % p->slot;
    if (at < p->room || at >= p->room + p->guard)
        return NULL;
    /* acquire: pairs with the release in pool_grow; the fiber is made */
    return i < load_acquire(&r->used) ? pool_fiber(p, r, i) : NULL;
}

struct fiber *pools_guard(const void *address, const struct fiber_pool **pool)
{
    struct fiber *found = NULL;
    /* seqcst: after pools_read_begin's, see pools_readers; acquire in it: pairs with
     * fiber_pool_open and pool_region */
    for (struct fiber_pool *p = load_seqcst(&pools); p && !found;
         p = load_seqcst(&p->next)) {
        *pool = p;
        for (struct region *r = load_acquire(&p->regions); r && !found; r = r->next)
            found = region_guard(p, r, (uintptr_t)address);
    }
    return found;
}

struct fiber *fiber_of_guard(const void *address)
{
    const struct fiber_pool *p;
    pools_read_begin();
    struct fiber *f = pools_guard(address, &p);
    pools_read_end();
    return f;
}

void fiber_after_fork(void)
{
    /* One thread is left, so relaxed does; whoever held these is gone. */
    store_relaxed(&pools_readers, 0);
    store_relaxed(&pools_latch.word, LATCH_FREE);
    for (struct fiber_pool *p = load_relaxed(&pools); p; p = load_relaxed(&p->next)) {
        store_relaxed(&p->latch.word, LATCH_FREE);
        store_relaxed(&p->grow.word, LATCH_FREE);
    }
}
