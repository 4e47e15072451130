/* sync/chan_any.c - channels as cases of tutti_wait_any.  See chan.h.
 *
 * For TUTTI_ANY_SIZE the second word of case.on holds the view while the wait lasts.
 * Tests: tests/chan_test.c, tests/wait_test.c. */
#include "base/memory.h"
#include "sync/chan.h"

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
    /* It is taken as a latch from now on. */
    biased_give_up(&k->on.chan->latch, context_self()->mark);
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
