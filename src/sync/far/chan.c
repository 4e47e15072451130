/* sync/far/chan.c - a channel among processes: items of one size, by value, in a
 * ring of the region.
 *
 * Design: head and tail count all items ever taken and put, under the state's
 * latch.  An item is copied first, and then the one store of tail (head) makes it
 * sent (received): who dies in between has sent (taken) nothing, and no half item is
 * ever seen.  There is no handing over from hand to hand: what is sent lies in the
 * ring until somebody takes it, for which the sender rings one lane that waits.
 * A worker whose running task has sent and that dies will not close its end; the
 * next receiver that would wait is told so, once for each death, and the same for
 * receivers and senders.
 * Tests: tests/processes_chan_test.c, tests/processes_sync_inside_test.c. */
#include "core/task.h"
#include "core/waitable.h"
#include "sync/far/far.h"

enum { SENDERS = 0, RECEIVERS = 1 }; /* queues, and who has `been` there */
/* How it went; what node.item is after a wake. */
enum { CHAN_WAIT, CHAN_DONE, CHAN_ENDED, CHAN_DIED, CHAN_RUBBISH };

/* The state as read once, under its latch. */
struct look {
    uint64_t head, tail, fill;
    bool ended;
};

static bool chan_read(const struct far *f, struct look *k)
{
    struct far_state *st = f->state;
    k->head = load_relaxed(&st->head); /* all: under the state's latch */
    k->tail = load_relaxed(&st->tail);
    k->ended = load_relaxed(&st->count) == 0;
    k->fill = k->tail - k->head;
    return k->fill <= f->entry->capacity;
}

static void *chan_slot(const struct far *f, uint64_t at)
{
    const struct far_entry *e = f->entry;
    return (char *)(uintptr_t)e->data + at % e->capacity * e->item;
}

static void chan_put(struct far *f, struct look *k, const void *item)
{
    memcpy(chan_slot(f, k->tail), item, f->entry->item);
    far_step();
    k->fill++;
    /* release: pairs with far_look; else the latch orders it */
    store_release(&f->state->tail, ++k->tail);
    far_step();
}

static void chan_take(struct far *f, struct look *k, void *item)
{
    memcpy(item, chan_slot(f, k->head), f->entry->item);
    far_step();
    k->fill--;
    store_release(&f->state->head, ++k->head); /* as in chan_put */
    far_step();
}

/* Is there a death that those of queue q have not been told of? */
static bool chan_untold(const struct far *f, unsigned q)
{
    struct far_entry *e = f->entry;
    /* seq_cst: pairs with chan_bury, which looks who waits after it has counted: after
     * far_enlist we see the death or it sees us.  relaxed: under the state's latch, or a
     * hint */
    uint64_t deaths = load_seqcst(q == SENDERS ? &e->back : &e->deaths);
    uint64_t told = load_relaxed(&f->state->told[q]);
    return told < deaths;
}

static void chan_tell(struct far *f, unsigned q)
{
    _Atomic uint64_t *told = &f->state->told[q];
    store_relaxed(told, load_relaxed(told) + 1); /* under the state's latch */
    far_step();
}

/* The running task of this lane has sent or received. */
static void chan_been(struct far *f, unsigned q)
{
    if (f->space->at.me != FAR_HOME)
        far_came(f, q);
}

/* Under both latches: what can be done at once. */
static int chan_now(struct far *f, struct look *k, unsigned q, void *item)
{
    const struct far_entry *e = f->entry;
    if (q == SENDERS) {
        if (k->ended)
            return CHAN_ENDED;
        if (k->fill < e->capacity) {
            chan_put(f, k, item);
            return CHAN_DONE;
        }
    } else {
        if (k->fill) {
            chan_take(f, k, item);
            return CHAN_DONE;
        }
        if (k->ended)
            return CHAN_ENDED;
    }
    if (!chan_untold(f, q))
        return CHAN_WAIT;
    chan_tell(f, q);
    return CHAN_DIED;
}

/* Under f's latch.  Nobody overtakes those of ours that wait. */
static int chan_do(struct far *f, unsigned q, void *item)
{
    struct look k;
    if (!waiters_none(&f->waiters[q]))
        return CHAN_WAIT;
    chan_been(f, q);
    far_lock_state(f);
    int rc = chan_read(f, &k) ? chan_now(f, &k, q, item) : CHAN_RUBBISH;
    far_unlock_state(f);
    if (rc != CHAN_DONE)
        return rc;
    far_ring_other(f, !q); /* ours are settled when f's latch is let go */
    return rc;
}

/* --- settling ----------------------------------------------------------------------------- */

static void chan_wake(struct wait_node *n, int how, struct list *woken)
{
    n->item = (void *)(intptr_t)how;
    list_push_back(woken, &n->link);
}

/* The first of queue q that can still be had, served.  False: nothing can be done
 * for it. */
