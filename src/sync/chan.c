/* sync/chan.c - channels: sending, receiving, opening, ending.  See chan.h.
 * Tests: tests/chan_test.c. */
#include "base/memory.h"
#include "sync/chan.h"
#include "sync/far/far.h"

static int chan_elost(void)
{
    return why_static(-TUTTI_ELOST, "the channel was opened before fork(), in the parent");
}

static inline void wake_up(const struct wake *wake)
{
    if (wake->who)
        wait_wake(wake->who, wake->outcome);
}
/* --- views ----------------------------------------------------------------- */

struct view *view_make(const tutti_bytes *b, int *rc)
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

void view_keep(struct context *c, const struct tutti_chan *from, struct view *v,
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
    if (chan_lost(c) && !far_chan_is(c))
        return chan_elost();
    int rc = context_check(self);
    return rc < 0 ? rc : far_chan_is(c);
}
/* 0; 1: one of sync/far/chan.c, whose epoch is never ours; or an error. */
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
    if (unlikely(rc))
        return rc < 0 ? rc : far_chan_send(c, item, self);
    return unlikely(c->any_size) ? chan_send_view(c, self, item)
                                 : chan_send(c, self, (void *)(uintptr_t)item); /* only read */
}

int tutti_chan_recv(tutti_chan *c, void *item)
{
    struct context *self = context_self();
    int rc = chan_begin(c, item, self);
    if (unlikely(rc))
        return rc < 0 ? rc : far_chan_recv(c, item, self);
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
    if (chan_lost(c)) {
        if (far_chan_is(c))
            far_chan_writers(c, n);
        return;
    }
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
        return far_chan_is(c) ? far_chan_close(c) : chan_elost();
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
    return !c ? 0 : far_chan_is(c) ? far_chan_length(c) : chan_count(c);
}
