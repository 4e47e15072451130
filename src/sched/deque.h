/* sched/deque.h - the tasks that a worker has started and nobody has begun: a bounded ring,
 * filled by its owner at the tail, emptied by owner and thieves at the head, so tasks begin
 * in the order they were started.  The shape is that of Go's and Tokio's run queues: a thief
 * takes half at once.  Tests: tests/deque_test.c. */
#ifndef SCHED_DEQUE_H
#define SCHED_DEQUE_H
#include "base/atomic.h"
#include "base/small.h"
#include <assert.h>
#include <stddef.h>

struct task;

enum { DEQUE_SLOTS = SMALL(256, 4) };

/* Holds: 0 <= tail - head <= DEQUE_SLOTS; slots [head, tail) are full; only the owner moves
 * tail; head only grows, by CAS, so a CAS that succeeds proves that the slots it passes were
 * read while they were full. */
struct deque {
    _Alignas(64) _Atomic uint32_t head;
    _Alignas(64) _Atomic uint32_t tail;
    bool alone; /* nobody ever steals: only the owner moves head, too */
    _Atomic(struct task *) slot[DEQUE_SLOTS];
};

/* What is said above, as the owner sees it. */
static inline void deque_verify(const struct deque *d)
{
    /* relaxed: tail is the owner's own, head only comes closer */
    assert(load_relaxed(&d->tail) - load_relaxed(&d->head) <= DEQUE_SLOTS);
    (void)d;
}
/* False: full.  Owner. */
static inline bool deque_push(struct deque *d, struct task *t)
{
    uint32_t tail = load_relaxed(&d->tail); /* the owner's own */
    /* acquire: pairs with the CAS of thieves: they have read the slot before we refill it */
    if (unlikely(tail - load_acquire(&d->head) >= DEQUE_SLOTS))
        return false;
    store_relaxed(&d->slot[tail % DEQUE_SLOTS], t); /* published by tail */
    store_release(&d->tail, tail + 1); /* pairs with the load of tail in deque_steal */
    deque_verify(d);
    return true;
}
/* The oldest, or NULL.  Owner. */
static inline struct task *deque_pop(struct deque *d)
{
    uint32_t head = load_relaxed(&d->head); /* the CAS decides */
    for (;;) {
        if (head == load_relaxed(&d->tail)) /* the owner's own */
            return NULL;
        struct task *t = load_relaxed(&d->slot[head % DEQUE_SLOTS]);
        if (d->alone) {
            store_relaxed(&d->head, head + 1); /* nobody else moves it */
            return t;
        }
        /* relaxed: the owner wrote the slot itself; thieves only ever advance head */
        if (likely(cas_relaxed(&d->head, &head, head + 1)))
            return t;
    }
}
/* Take the older half of `from`, one to return, the others into `own`, which is empty and
 * the caller's.  NULL: nothing there. */
struct task *deque_steal(struct deque *from, struct deque *own);
/* Take the older half of the caller's own full ring, linked by run.next; *last is the end
 * of the chain.  NULL: thieves were faster, there is room now. */
struct task *deque_spill(struct deque *d, struct task **last, uint32_t *count);
/* A moment old. */
static inline bool deque_seems_empty(const struct deque *d)
{
    /* relaxed: the sleeper that trusts it has passed fence_heavy, see sched/idle.c */
    return load_relaxed(&d->head) == load_relaxed(&d->tail);
}
#endif