static bool chan_serve(struct far *f, struct look *k, unsigned q, struct list *woken)
{
    const struct far_entry *e = f->entry;
    bool can = q == SENDERS ? k->ended || k->fill < e->capacity : k->ended || k->fill;
    bool died = !can && chan_untold(f, q);
    struct wait_node *n = can || died ? waiters_claim(&f->waiters[q]) : NULL;
    if (!n)
        return false;
    chan_wake(n, chan_now(f, k, q, n->item), woken);
    return true;
}

static void chan_settle(struct far *f, struct list *woken)
{
    struct look k;
    struct wait_node *n;
    far_lock_state(f);
    if (chan_read(f, &k)) {
        while (chan_serve(f, &k, SENDERS, woken) || chan_serve(f, &k, RECEIVERS, woken))
            ;
    } else {
        for (unsigned q = 0; q < 2; q++)
            while ((n = waiters_claim(&f->waiters[q])))
                chan_wake(n, CHAN_RUBBISH, woken);
    }
    far_unlock_state(f);
    for (unsigned q = 0; q < 2; q++) { /* what we have put or taken is for others, too */
        bool some = q == SENDERS ? k.fill < f->entry->capacity : k.fill > 0;
        if (some && k.fill <= f->entry->capacity)
            far_ring_other(f, q);
    }
}

static void chan_pass(struct far *f)
{
    /* A moment old: who changes it rings as well. */
    uint64_t fill = load_seqcst(&f->state->tail) - load_seqcst(&f->state->head);
    if (fill)
        far_ring_other(f, RECEIVERS);
    if (fill < f->entry->capacity)
        far_ring_other(f, SENDERS);
}

static void chan_bury(struct far *f, unsigned lane, bool retired)
{
    struct far_state *st = f->state;
    uint64_t bit = UINT64_C(1) << lane % 64;
    if (retired) /* between two tasks */
        return;
    /* acquire: pairs with far_came; seq_cst: with chan_untold.  The one tells the
     * other. */
    if (load_acquire(&st->been[SENDERS][lane / 64]) & bit)
        add_seqcst(&f->entry->deaths, 1);
    if (load_acquire(&st->been[RECEIVERS][lane / 64]) & bit)
        add_seqcst(&f->entry->back, 1);
}

const struct far_ops far_chan_ops = { chan_settle, chan_pass, NULL, chan_bury, NULL };

/* --- calls ------------------------------------------------------------------------------------ */

static int chan_code(unsigned q, int how)
{
    switch (how) {
    case CHAN_DONE: return q == RECEIVERS;
    case CHAN_ENDED:
        return q == RECEIVERS ? 0
                              : why_static(-EPIPE, "the channel has ended: its last writer "
                                                   "closed it");
    case CHAN_DIED:
        return why_static(-TUTTI_EOWNERDEAD, q == RECEIVERS
                              ? "a process that sent to the channel has died, and will not "
                                "close it"
                              : "a process that received from the channel has died");
    default: return far_rubbish("channel");
    }
}

static struct far *chan_far(const tutti_chan *c)
{
    return far_open((const struct far_entry *)(const void *)c);
}

static int chan_call(tutti_chan *c, unsigned q, void *item, struct context *self)
{
    struct far *f = chan_far(c);
    if (!f)
        return far_ended();
    _Atomic uint64_t *moves = q == SENDERS ? &f->state->head : &f->state->tail;
    uint64_t seen = load_relaxed(moves); /* a hint */
    far_lock(f);
    int how = chan_do(f, q, item);
    if (how == CHAN_WAIT) {
        far_unlock(f);
        far_look(f, moves, seen);
        far_lock(f);
        how = chan_do(f, q, item);
    }
    if (how != CHAN_WAIT) {
        far_unlock(f);
        return chan_code(q, how);
    }
    int rc = far_wait(f, self, q, &item,
                      q == SENDERS ? "channel between processes to send"
                                   : "channel between processes to receive",
                      WAIT_CUTTABLE);
    return rc < 0 ? rc : chan_code(q, (int)(intptr_t)item);
}

int far_chan_send(tutti_chan *c, const void *item, struct context *self)
{
    return chan_call(c, SENDERS, (void *)(uintptr_t)item, self); /* only read */
}

int far_chan_recv(tutti_chan *c, void *item, struct context *self)
{
    return chan_call(c, RECEIVERS, item, self);
}

void far_chan_writers(tutti_chan *c, unsigned n)
{
    struct far *f = chan_far(c);
    if (!f)
        return;
    far_lock(f);
    far_lock_state(f);
    uint32_t writers = load_relaxed(&f->state->count); /* under the state's latch */
    if (writers)
        store_relaxed(&f->state->count,
                      writers + n < writers ? UINT32_MAX : writers + n); /* as above */
    far_unlock_state(f);
    far_unlock(f);
}

