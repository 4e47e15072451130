/* explore/model.c - C11 atomics: each location keeps its newest stores, and a load may
 * read any of them that nothing forbids.  What forbids: the thread, or something that
 * happened before, has seen a later store (clock_saw); the order of sequentially
 * consistent operations and fences.  A store carries its thread's clock when it releases
 * or follows a release fence; read-modify-writes carry it on.
 * Stores to one place take effect in the order in which they run, and no load runs
 * ahead of its time: so load buffering and reordered stores to two places by two threads
 * (2+2W) are not shown.  gaps.c says so.
 * Tests: tests/cells/ (litmus_*.c). */
#include "shadow.h"
#include "trace.h"
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
    s->head = -1;
    s->message = false;
    s->high = 0;
    return s;
}

/* The location begins (again) with what memory holds, which everybody has seen. */
static void begin(struct location *l, uint64_t raw)
{
    l->n = 0;
    l->reset = false;
    struct store *s = append(l);
    s->low = raw;
    s->writer = 0;
    memset(s->seen, 0, sizeof s->seen[0] * LANE * (size_t)ex.lanes);
    if (l->size == 16)
        s->high = ((uint64_t *)l->address)[1];
}

static struct location *new_location(struct cell *c, void *a, int size, uint64_t raw)
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
    /* Other sizes in the same bytes: their messages pass on, their histories end. */
    struct location **at = &c->locations;
    for (struct location *o = *at; o; o = *at) {
        bool apart = (char *)o->address >= (char *)a + size ||
                     (char *)a >= (char *)o->address + o->size;
        if (apart) {
            at = &o->next;
            continue;
        }
        gap("atomics of different sizes in the same bytes");
        struct store *s = newest(l), *from = newest(o);
        if (from->message && s->message)
            clock_join(&s->clock, &from->clock, ex.lanes);
        else if (from->message)
            clock_copy(&s->clock, &from->clock, ex.lanes);
        s->message |= from->message;
        *at = o->next;
    }
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

static struct location *location_of(void *a, int size, uint64_t raw, bool write)
{
    struct thread *me = ex.me;
    if (heap_owns(a))
        heap_check(a, (size_t)size, write, me->pc);
    if (write && rare(restore_tracks))
        restore_touched(a, (size_t)size);
    ex.accesses++;
    struct cell *c = cell_of((uintptr_t)a >> 3);
    if (rare(c->n))
        race_atomic(c, a, size, write, me->pc);
    struct location *l = c->locations;
    while (l && (l->address != a || l->size != size))
        l = l->next;
    if (rare(!l))
        l = new_location(c, a, size, raw);
    else if (rare(l->reset || newest(l)->low != raw)) {
        if (!l->reset)
            unseen_write(a);
        begin(l, raw);
    }
    if (write) {
        l->wrote[me->id] = me->at;
        l->wrote_pc[me->id] = (uintptr_t)me->pc;
    } else {
        l->read[me->id] = me->at;
        l->read_pc[me->id] = (uintptr_t)me->pc;
    }
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
    if (s->message)
        clock_join(acquires(order) ? &me->now : &me->pending, &s->clock, ex.lanes);
    behave((uint64_t)me->id << 56 ^ (uint64_t)me->points << 28 ^ s->writer);
}

uint64_t model_load(void *a, int size, uint64_t raw, int order, uint64_t *high)
{
    struct location *l = location_of(a, size, raw, false);
    struct store *s = choose(l, order);
    read_store(s, order);
    if (high)
        *high = s->high;
    trace_value(s->low);
    return s->low;
}

/* A compare-and-swap that fails is a load, of anything but what it expected unless it
 * failed for no reason: then it has read the newest. */
uint64_t model_failed(void *a, int size, uint64_t raw, uint64_t expected, int order)
{
    struct location *l = location_of(a, size, raw, false);
    struct store *s = raw == expected ? newest(l) : choose(l, order);
    if (s->low == expected)
        s = newest(l);
    read_store(s, order);
    trace_value(s->low);
    return s->low;
}

static void write_store(struct location *l, uint64_t v, int order, const struct store *over)
{
    struct thread *me = ex.me;
    const struct store *last = newest(l);
    struct store *s = append(l);
    s->low = v;
    s->writer = (uint64_t)me->id << 32 | me->points;
    for (int i = 0; i < ex.lanes * LANE; i++)
        s->seen[i] = INT32_MAX;
    s->seen[me->id] = me->at;
    if (order == __ATOMIC_SEQ_CST)
        s->sc = ++ex.sc;
    bool passes = last->message && (over || last->head == me->id);
    if (releases(order) || me->wants) {
        clock_copy(&s->clock, releases(order) ? &me->now : &me->released, ex.lanes);
        s->message = true;
        s->head = (int16_t)me->id;
        if (passes && last != s)
            clock_join(&s->clock, &last->clock, ex.lanes);
    } else if (passes) {
        if (last != s)
            clock_copy(&s->clock, &last->clock, ex.lanes);
        s->message = true;
        s->head = last->head;
    }
    if (releases(order))
        tick(me);
    me->same = 0;
}

void model_store(void *a, int size, uint64_t raw, uint64_t v, int order)
{
    struct location *l = location_of(a, size, raw, true);
    write_store(l, v, order, NULL);
    trace_value(v);
}

void model_rmw(void *a, int size, uint64_t old, uint64_t v, int order)
{
    struct location *l = location_of(a, size, old, true);
    struct store *last = newest(l);
    read_store(last, order);
    write_store(l, v, order, last);
    if (rare(ex.tracing) && ex.me->step)
        ex.me->step->before = old;
    trace_value(v);
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
