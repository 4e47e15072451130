/* sync/chan.h - channels: a ring of items under a latch, and two queues of those who
 * wait; what a call and a case of tutti_wait_any share.
 *
 * Design: an item is handed over once.  Who sends gives it to the longest waiting
 * receiver, straight to where that one wants it; else puts it into the ring; else
 * waits, and is served, in order, as soon as a receiver has made room.  So nobody is
 * woken to find nothing, and nobody overtakes.  With capacity 0 the ring is left out
 * and the rest stays.  A channel that has ended wakes all that wait, with node.item set
 * to NULL.  Items of TUTTI_ANY_SIZE are copied once, by the sender, into a struct view;
 * what is queued and handed over is its address, and the receiver's context owns it
 * then.
 *
 * chan.c has the calls, chan_any.c the cases.  Tests: tests/chan_test.c. */
#ifndef SYNC_CHAN_H
#define SYNC_CHAN_H
#include "base/biased.h"
#include "core/last.h"
#include "core/owned.h"
#include "core/scope.h"
#include "core/thread.h"
#include "core/waitable.h"
#include "core/waiters.h"
#include <assert.h>

/* Holds: a chain has one for each channel at most.
 * A received one is in the chain of its context, context.recv_view, which keeps the
 * last one from each channel.  core frees what is left there when the context ends. */
struct view {
    struct view *next; /* first: core knows this much */
    const struct tutti_chan *from; /* compared, never followed: it may be gone */
    size_t size;
    _Alignas(16) unsigned char data[];
};

/* Holds, with the latch free: count <= capacity; the slots [first, first + count)
 * modulo capacity are full; count == 0 or no receiver waits; count == capacity or no
 * sender waits (who was cut may still be queued); ended if and only if writers == 0,
 * and then nobody waits; odd if it has ended or its items are no words.  node.item: where a
 * receiver wants it, or a sender has it; NULL for cases once it has ended. */
struct tutti_chan {
    uint32_t epoch;     /* first, as in struct far_entry (sync/far/far.h): fork_epoch when
                           opened */
    struct owned owned;
    struct biased latch; /* guards all below; count may be read without it.  Its owner is the
                            opener's thread, in this process alone: on a loop no channel needs
                            another */
    bool any_size;      /* an item is a struct view * */
    bool ended;
    bool odd;
    size_t item;        /* bytes in a slot */
    size_t capacity, first;
    _Atomic size_t count;
    uint64_t writers;
    tutti_drop *drop;
    struct list receivers, senders;
    _Alignas(16) unsigned char slots[];
};

enum { CHAN_WAIT, CHAN_DONE, CHAN_ENDED };

/* Whom to wake, with what, after the latch was let go. */
struct wake {
    struct context *who;
    int outcome;
};

static inline size_t chan_count(const struct tutti_chan *c)
{
    return load_relaxed(&c->count); /* changed under the latch; else a moment old */
}

/* Of the process before a fork(): its latch may be held for ever, nobody is at its ends. */
static inline bool chan_lost(const struct tutti_chan *c)
{
    return unlikely(c->epoch != load_relaxed(&fork_epoch)); /* as scope_lost */
}

/* What struct tutti_chan says it holds. */
static inline void chan_verify(const struct tutti_chan *c)
{
    assert(chan_count(c) <= c->capacity);
    assert(chan_count(c) == 0 || waiters_none(&c->receivers));
    assert(c->ended == (c->writers == 0));
    assert(c->odd == (c->ended || c->any_size || c->item != sizeof(uint64_t)));
    assert(!c->ended || (waiters_none(&c->receivers) && waiters_none(&c->senders)));
    (void)c;
}

static inline void chan_lock(struct tutti_chan *c)
{
    biased_lock(&c->latch, context_self()->mark);
}

static inline void chan_unlock(struct tutti_chan *c)
{
    chan_verify(c);
    biased_unlock(&c->latch);
}
/* After biased_enter. */
static inline void chan_leave(struct tutti_chan *c)
{
    chan_verify(c);
    biased_leave(&c->latch);
}

/* waiters_claim of a list that is never all zero. */
static inline struct wait_node *chan_claim(struct list *queue)
{
    while (!list_empty(queue)) {
        struct wait_node *n = list_entry(queue->next, struct wait_node, link);
        list_remove(&n->link);
        if (likely(wait_node_claim(n)))
            return n;
    }
    return NULL;
}

/* --- moving items, under the latch ----------------------------------------- */

/* Most items are one word. */
static inline void item_copy(const struct tutti_chan *c, void *to, const void *from)
{
    if (likely(c->item == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else
        memcpy(to, from, c->item);
}

static inline void *chan_slot(struct tutti_chan *c, size_t i)
{
    size_t at = c->first + i; /* both below capacity, so no overflow in practice */
    return c->slots + (at < c->capacity ? at : at - c->capacity) * c->item;
}

static inline void chan_put(struct tutti_chan *c, const void *item)
{
    item_copy(c, chan_slot(c, chan_count(c)), item);
    store_relaxed(&c->count, chan_count(c) + 1); /* the latch orders it */
}

static inline void chan_take(struct tutti_chan *c, void *item)
{
    item_copy(c, item, chan_slot(c, 0));
    c->first = c->first + 1 < c->capacity ? c->first + 1 : 0;
    store_relaxed(&c->count, chan_count(c) - 1); /* the latch orders it */
}

static inline int chan_send_now(struct tutti_chan *c, const void *item, struct wake *wake)
{
    struct wait_node *n;
    if (c->ended)
        return CHAN_ENDED;
    if ((n = chan_claim(&c->receivers))) {
        item_copy(c, n->item, item);
        *wake = (struct wake){ n->who, n->index };
        return CHAN_DONE;
    }
    if (chan_count(c) == c->capacity)
        return CHAN_WAIT;
    chan_put(c, item);
    return CHAN_DONE;
}

static inline int chan_recv_now(struct tutti_chan *c, void *item, struct wake *wake)
{
    struct wait_node *n;
    bool some = chan_count(c) > 0;
    if (some)
        chan_take(c, item);
    if ((n = chan_claim(&c->senders))) { /* there is room for it now */
        if (some)
            chan_put(c, n->item);
        else
            item_copy(c, item, n->item);
        *wake = (struct wake){ n->who, n->index };
    }
    return some || n ? CHAN_DONE : c->ended ? CHAN_ENDED : CHAN_WAIT;
}

/* A copy of b; NULL and *rc: malformed, or no memory.  chan.c. */
struct view *view_make(const tutti_bytes *b, int *rc);
/* c has received v: show it to the caller, and drop the one before from that channel. */
void view_keep(struct context *c, const struct tutti_chan *from, struct view *v,
               tutti_bytes *out);
#endif