int far_chan_close(tutti_chan *c)
{
    struct far *f = chan_far(c);
    if (!f)
        return far_ended();
    far_lock(f);
    far_lock_state(f);
    uint32_t writers = load_relaxed(&f->state->count); /* as far_chan_writers */
    if (writers)
        store_relaxed(&f->state->count, writers - 1);
    far_unlock_state(f);
    if (f->space->at.me != FAR_HOME)
        far_went(f, SENDERS);
    far_step();
    if (writers == 1) {
        far_ring_all(f, SENDERS);
        far_ring_all(f, RECEIVERS);
    }
    far_unlock(f);
    return writers ? 0 : why_static(-EPIPE, "the channel was closed once too often");
}

size_t far_chan_length(const tutti_chan *c)
{
    const struct far *f = chan_far(c);
    if (!f)
        return 0;
    uint64_t head = load_acquire(&f->state->head); /* a moment old */
    uint64_t fill = load_acquire(&f->state->tail) - head;
    return fill <= f->entry->capacity ? fill : 0;
}

int tutti_chan_share(tutti_chan **out, tutti_scope *s, size_t item, size_t capacity)
{
    int rc;
    uint64_t bytes;
    struct far_space *space;
    if (!out)
        return why_static(-EINVAL, "tutti_chan_share: nowhere to put the channel");
    *out = NULL;
    if (!item || !capacity || __builtin_mul_overflow(item, capacity, &bytes)
        || bytes > INT64_MAX)
        return why_static(-EINVAL, "tutti_chan_share: items and capacity have a size");
    if ((rc = far_space_of(s, &space)) < 0)
        return rc;
    if (!space)
        return tutti_chan_open(out, s, item, capacity, NULL);
    struct far_entry as = { .kind = FAR_CHAN, .item = item, .capacity = capacity,
                            .data_size = bytes };
    struct far_entry *e = far_make(space, s, &as, &rc);
    if (!e)
        return rc;
    store_release(&space->objects[e - space->table].state->count, 1); /* its first writer */
    *out = (tutti_chan *)(void *)e;
    return 0;
}

/* --- waiting for any ------------------------------------------------------------------ */

static struct far *case_far(const tutti_case *k)
{
    return chan_far(k->on.chan);
}
static struct latch *case_latch(tutti_case *k, int *rc)
{
    *rc = -EINVAL;
    if (!k->item)
        return NULL;
    struct far *f = case_far(k);
    *rc = -ESTALE;
    return f ? &f->latch : NULL;
}
static int case_begin(tutti_case *k)
{
    return far_listen(case_far(k)->space);
}
static bool case_try(tutti_case *k, unsigned q)
{
    int how = chan_do(case_far(k), q, k->item);
    if (how == CHAN_WAIT)
        return false;
    k->code = chan_code(q, how);
    return true;
}
static bool case_send(tutti_case *k, struct context **wake, int *outcome)
{
    (void)wake;
    (void)outcome;
    return case_try(k, SENDERS);
}
static bool case_recv(tutti_case *k, struct context **wake, int *outcome)
{
    (void)wake;
    (void)outcome;
    return case_try(k, RECEIVERS);
}
static bool case_can(tutti_case *k, unsigned q)
{
    const struct far *f = case_far(k);
    /* hints */
    uint64_t fill = load_acquire(&f->state->tail) - load_acquire(&f->state->head);
    return load_relaxed(&f->state->count) == 0 || chan_untold(f, q)
           || (q == SENDERS ? fill < f->entry->capacity : fill != 0);
}
static bool case_can_send(tutti_case *k)
{
    return case_can(k, SENDERS);
}
static bool case_can_recv(tutti_case *k)
{
    return case_can(k, RECEIVERS);
}
static void case_enlist_send(tutti_case *k, struct wait_node *n)
{
    n->item = k->item;
    far_enlist(case_far(k), SENDERS, n);
}
static void case_enlist_recv(tutti_case *k, struct wait_node *n)
{
    n->item = k->item;
    far_enlist(case_far(k), RECEIVERS, n);
}
static void case_sent(tutti_case *k, struct wait_node *n)
{
    k->code = chan_code(SENDERS, (int)(intptr_t)n->item);
}
static void case_received(tutti_case *k, struct wait_node *n)
{
    k->code = chan_code(RECEIVERS, (int)(intptr_t)n->item);
}
static void case_unlock(tutti_case *k, struct latch *l)
{
    (void)l;
    far_unlock(case_far(k));
}

const struct waitable far_chan_send_waitable = { case_latch,  case_send,  case_can_send,
                                                 case_enlist_send, case_sent, case_unlock,
                                                 case_begin,  NULL };
const struct waitable far_chan_recv_waitable = { case_latch,  case_recv,  case_can_recv,
                                                 case_enlist_recv, case_received, case_unlock,
                                                 case_begin,  NULL };
