/* sync/chan.c - channels: a ring of items under a latch, and two queues of those who
 * wait.
 *
 * Design: an item is handed over once.  Who sends gives it to the longest waiting
 * receiver, straight to where that one wants it; else puts it into the ring; else
 * waits, and is served, in order, as soon as a receiver has made room.  So nobody is
 * woken to find nothing, and nobody overtakes.  With capacity 0 the ring is left out
 * and the rest stays.  A channel that has ended wakes all that wait, with node.item set
 * to NULL.  Items of TUTTI_ANY_SIZE are copied once, by the sender, into a struct view;
 * what is queued and handed over is its address, and the receiver's context owns it
 * then.
 * Tests: tests/chan_test.c. */
#include "base/biased.h"
#include "base/memory.h"
#include "core/owned.h"
#include "core/scope.h"
#include "core/thread.h"
#include "core/waitable.h"
#include "core/waiters.h"
#include <assert.h>

/* A received one is in the chain of its context, context.recv_view, which keeps the
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
 * and then nobody waits.  node.item: where a receiver wants it, or a sender has it. */
struct tutti_chan {
    struct owned owned;
    struct biased latch; /* guards all below; count may be read without it.  Its owner is the
                            opener's thread: on a loop no channel needs another */
    bool any_size;      /* an item is a struct view * */
    bool ended;
    uint32_t epoch;     /* fork_epoch when opened */
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

static size_t chan_count(const struct tutti_chan *c)
{
    return load_relaxed(&c->count); /* changed under the latch; else a moment old */
}

/* Of the process before a fork(): its latch may be held for ever, nobody is at its ends. */
static bool chan_lost(const struct tutti_chan *c)
{
    return unlikely(c->epoch != load_relaxed(&fork_epoch)); /* as scope_lost */
}
static int chan_elost(void)
{
    return why_static(-TUTTI_ELOST, "the channel was opened before fork(), in the parent");
}

static inline void chan_lock(struct tutti_chan *c)
{
    biased_lock(&c->latch, thread_mark());
}

static inline void chan_unlock(struct tutti_chan *c)
{
    assert(chan_count(c) <= c->capacity);
    assert(chan_count(c) == 0 || waiters_none(&c->receivers));
    assert(c->ended == (c->writers == 0));
    assert(!c->ended || (waiters_none(&c->receivers) && waiters_none(&c->senders)));
    biased_unlock(&c->latch);
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

static void *chan_slot(struct tutti_chan *c, size_t i)
{
    size_t at = c->first + i; /* both below capacity, so no overflow in practice */
    return c->slots + (at < c->capacity ? at : at - c->capacity) * c->item;
}

static void chan_put(struct tutti_chan *c, const void *item)
{
    item_copy(c, chan_slot(c, chan_count(c)), item);
    store_relaxed(&c->count, chan_count(c) + 1); /* the latch orders it */
}

static void chan_take(struct tutti_chan *c, void *item)
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
    if ((n = waiters_claim(&c->receivers))) {
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
    if ((n = waiters_claim(&c->senders))) { /* there is room for it now */
        if (some)
            chan_put(c, n->item);
        else
            item_copy(c, item, n->item);
        *wake = (struct wake){ n->who, n->index };
    }
    return some || n ? CHAN_DONE : c->ended ? CHAN_ENDED : CHAN_WAIT;
}

static inline void wake_up(const struct wake *wake)
{
    if (wake->who)
        wait_wake(wake->who, wake->outcome);
}

/* --- views ----------------------------------------------------------------- */

/* NULL and *rc: malformed, or no memory. */
static struct view *view_make(const tutti_bytes *b, int *rc)
{
    struct view *v = NULL;
    if (!b->data && b->size) {
        *rc = why_static(-EINVAL, "tutti_bytes without data but with a size");
        return NULL;
    }
    if (b->size <= SIZE_MAX - sizeof *v)
        v = memory_alloc(sizeof *v + b->size);
    if (!v) {
        *rc = why_static(-ENOMEM, "no memory for a copy of an item");
        return NULL;
    }
    v->next = NULL;
    v->size = b->size;
    if (b->size)
        memcpy(v->data, b->data, b->size);
    return v;
}

/* c has received v: show it to the caller, and drop the one before from that
 * channel. */
static void view_keep(struct context *c, const struct tutti_chan *from, struct view *v,
                      tutti_bytes *out)
{
    struct view *chain = c->recv_view, **at = &chain;
    while (*at && (*at)->from != from)
        at = &(*at)->next;
    if (*at) {
        struct view *old = *at;
        *at = old->next;
        memory_free(old);
    }
    v->from = from;
    v->next = chain;
    c->recv_view = v;
    *out = (tutti_bytes){ v->data, v->size };
}

/* --- sending and receiving -------------------------------------------------- */

/* A wait that was cut. */
static __attribute__((noinline)) int chan_cut(struct tutti_chan *c, struct wait_node *n, int rc)
{
    chan_lock(c);
    waiters_remove(n);
    chan_unlock(c);
    return wait_failed(rc);
}

/* Under the latch, which is let go.  1: handed over; 0: ended; negative: as a wait. */
static inline int chan_park(struct tutti_chan *c, struct context *self, struct list *queue,
                            void *item, const char *what)
{
    struct wait_node n;
    uint64_t ticket = wait_prepare_cuttable(self, what, c);
    wait_node_init(&n, self, ticket, 0);
    n.item = item;
    list_push_back(queue, &n.link);
    chan_unlock(c);
    int rc = wait_park_cuttable(self, ticket);
    return likely(rc >= 0) ? n.item != NULL : chan_cut(c, &n, rc);
}

static int chan_epipe(void)
{
    return why_static(-EPIPE, "the channel has ended: its last writer closed it");
}

static inline __attribute__((always_inline)) int chan_send(struct tutti_chan *c, struct context *self, void *item)
{
    struct wake wake = { NULL, 0 };
    chan_lock(c);
    int rc = chan_send_now(c, item, &wake);
    if (rc == CHAN_WAIT) {
        rc = chan_park(c, self, &c->senders, item, "channel to send");
        return rc < 0 ? rc : rc ? 0 : chan_epipe();
    }
    chan_unlock(c);
    wake_up(&wake);
    return rc == CHAN_ENDED ? chan_epipe() : 0;
}

static inline __attribute__((always_inline)) int chan_recv(struct tutti_chan *c, struct context *self, void *item)
{
    struct wake wake = { NULL, 0 };
    chan_lock(c);
    if (chan_count(c) == 0 && list_empty(&c->senders) && !c->ended) /* as it often is */
        return chan_park(c, self, &c->receivers, item, "channel to receive");
    int rc = chan_recv_now(c, item, &wake);
    if (rc == CHAN_WAIT)
        return chan_park(c, self, &c->receivers, item, "channel to receive");
    chan_unlock(c);
    wake_up(&wake);
    return rc == CHAN_DONE;
}

static __attribute__((noinline)) int chan_begin_slow(tutti_chan *c, const void *item,
                                                     struct context *self)
{
    if (!c || !item)
        return why_static(-EINVAL, c ? "no item" : "no channel");
    return chan_lost(c) ? chan_elost() : context_check(self);
}
static inline int chan_begin(tutti_chan *c, const void *item, struct context *self)
{
    race_let_signals_in();
    if (likely(c && item && !chan_lost(c) && context_clear(self)))
        return 0;
    return chan_begin_slow(c, item, self);
}

static __attribute__((noinline)) int chan_send_view(tutti_chan *c, struct context *self,
                                                    const void *item)
{
    int rc;
    struct view *v = view_make(item, &rc);
    if (!v)
        return rc;
    rc = chan_send(c, self, &v);
    if (rc < 0)
        memory_free(v);
    return rc;
}

static __attribute__((noinline)) int chan_recv_view(tutti_chan *c, struct context *self,
                                                    void *item)
{
    struct view *v;
    int rc = chan_recv(c, self, &v);
    if (rc == 1)
        view_keep(self, c, v, item);
    return rc;
}

int tutti_chan_send(tutti_chan *c, const void *item)
{
    struct context *self = context_self();
    int rc = chan_begin(c, item, self);
    if (unlikely(rc < 0))
        return rc;
    return unlikely(c->any_size) ? chan_send_view(c, self, item)
                                 : chan_send(c, self, (void *)(uintptr_t)item); /* only read */
}

int tutti_chan_recv(tutti_chan *c, void *item)
{
    struct context *self = context_self();
    int rc = chan_begin(c, item, self);
    if (unlikely(rc < 0))
        return rc;
    return unlikely(c->any_size) ? chan_recv_view(c, self, item) : chan_recv(c, self, item);
}

/* --- opening and ending ---------------------------------------------------- */

static void chan_drop_rest(struct tutti_chan *c)
{
    for (size_t i = 0; i < chan_count(c); i++) {
        struct view *v;
        if (!c->any_size) {
            if (c->drop)
                c->drop(chan_slot(c, i));
            continue;
        }
        memcpy(&v, chan_slot(c, i), sizeof v);
        tutti_bytes b = { v->data, v->size };
        if (c->drop)
            c->drop(&b);
        memory_free(v);
    }
}

static void chan_free(struct owned *o)
{
    struct tutti_chan *c = list_entry(o, struct tutti_chan, owned);
    chan_drop_rest(c);
    memory_free(c);
}

int tutti_chan_open(tutti_chan **out, tutti_scope *s, size_t item, size_t capacity,
                    tutti_drop *drop)
{
    size_t slot = item == TUTTI_ANY_SIZE ? sizeof(struct view *) : item, bytes;
    if (!out)
        return why_static(-EINVAL, "tutti_chan_open: nowhere to put the channel");
    *out = NULL;
    struct tutti_chan *c = NULL;
    if (!__builtin_mul_overflow(slot, capacity, &bytes)
        && !__builtin_add_overflow(bytes, sizeof *c, &bytes))
        c = memory_alloc(bytes); /* untouched pages of a large ring cost nothing */
    if (!c)
        return why_static(-ENOMEM, "no memory for a channel");
    memset(c, 0, sizeof *c);
    c->owned.end = chan_free;
    c->any_size = item == TUTTI_ANY_SIZE;
    c->epoch = load_relaxed(&fork_epoch); /* as scope_lost */
    c->item = slot;
    c->capacity = capacity;
    c->writers = 1;
    c->drop = drop;
    list_init(&c->receivers);
    list_init(&c->senders);
    biased_init(&c->latch, thread_mark());
    int rc = scope_own(s, &c->owned);
    if (rc < 0)
        memory_free(c);
    else
        *out = c;
    return rc;
}

void tutti_chan_writers(tutti_chan *c, unsigned n)
{
    if (unlikely(!c))
        misuse_null(__func__);
    if (chan_lost(c))
        return;
    chan_lock(c);
    if (!c->ended) /* what has ended stays so: their sends and closes give -EPIPE */
        c->writers += n;
    chan_unlock(c);
}

int tutti_chan_close(tutti_chan *c)
{
    struct list woken, *l;
    if (!c)
        return why_static(-EINVAL, "no channel");
    if (chan_lost(c))
        return chan_elost();
    list_init(&woken);
    chan_lock(c);
    if (c->ended) {
        chan_unlock(c);
        return why_static(-EPIPE, "the channel was closed once too often");
    }
    if (--c->writers == 0) {
        c->ended = true;
        waiters_claim_all(&c->receivers, &woken);
        waiters_claim_all(&c->senders, &woken);
        for (l = woken.next; l != &woken; l = l->next)
            list_entry(l, struct wait_node, link)->item = NULL;
    }
    chan_unlock(c);
    waiters_wake(&woken);
    return 0;
}

size_t tutti_chan_length(const tutti_chan *c)
{
    return c ? chan_count(c) : 0;
}

/* --- waiting for any -------------------------------------------------------
 * For TUTTI_ANY_SIZE the second word of case.on holds the view while the wait lasts. */

static void *case_item(tutti_case *k)
{
    return k->on.chan->any_size ? (void *)&k->on._[1] : k->item;
}
static struct view *case_view(tutti_case *k)
{
    struct view *v;
    memcpy(&v, &k->on._[1], sizeof v);
    return v;
}

static struct latch *case_latch(tutti_case *k, int *rc)
{
    *rc = -EINVAL;
    if (!k->on.chan || !k->item)
        return NULL;
    *rc = -TUTTI_ELOST;
    if (chan_lost(k->on.chan))
        return NULL;
    biased_give_up(&k->on.chan->latch, thread_mark()); /* it is taken as a latch from now on */
    return &k->on.chan->latch.latch;
}
static int case_begin_send(tutti_case *k)
{
    int rc = 0;
    if (k->on.chan->any_size) {
        struct view *v = view_make(k->item, &rc);
        memcpy(&k->on._[1], &v, sizeof v);
    }
    return rc;
}
static void case_end_send(tutti_case *k, struct context *self, bool done)
{
    (void)self;
    if (k->on.chan->any_size && !(done && k->code == 0))
        memory_free(case_view(k));
    k->on._[1] = 0;
}
static void case_end_recv(tutti_case *k, struct context *self, bool done)
{
    if (k->on.chan->any_size && done && k->code == 1)
        view_keep(self, k->on.chan, case_view(k), k->item);
    k->on._[1] = 0;
}

static bool case_send(tutti_case *k, struct context **who, int *outcome)
{
    struct wake wake = { NULL, 0 };
    int rc = chan_send_now(k->on.chan, case_item(k), &wake);
    k->code = rc == CHAN_ENDED ? -EPIPE : 0;
    *who = wake.who;
    *outcome = wake.outcome;
    return rc != CHAN_WAIT;
}
static bool case_recv(tutti_case *k, struct context **who, int *outcome)
{
    struct wake wake = { NULL, 0 };
    int rc = chan_recv_now(k->on.chan, case_item(k), &wake);
    k->code = rc == CHAN_DONE;
    *who = wake.who;
    *outcome = wake.outcome;
    return rc != CHAN_WAIT;
}

/* Does anybody but observers wait? */
static bool queue_serves(const struct list *queue)
{
    for (struct list *l = queue->next; l != queue; l = l->next)
        if (!list_entry(l, struct wait_node, link)->notify)
            return true;
    return false;
}
static bool case_can_send(tutti_case *k)
{
    struct tutti_chan *c = k->on.chan;
    return c->ended || chan_count(c) < c->capacity || queue_serves(&c->receivers);
}
static bool case_can_recv(tutti_case *k)
{
    struct tutti_chan *c = k->on.chan;
    return c->ended || chan_count(c) || queue_serves(&c->senders);
}

static void case_enlist_send(tutti_case *k, struct wait_node *n)
{
    n->item = case_item(k);
    waiters_add(&k->on.chan->senders, n);
}
static void case_enlist_recv(tutti_case *k, struct wait_node *n)
{
    n->item = case_item(k);
    waiters_add(&k->on.chan->receivers, n);
}
static void case_sent(tutti_case *k, struct wait_node *n)
{
    k->code = n->item ? 0 : -EPIPE;
}
static void case_received(tutti_case *k, struct wait_node *n)
{
    k->code = n->item != NULL;
}
static void case_unlock(tutti_case *k, struct latch *l)
{
    (void)l;
    chan_unlock(k->on.chan);
}

const struct waitable chan_send_waitable = {
    case_latch, case_send,   case_can_send,   case_enlist_send,
    case_sent,  case_unlock, case_begin_send, case_end_send,
};
const struct waitable chan_recv_waitable = {
    case_latch,    case_recv,   case_can_recv, case_enlist_recv,
    case_received, case_unlock, NULL,          case_end_recv,
};
