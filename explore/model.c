/* explore/model.c - C11 atomics: each location keeps its newest stores, and a load, also
 * that of a compare-and-swap that fails, may read any of them that nothing forbids.
 * What forbids: the thread, or something that happened before, has seen a later store
 * (clock_saw); the order of sequentially consistent operations and fences, which is
 * that of the schedule and is C++20's: what such a load has read is as old as it gets
 * for the later ones.
 * A store carries its thread's clock when it releases or follows a release fence.  It
 * is the head of a release sequence as C11 has it: read-modify-writes of all threads
 * carry the clock on, and so do plain stores of the head's own thread, until another
 * thread's plain store.
 * Stores to one place take effect in the order in which they run, and no load runs
 * ahead of its time: report_seen.c lists what is therefore never shown.
 * Tests: tests/cells/litmus.c, sequences.c, stale_cas.c. */
#include "clock.h"
#include "engine.h"
#include "fibers.h"
#include "gaps.h"
#include "heap.h"
#include "model.h"
#include "objects.h"
#include "races.h"
#include "restore.h"
#include "script.h"
#include "shadow.h"
#include "stack.h"
#include "strategy.h"
#include "trace.h"
#include <assert.h>
#include <string.h>

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME ||
           order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL ||
           order == __ATOMIC_SEQ_CST;
}

/* From now on the thread's deeds are later than what it has just made known. */
static void tick(struct thread *me)
{
    assert(clock_hb(&me->now, me->id) == me->at);
    clock_set(&me->now, me->id, ++me->at);
}

static struct store *newest(const struct location *l)
{
    return l->store[(l->n - 1) % HISTORY];
}

static struct store *append(struct location *l)
{
    struct store **slot = &l->store[l->n % HISTORY];
    struct store *s = l->n < HISTORY ? arena_take(sizeof *s) : *slot;
    *slot = s;
    l->n++;
    s->sc = 0;
    s->heads = 0;
    return s;
}

/* The location begins (again) with what memory holds, which everybody has seen. */
static void begin(struct location *l, wide raw)
{
    l->n = 0;
    l->reset = false;
    l->alone = NULL;
    struct store *s = append(l);
    s->value = raw;
    s->writer = 0;
    memset(s->seen, 0, sizeof s->seen[0] * LANE * (size_t)ex.lanes);
}

static struct location *fresh(void *a, int size, wide raw)
{
    struct location *l = arena_take(sizeof *l);
    l->address = a;
    l->size = size;
    l->next = NULL;
    size_t n = (size_t)ex.lanes * LANE;
    memset(l->wrote, 0, n * sizeof *l->wrote);
    memset(l->read, 0, n * sizeof *l->read);
    l->n = 0;
    begin(l, raw);
    return l;
}

/* What the release of one head alone has made known, of those that `last` carries. */
static const struct clock *alone(const struct location *l, const struct store *last,
                                 int head)
{
    bool several = last->heads & (last->heads - 1);
    assert(!several || (l->alone && l->alone[head]));
    return several ? l->alone[head] : &last->clock;
}

static void keep_alone(struct location *l, int head, const struct clock *c)
{
    if (!l->alone) {
        l->alone = arena_take(THREADS * sizeof *l->alone);
        memset(l->alone, 0, THREADS * sizeof *l->alone);
    }
    if (!l->alone[head])
        l->alone[head] = arena_take(sizeof *c);
    clock_copy(l->alone[head], c, ex.lanes);
}

/* The same bytes in another size: what the old newest store tells passes on, as does
 * who touched them; the old history ends. */
static void absorb(struct location *l, const struct location *old)
{
    struct store *s = newest(l), *from = newest(old);
    gap("atomics of different sizes in the same bytes: loads get the newest value");
    if (from->heads && s->heads)
        clock_join(&s->clock, &from->clock, ex.lanes);
    else if (from->heads)
        clock_copy(&s->clock, &from->clock, ex.lanes);
    s->heads |= from->heads;
    for (uint64_t set = s->heads; set & (set - 1); set &= set - 1)
        keep_alone(l, __builtin_ctzll(set), &s->clock);
    for (int i = 0; i < ex.threads; i++) {
        if (old->wrote[i] > l->wrote[i]) {
            l->wrote[i] = old->wrote[i];
            l->wrote_pc[i] = old->wrote_pc[i];
        }
        if (old->read[i] > l->read[i]) {
            l->read[i] = old->read[i];
            l->read_pc[i] = old->read_pc[i];
        }
    }
}

/* Take out of the list at `at` what shares bytes with l. */
static void absorb_list(struct location *l, struct location **at)
{
    char *low = l->address, *high = low + l->size;
    for (struct location *o = *at; o; o = *at) {
        if ((char *)o->address >= high || low >= (char *)o->address + o->size) {
            at = &o->next;
            continue;
        }
        absorb(l, o);
        *at = o->next;
    }
}

