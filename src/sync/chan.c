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

/* The last one that c has had from there; it may have none. */
static void view_drop(struct context *c, const struct tutti_chan *from)
{
    struct view *chain = c->recv_view, **at = &chain;
    while (*at && (*at)->from != from)
        at = &(*at)->next;
    if (*at) {
        struct view *old = *at;
        *at = old->next;
        memory_free(old);
    }
    c->recv_view = chain;
}

void view_keep(struct context *c, const struct tutti_chan *from, struct view *v,
               tutti_bytes *out)
{
    view_drop(c, from);
    v->from = from;
    v->next = c->recv_view;
    c->recv_view = v;
    *out = (tutti_bytes){ v->data, v->size };
}

/* --- sending and receiving -------------------------------------------------- */

static struct tutti_chan *chan_awaited(const struct context *self)
{
    return (struct tutti_chan *)(uintptr_t)self->wait_on;
}

/* A wait that was cut. */
static int chan_cut(struct context *self)
{
    struct tutti_chan *c = chan_awaited(self);
    chan_lock(c);
    waiters_remove(&self->node);
    chan_unlock(c);
    return wait_failed(scope_cut_code(self));
}

static int chan_epipe(void)
{
    return why_static(-EPIPE, "the channel has ended: its last writer closed it");
}

static int send_odd(struct context *self)
{
    return self->outcome == WAIT_ENDED ? chan_epipe() : chan_cut(self);
}
static int recv_odd(struct context *self)
{
    return self->outcome == WAIT_ENDED ? 0 : chan_cut(self);
}

/* Under the latch, to be let go before last_park. */
static inline void send_prepare(struct tutti_chan *c, struct context *self, void *item)
{
    last_prepare(self, "channel to send", c, item, 0);
    list_push_back(&c->senders, &self->node.link);
}
static inline void recv_prepare(struct tutti_chan *c, struct context *self, void *item)
{
    last_prepare(self, "channel to receive", c, item, 1);
    list_push_back(&c->receivers, &self->node.link);
}

static int chan_send(struct tutti_chan *c, struct context *self, void *item)
{
    struct wake wake = { NULL, 0 };
    chan_lock(c);
    int rc = chan_send_now(c, item, &wake);
    if (rc == CHAN_WAIT) {
        send_prepare(c, self, item);
        chan_unlock(c);
        return last_park(self, send_odd);
    }
    chan_unlock(c);
    wake_up(&wake);
    return rc == CHAN_ENDED ? chan_epipe() : 0;
}

static int chan_recv(struct tutti_chan *c, struct context *self, void *item)
{
    struct wake wake = { NULL, 0 };
    chan_lock(c);
    int rc = chan_recv_now(c, item, &wake);
    if (rc == CHAN_WAIT) {
        recv_prepare(c, self, item);
        chan_unlock(c);
        return last_park(self, recv_odd);
    }
    chan_unlock(c);
    wake_up(&wake);
    return rc == CHAN_DONE;
}

static int chan_send_view(tutti_chan *c, struct context *self, const void *item)
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

static int chan_recv_view(tutti_chan *c, struct context *self, void *item)
{
    struct view *v;
    int rc = chan_recv(c, self, &v);
    if (rc == 1)
        view_keep(self, c, v, item);
    return rc;
}

/* 0; 1: one of sync/far/chan.c, whose epoch is never ours; or an error. */
static int chan_begin(tutti_chan *c, const void *item, struct context *self)
{
    if (!c || !item)
        return why_static(-EINVAL, c ? "no item" : "no channel");
    if (chan_lost(c) && !far_chan_is(c))
        return chan_elost();
    int rc = context_check(self);
    return rc < 0 ? rc : far_chan_is(c);
}

static __attribute__((noinline)) int send_slow(tutti_chan *c, const void *item)
{
    struct context *self = context_self();
    int rc = chan_begin(c, item, self);
    if (rc)
        return rc < 0 ? rc : far_chan_send(c, item, self);
    return c->any_size ? chan_send_view(c, self, item)
                       : chan_send(c, self, (void *)(uintptr_t)item); /* only read */
}

