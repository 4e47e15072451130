/* explore/races.c - plain accesses judged by happens-before: two of them race when they
 * touch the same byte, one writes, and neither's thread knew of the other's.  Both
 * sites are kept.  Bytes, not words: neighbours in one word do not race.
 * Holds: a cell keeps no record of which every conflict would also be one with a record
 * that it keeps.
 * Tests: tests/explore/tearing.c, counter.c; tests/cells/mapped.c. */
#include "clock.h"
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "heap.h"
#include "races.h"
#include "restore.h"
#include "shadow.h"
#include "stack.h"
#include <string.h>

enum { RANGE_MAX = 1 << 18 };

static void race_found(const struct cell *c, const struct record *r, bool atomic,
                       bool write, bool now_atomic, uint8_t mask, const void *pc)
{
    uintptr_t at = c->granule * 8 + (unsigned)__builtin_ctz(mask);
    ex.result->address = at;
    ex.result->size = __builtin_popcount(mask);
    fail_place(r->thread, r->write ? OP_WRITE : OP_READ, (void *)r->pc);
    if (!now_atomic)
        ex.me->op = write ? OP_WRITE : OP_READ;
    fail(FAIL_RACE, pc, "thread %d %s%s, thread %d %s%s, and nothing orders the two",
         r->thread, r->write ? "wrote" : "read", atomic ? " atomically" : "", ex.me->id,
         write ? "writes" : "reads", now_atomic ? " atomically" : "");
}

/* Whether this record's thread was ahead of what the running one knows. */
static inline bool unknown(const struct record *r)
{
    return r->at > clock_hb(&ex.me->now, r->thread);
}

/* Look at one record; false: it adds nothing from now on and may be dropped. */
static inline bool judge(const struct cell *c, struct record *r, uint8_t mask,
                         bool write, bool atomic, const void *pc)
{
    uint8_t both = r->mask & mask;
    if (!both)
        return true;
    if (rare((write || r->write) && r->thread != ex.me->id && unknown(r)))
        race_found(c, r, false, write, atomic, both, pc);
    if (atomic)
        return true;
    /* A write after it stands for it; so does a read after a read. */
    if ((write || !r->write) && !unknown(r))
        r->mask &= (uint8_t)~mask;
    return r->mask != 0;
}

/* list: of this cell, or of the one before it. */
static void judge_atomics(const struct cell *c, struct location *list, uintptr_t low,
                          uintptr_t high, bool write, const void *pc)
{
    for (struct location *l = list; l; l = l->next) {
        uintptr_t a = (uintptr_t)l->address;
        if (a >= high || a + (unsigned)l->size <= low)
            continue;
        for (int i = 0; i < ex.threads; i++) {
            int32_t known = clock_hb(&ex.me->now, i);
            bool wrote = l->wrote[i] > known;
            if (i == ex.me->id || !(wrote || (write && l->read[i] > known)))
                continue;
            struct record r = { .thread = (uint8_t)i, .write = wrote,
                                .pc = wrote ? l->wrote_pc[i] : l->read_pc[i] };
            race_found(c, &r, true, write, false, (uint8_t)(1u << (low & 7)), pc);
        }
        if (write)
            l->reset = true;
    }
}

static void keep(struct cell *c, uint8_t mask, bool write, const void *pc)
{
    struct record r = { .at = ex.me->at, .thread = (uint8_t)ex.me->id, .mask = mask,
                        .write = write, .pc = (uintptr_t)pc };
    if (c->n < INLINE_RECORDS) {
        c->record[c->n++] = r;
        return;
    }
    if (!c->more || c->more->n == MORE_RECORDS) {
        struct more *m = arena_take(sizeof *m);
        m->next = c->more;
        m->n = 0;
        c->more = m;
    }
    c->more->record[c->more->n++] = r;
}

/* Part of an access that lies within eight bytes. */
static inline void access_cell(uintptr_t low, uintptr_t high, bool write,
                               const void *pc)
{
    struct cell *c = cell_of(low >> 3);
    uint8_t mask = (uint8_t)(((1u << (high - low)) - 1) << (low & 7));
    int n = 0;
    for (int i = 0; i < c->n; i++)
        if (judge(c, &c->record[i], mask, write, false, pc))
            c->record[n++] = c->record[i];
    c->n = (uint16_t)n;
    for (struct more *m = c->more; m; m = m->next) {
        n = 0;
        for (int i = 0; i < m->n; i++)
            if (judge(c, &m->record[i], mask, write, false, pc))
                m->record[n++] = m->record[i];
        m->n = n;
    }
    if (rare(c->locations != NULL))
        judge_atomics(c, c->locations, low, high, write, pc);
    if (rare(c->upper))
        judge_atomics(c, cell_find((low >> 3) - 1)->locations, low, high, write, pc);
    keep(c, mask, write, pc);
}

void race_access(const void *a, size_t n, bool write, const void *pc)
{
    uintptr_t low = (uintptr_t)a, end = low + n;
    ex.accesses++;
    if (heap_owns(a))
        heap_check(a, n, write, pc);
    else if (stacks_own(a))
        stack_access(a, write, pc);
    if (write && rare(restore_tracks))
        restore_touched(a, n);
    while (low < end) {
        uintptr_t high = (low | 7) + 1;
        if (high > end)
            high = end;
        access_cell(low, high, write, pc);
        low = high;
    }
}

void race_range(const void *a, size_t n, bool write, const void *pc)
{
    if (n == 0)
        return;
    if (n > RANGE_MAX) {
        ex.unseen += (n - RANGE_MAX) / 8;
        if (write && restore_tracks)
            restore_touched(a, n);
        race_access((const char *)a + n - RANGE_MAX / 2, RANGE_MAX / 2, write, pc);
        n = RANGE_MAX / 2;
    }
    race_access(a, n, write, pc);
}

static void atomic_cell(struct cell *c, uint8_t mask, bool write, const void *pc)
{
    for (int i = 0; i < c->n; i++)
        judge(c, &c->record[i], mask, write, true, pc);
    for (struct more *m = c->more; m; m = m->next)
        for (int i = 0; i < m->n; i++)
            judge(c, &m->record[i], mask, write, true, pc);
}

void race_atomic(struct cell *c, const void *a, int size, bool write, const void *pc)
{
    unsigned at = (unsigned)(uintptr_t)a & 7;
    atomic_cell(c, (uint8_t)(((1u << (size > 8 ? 8 : size)) - 1) << at), write, pc);
    struct cell *behind = size > 8 ? cell_find(c->granule + 1) : NULL;
    if (behind)
        atomic_cell(behind, 0xff, write, pc);
}

static void forget_cell(struct cell *c, const void *unused)
{
    (void)unused;
    c->n = 0;
    c->more = NULL;
    c->locations = NULL;
    c->upper = false;
}

/* The memory begins a new life (a block handed out again, a new stack or mapping):
 * nobody has touched it. */
void race_forget(const void *a, size_t n)
{
    cells_each((uintptr_t)a >> 3, ((uintptr_t)a + n + 7) >> 3, forget_cell, NULL);
}

static void free_cell(struct cell *c, const void *pc)
{
    access_cell(c->granule * 8, c->granule * 8 + 8, true, pc);
}

/* Freeing is a write to all that anybody has touched. */
void race_free(const void *a, size_t n, const void *pc)
{
    cells_each((uintptr_t)a >> 3, ((uintptr_t)a + n + 7) >> 3, free_cell, pc);
}
