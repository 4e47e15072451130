/* base/wheel.c - see wheel.h.
 *
 * A timer's tick is its time rounded up, so that it is never early.  The level it lives
 * on is that of the highest digit (of 6 bits) in which its tick and `now` differ, the
 * slot is that digit of its tick.  So everything on a level comes before everything on
 * the next one, and the first full slot of the lowest full level is the next to come:
 * no tick is ever stepped through.  When `now` enters a slot above level 0, its timers
 * agree with `now` in that digit and move down. */
#include "base/wheel.h"
#include "base/atomic.h"
#include <assert.h>

enum { WHEEL_MASK = WHEEL_SLOTS - 1, NEXT_MOST = 16 };

static uint64_t tick_of(const struct wheel *w, int64_t when)
{
    uint64_t tick = 0;
    if (when > 0) /* rounded up; no overflow, since when < 2^63 */
        tick = ((uint64_t)when + (((uint64_t)1 << WHEEL_TICK_SHIFT) - 1))
               >> WHEEL_TICK_SHIFT;
    return tick > w->now ? tick : w->now;
}

static unsigned level_of(const struct wheel *w, uint64_t tick)
{
    uint64_t differ = tick ^ w->now;
    return differ ? (63u - (unsigned)__builtin_clzll(differ)) / WHEEL_BITS : 0;
}

static void wheel_place(struct wheel *w, struct wheel_timer *t)
{
    uint64_t tick = tick_of(w, t->when);
    unsigned level = level_of(w, tick);
    unsigned i = (unsigned)(tick >> (level * WHEEL_BITS)) & WHEEL_MASK;
    list_push_back(&w->slot[level][i], &t->link);
    w->full[level] |= (uint64_t)1 << i;
}

void wheel_init(struct wheel *w, int64_t now)
{
    w->now = now > 0 ? (uint64_t)now >> WHEEL_TICK_SHIFT : 0;
    w->count = 0;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        w->full[level] = 0;
        for (unsigned i = 0; i < WHEEL_SLOTS; i++)
            list_init(&w->slot[level][i]);
    }
}

void wheel_arm(struct wheel *w, struct wheel_timer *t, int64_t when)
{
    assert(!list_linked(&t->link));
    t->when = when;
    wheel_place(w, t);
    w->count++;
}

/* Take t out of the slot it is in.  The last one there has the head on both sides, and
 * the head's place among the slots says which bit to clear. */
static void wheel_take(struct wheel *w, struct wheel_timer *t)
{
    struct list *head = t->link.next;
    if (head == t->link.prev) {
        size_t at = (size_t)(head - &w->slot[0][0]);
        w->full[at / WHEEL_SLOTS] &= ~((uint64_t)1 << (at % WHEEL_SLOTS));
    }
    list_remove(&t->link);
    w->count--;
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
    if (list_linked(&t->link))
        wheel_take(w, t);
}

/* The first full slot; its first tick is *start.  There must be a timer. */
static struct list *wheel_first(const struct wheel *w, unsigned *level, uint64_t *start)
{
    unsigned l = 0;
    while (!w->full[l])
        l++;
    unsigned i = (unsigned)__builtin_ctzll(w->full[l]), shift = l * WHEEL_BITS;
    *level = l;
    *start = (w->now >> shift >> WHEEL_BITS << WHEEL_BITS | i) << shift;
    return (struct list *)&w->slot[l][i];
}

/* `now` has come to the first tick of this slot: spread it over the levels below. */
static void wheel_cascade(struct wheel *w, unsigned level, struct list *slot)
{
    struct list moved, *l;
    list_init(&moved);
    list_splice_back(&moved, slot);
    w->full[level] &= ~((uint64_t)1 << (slot - w->slot[level]));
    while ((l = list_pop(&moved)))
        wheel_place(w, list_entry(l, struct wheel_timer, link));
}

struct wheel_timer *wheel_pop(struct wheel *w, int64_t now)
{
    uint64_t target = now > 0 ? (uint64_t)now >> WHEEL_TICK_SHIFT : 0;
    while (w->count) {
        unsigned level;
        uint64_t start;
        struct list *slot = wheel_first(w, &level, &start);
        if (start > target)
            break;
        w->now = start;
        if (level) {
            wheel_cascade(w, level, slot);
            continue;
        }
        struct wheel_timer *t = list_entry(slot->next, struct wheel_timer, link);
        wheel_take(w, t);
        return t;
    }
    /* No slot begins in between, so every timer's level and slot stay what they are. */
    if (target > w->now)
        w->now = target;
    return NULL;
}

/* The first tick of those in a slot above level 0, so that nobody wakes only to spread it.
 * One with many is spread: they must be, soon, and looking through them all is no less. */
static uint64_t slot_first(const struct wheel *w, const struct list *slot, uint64_t start)
{
    uint64_t least = UINT64_MAX;
    unsigned count = 0;
    for (const struct list *l = slot->next; l != slot; l = l->next) {
        const struct wheel_timer *t = list_entry(l, struct wheel_timer, link);
        uint64_t tick = tick_of(w, t->when);
        least = tick < least ? tick : least;
        if (++count > NEXT_MOST)
            return start;
    }
    return least;
}

int64_t wheel_next(const struct wheel *w)
{
    if (!w->count)
        return INT64_MAX;
    unsigned level;
    uint64_t start;
    const struct list *slot = wheel_first(w, &level, &start);
    if (level)
        start = slot_first(w, slot, start);
    return start < (uint64_t)1 << (63 - WHEEL_TICK_SHIFT)
               ? (int64_t)(start << WHEEL_TICK_SHIFT) : INT64_MAX;
}

void wheel_check(const struct wheel *w)
{
    size_t count = 0;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        for (unsigned i = 0; i < WHEEL_SLOTS; i++) {
            const struct list *head = &w->slot[level][i];
            assert(list_empty(head) == !(w->full[level] >> i & 1));
            for (struct list *l = head->next; l != head; l = l->next) {
                const struct wheel_timer *t = list_entry(l, struct wheel_timer, link);
                uint64_t tick = tick_of(w, t->when);
                assert(level_of(w, tick) == level);
                assert((tick >> (level * WHEEL_BITS) & WHEEL_MASK) == i);
                (void)tick;
                count++;
            }
        }
    }
    assert(count == w->count);
    (void)count;
}