static __attribute__((noinline)) int recv_slow(tutti_chan *c, void *item)
{
    struct context *self = context_self();
    int rc = chan_begin(c, item, self);
    if (rc)
        return rc < 0 ? rc : far_chan_recv(c, item, self);
    return c->any_size ? chan_recv_view(c, self, item) : chan_recv(c, self, item);
}

/* Is all as it is on a loop: words between tasks of the opener's thread, and nothing over?
 * Then the latch is held.  What is of another process is no more than begun like one. */
static inline bool chan_enter(struct tutti_chan *c, const struct context *self)
{
    race_let_signals_in();
    if (unlikely(!self || !c || chan_lost(c) || !context_clear(self)
                 || !biased_enter(&c->latch, self->mark)))
        return false;
    if (likely(!c->odd))
        return true;
    biased_leave(&c->latch);
    return false;
}

/* After chan_enter; biased_enter's fence stands for last_park's: where that is a full one no
 * latch has an owner. */
static int send_wait(struct tutti_chan *c, struct context *self, const void *item)
{
    send_prepare(c, self, (void *)(uintptr_t)item); /* only read */
    chan_leave(c);
    fence_signal();
    return last_park_fenced(self, send_odd);
}
static inline int recv_wait(struct tutti_chan *c, struct context *self, void *item)
{
    recv_prepare(c, self, item);
    chan_leave(c);
    fence_signal();
    return last_park_fenced(self, recv_odd);
}

/* What is less frequent than a hand-over to who waits. */
static __attribute__((noinline)) int send_entered(struct tutti_chan *c, struct context *self,
                                                  const void *item)
{
    struct wake wake = { NULL, 0 };
    if (chan_send_now(c, item, &wake) == CHAN_WAIT)
        return send_wait(c, self, item);
    chan_leave(c);
    wake_up(&wake);
    return 0;
}

static __attribute__((noinline)) int recv_entered(struct tutti_chan *c, struct context *self,
                                                  void *item)
{
    struct wake wake = { NULL, 0 };
    if (chan_recv_now(c, item, &wake) == CHAN_WAIT)
        return recv_wait(c, self, item);
    chan_leave(c);
    wake_up(&wake);
    return 1;
}

int tutti_chan_send(tutti_chan *c, const void *item)
{
    struct context *self = context_current;
    if (unlikely(!item || !chan_enter(c, self)))
        return send_slow(c, item);
    struct wait_node *n = list_entry(c->receivers.next, struct wait_node, link);
    if (unlikely(list_empty(&c->receivers) || !n->own
                 || !wait_claim(node_owner(n), n->ticket)))
        return send_entered(c, self, item);
    list_remove(&n->link);
    memcpy(n->item, item, sizeof(uint64_t));
    chan_leave(c);
    wait_wake(node_owner(n), n->index);
    return 0;
}

int tutti_chan_recv(tutti_chan *c, void *item)
{
    struct context *self = context_current;
    if (unlikely(!item || !chan_enter(c, self)))
        return recv_slow(c, item);
    if (unlikely(chan_count(c) || !list_empty(&c->senders)))
        return recv_entered(c, self, item);
    return recv_wait(c, self, item);
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
    /* The closer may go on with many more channels.  Those that were started in the scope have
     * ended, with theirs. */
    if (c->any_size)
        view_drop(context_self(), c);
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
    c->odd = slot != sizeof(uint64_t) || c->any_size;
    c->capacity = capacity;
    c->writers = 1;
    c->drop = drop;
    list_init(&c->receivers);
    list_init(&c->senders);
    biased_init(&c->latch, context_self()->mark);
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

/* Its wait ends with the channel. */
static void node_end(struct wait_node *n)
{
    if (n->own)
        n->index = WAIT_ENDED; /* of last_park */
    else
        n->item = NULL; /* a case: its index says which */
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
        c->ended = c->odd = true;
        waiters_claim_all(&c->receivers, &woken);
        waiters_claim_all(&c->senders, &woken);
        for (l = woken.next; l != &woken; l = l->next)
            node_end(list_entry(l, struct wait_node, link));
    }
    chan_unlock(c);
    waiters_wake(&woken);
    return 0;
}

size_t tutti_chan_length(const tutti_chan *c)
{
    return !c ? 0 : far_chan_is(c) ? far_chan_length(c) : chan_count(c);
}