/* The atomic of 16 bytes that a begins or lies in becomes two of 8. */
static void split(uintptr_t granule)
{
    struct cell *c = cell_find(granule);
    if (c->upper)
        c = cell_find(--granule);
    struct location **at = &c->locations;
    while (*at && (*at)->size != 16)
        at = &(*at)->next;
    struct location *old = *at;
    if (!old)
        return;
    *at = old->next;
    for (uint64_t *half = old->address, i = 0; i < 2; i++, half++, granule++) {
        struct location *l = fresh(half, 8, *half);
        absorb(l, old);
        c = cell_find(granule);
        l->next = c->locations;
        c->locations = l;
    }
    c->upper = false;
}

static struct location *new_location(void *a, int size, wide raw)
{
    struct location *l = fresh(a, size, raw);
    uintptr_t granule = (uintptr_t)a >> 3;
    if (size == 16) {
        struct cell *behind = cell_of(granule + 1);
        behind->upper = true;
        absorb_list(l, &behind->locations);
    } else {
        split(granule);
    }
    struct cell *c = cell_find(granule);
    absorb_list(l, &c->locations);
    l->next = c->locations;
    c->locations = l;
    return l;
}

/* Memory of an atomic has changed and no hook has seen it. */
static void unseen_write(const void *a)
{
    if (shared && !shared->unseen_at)
        shared->unseen_at = (uintptr_t)a;
}

/* The atomic of that size at a, in its cell c, new if there was none or memory has another
 * value than it knows of. */
static struct location *location_at(const struct cell *c, void *a, int size, wide raw)
{
    struct location *l = c->locations;
    while (l && (l->address != a || l->size != size))
        l = l->next;
    if (rare(!l)) {
        l = new_location(a, size, raw);
    } else if (rare(l->reset || newest(l)->value != raw)) {
        if (!l->reset)
            unseen_write(a);
        begin(l, raw);
    }
    return l;
}

/* The running thread reads or writes it. */
static void touch(struct location *l, bool write)
{
    struct thread *me = ex.me;
    if (write) {
        l->wrote[me->id] = me->at;
        l->wrote_pc[me->id] = (uintptr_t)me->pc;
    } else {
        l->read[me->id] = me->at;
        l->read_pc[me->id] = (uintptr_t)me->pc;
    }
}

static struct location *location_of(void *a, int size, wide raw, bool write)
{
    const void *pc = ex.me->pc;
    if (heap_owns(a))
        heap_check(a, (size_t)size, write, pc);
    else if (rare(stacks_own(a)))
        stack_check(a, write, pc);
    if (write && rare(restore_tracks))
        restore_touched(a, (size_t)size);
    ex.accesses++;
    struct cell *c = cell_of((uintptr_t)a >> 3);
    if (rare(c->n || size == 16))
        race_atomic(c, a, size, write, pc);
    struct location *l = location_at(c, a, size, raw);
    touch(l, write);
    assert(newest(l)->value == raw && !l->reset);
    return l;
}

/* Whether this thread may not read anything older than s. */
static inline bool bars(const struct store *s, int order)
{
    const struct thread *me = ex.me;
    if (clock_saw(&me->now, s->seen, ex.lanes))
        return true;
    if (s->sc && (order == __ATOMIC_SEQ_CST || s->sc <= me->fence_sc))
        return true;
    return order == __ATOMIC_SEQ_CST && clock_saw(&ex.sc_clock, s->seen, ex.lanes);
}

/* How many of the newest stores may be read. */
static unsigned choices(const struct location *l, int order, unsigned most)
{
    unsigned have = l->n < HISTORY ? (unsigned)l->n : HISTORY, n = 1;
    if (have > most)
        have = most;
    while (n < have && !bars(l->store[(l->n - (int)n) % HISTORY], order))
        n++;
    return n;
}

static const struct location *choosing;
static int choosing_order;

static int draw_stale(void)
{
    if (!strategy_stale(2))
        return 0;
    return (int)random_below(choices(choosing, choosing_order, HISTORY));
}

static struct store *choose(const struct location *l, int order)
{
    if (l->n < 2 || rare(ex.me->same > 32))
        return newest(l);
    choosing = l;
    choosing_order = order;
    int back = ex.mode == MODE_SEARCH ? draw_stale()
                                      : script_choose(CHOICE_STALE, 0, draw_stale);
    if (back <= 0)
        return newest(l);
    unsigned n = choices(l, order, (unsigned)back + 1);
    if ((unsigned)back >= n)
        back = (int)n - 1;
    if (back > 0)
        trace_flag(STEP_STALE);
    return l->store[(l->n - 1 - back) % HISTORY];
}

static void read_store(struct store *s, int order)
{
    struct thread *me = ex.me;
    if (s->seen[me->id] > me->at)
        s->seen[me->id] = me->at;
    if (order == __ATOMIC_SEQ_CST && !s->sc)
        s->sc = ++ex.sc;
    if (s->heads)
        clock_join(acquires(order) ? &me->now : &me->pending, &s->clock, ex.lanes);
    behave((uint64_t)me->id << 56 ^ (uint64_t)me->points << 28 ^ s->writer);
}

wide model_load(void *a, int size, wide raw, int order)
{
    struct location *l = location_of(a, size, raw, false);
    struct store *s = choose(l, order);
    read_store(s, order);
    trace_wide(size, s->value, 0);
    return s->value;
}

/* Whether a compare-and-swap of what is there, *seen, fails since it reads a value that
 * has been replaced; then *seen is that one. */
bool model_misses(void *a, int size, wide *seen, int order)
{
    wide raw = *seen;
    struct location *l = location_at(cell_of((uintptr_t)a >> 3), a, size, raw);
    struct store *s = choose(l, order);
    if (usual(s->value == raw))
        return false;
    touch(l, false);
    read_store(s, order);
    trace_wide(size, s->value, 0);
    *seen = s->value;
    return true;
}

/* A compare-and-swap that fails is a load, of anything but what it expected unless it
 * failed for no reason: then it has read the newest. */
wide model_failed(void *a, int size, wide raw, wide expected, int order)
{
    struct location *l = location_of(a, size, raw, false);
    struct store *s = raw == expected ? newest(l) : choose(l, order);
    if (s->value == expected)
        s = newest(l);
    read_store(s, order);
    trace_wide(size, s->value, 0);
    return s->value;
}

/* What s carries, as the store that follows last: its own release, if that is not NULL,
 * and what is carried on. */
static void carry(struct location *l, struct store *s, const struct store *last,
                  const struct clock *own, bool rmw)
{
    int me = ex.me->id;
    uint64_t mine = 1ull << me, on = rmw ? last->heads : last->heads & mine;
    struct clock both;
    if (own)
        clock_copy(&both, own, ex.lanes);
    if (own && own != &ex.me->now && (last->heads & mine)) /* a fence from before that */
        clock_join(&both, alone(l, last, me), ex.lanes);
    s->heads = on | (own ? mine : 0);
    if (own && (on & ~mine)) {
        int other = __builtin_ctzll(on & ~mine);
        if (!(last->heads & (last->heads - 1)))
            keep_alone(l, other, &last->clock);
        keep_alone(l, me, &both);
        clock_copy(&s->clock, &last->clock, ex.lanes);
        clock_join(&s->clock, &both, ex.lanes);
    } else if (own) {
        clock_copy(&s->clock, &both, ex.lanes);
    } else if (on) {
        clock_copy(&s->clock, rmw ? &last->clock : alone(l, last, me), ex.lanes);
    }
}

/* Write over the newest store, which a read-modify-write has just read. */
static void write_store(struct location *l, wide v, int order, bool rmw)
{
    struct thread *me = ex.me;
    const struct store *last = newest(l);
    struct store *s = append(l);
    s->value = v;
    s->writer = (uint64_t)me->id << 32 | me->points;
    for (int i = 0; i < ex.lanes * LANE; i++)
        s->seen[i] = INT32_MAX;
    s->seen[me->id] = me->at;
    if (order == __ATOMIC_SEQ_CST)
        s->sc = ++ex.sc;
    carry(l, s, last, releases(order) ? &me->now : me->wants ? &me->released : NULL, rmw);
    if (releases(order))
        tick(me);
    me->same = 0;
}

void model_store(void *a, int size, wide raw, wide v, int order)
{
    struct location *l = location_of(a, size, raw, true);
    write_store(l, v, order, false);
    trace_wide(size, v, 0);
}

void model_rmw(void *a, int size, wide old, wide v, int order)
{
    struct location *l = location_of(a, size, old, true);
    struct store *last = newest(l);
    read_store(last, order);
    write_store(l, v, order, true);
    trace_wide(size, v, old);
}

void model_fence(int order)
{
    struct thread *me = ex.me;
    if (acquires(order))
        clock_join(&me->now, &me->pending, ex.lanes);
    if (order == __ATOMIC_SEQ_CST) {
        clock_join_cc(&me->now, &ex.sc_clock, ex.lanes);
        clock_join_cc(&ex.sc_clock, &me->now, ex.lanes);
        me->fence_sc = ++ex.sc;
    }
    if (releases(order)) {
        clock_copy(&me->released, &me->now, ex.lanes);
        me->wants = true;
    }
    tick(me);
}

/* Bytes from a on, below end, that one location can be. */
static int piece(uintptr_t a, uintptr_t end)
{
    int size = 8;
    while (a % (unsigned)size || a + (unsigned)size > end)
        size /= 2;
    return size;
}

void model_whole(void *a, size_t n, bool write, int order, struct clock *c)
{
    uintptr_t at = (uintptr_t)a, end = at + n;
    gap("atomics of more than 16 bytes or of an odd size: loads get the newest value");
    for (int size; at < end; at += (unsigned)size) {
        uint64_t raw = 0;
        size = piece(at, end);
        memcpy(&raw, (void *)at, (size_t)size);
        struct location *l = location_of((void *)at, size, raw, write);
        l->reset |= write; /* it begins again with what is there then */
    }
    if (acquires(order))
        acquire_clock(c);
    if (write && releases(order))
        release_clock(c);
    if (write)
        ex.me->same = 0;
}
