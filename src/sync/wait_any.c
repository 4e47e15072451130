/* sync/wait_any.c - tutti_wait: do one of several things, whichever can be done first.
 *
 * Design: all latches are taken at once, each once, in one order for everybody: futures
 * first (a record's latch comes before its scope's), then scopes from the outermost in (as
 * a cancel travels), then the rest; futures and the rest by address.  So no
 * two waits can do half of each other's, and what was found not ready is still not
 * ready when the nodes are queued.  Who wakes us claims our ticket, and by that one
 * case only.  Descriptors are asked with poll(2) before, and given to the carrier's
 * poller after; a plain thread has a poller of its own and sleeps in it instead of on
 * its futex.
 * Tests: tests/wait_test.c, tests/wait_poll_test.c. */
#include "base/memory.h"
#include "core/scope.h"
#include "core/thread.h"
#include "core/waitable.h"
#include "io/poll.h"
#include "sync/far/far.h"
#include "sync/wait_fd.h"
#include "core/waiters.h"
#include <poll.h>
#include <sched.h>

/* One case.  Holds: latch is set if and only if the case is queued at an object; begun:
 * w->end is due. */
struct part {
    tutti_case *c;
    const struct waitable *w; /* NULL: none, time or descriptor */
    struct latch *latch;
    int over;                 /* negative: done already, with this code */
    bool begun;
    struct poll_node node;    /* got: the descriptor is ready */
};

/* Holds: order has the parts with latches, in locking order; the first part of each
 * latch locks and unlocks it. */
struct any {
    struct part *parts, **order;
    struct pollfd *polls;
    size_t n, ordered, fds;
    size_t none, time;        /* indices; n: there is none */
    int64_t until;            /* of parts[time]; CLOCK_NEVER */
    struct poller *poller;
    void *block;              /* what is to be freed */
};

enum { ANY_INLINE = 6 };
struct room {
    struct part parts[ANY_INLINE];
    struct part *order[ANY_INLINE];
    struct pollfd polls[ANY_INLINE];
};

static const struct waitable *waitable_of_kind(unsigned kind)
{
    switch (kind) {
    case TUTTI_ON_RECV: return &chan_recv_waitable;
    case TUTTI_ON_SEND: return &chan_send_waitable;
    case TUTTI_ON_DONE: return &future_waitable;
    case TUTTI_ON_EVENT: return &event_waitable;
    case TUTTI_ON_EMPTY: return &empty_waitable;
    default: return NULL;
    }
}

const struct waitable *waitable_of(const tutti_case *c)
{
    return far_waitable(c, waitable_of_kind(c->kind));
}

/* --- reading the cases ------------------------------------------------------ */

static int any_room(struct any *a, size_t n, struct room *room)
{
    *a = (struct any){ room->parts, room->order, room->polls, n, 0, 0, n, n, CLOCK_NEVER,
                       NULL, NULL };
    if (n <= ANY_INLINE)
        return 0;
    size_t each = sizeof(struct part) + sizeof(struct part *) + sizeof(struct pollfd), all;
    if (n <= INT32_MAX - 16 && !__builtin_mul_overflow(n, each, &all))
        a->block = memory_alloc(all);
    if (!a->block)
        return why_static(-ENOMEM, "no memory to wait for so many things");
    a->parts = a->block;
    a->order = (struct part **)(void *)(a->parts + n);
    a->polls = (struct pollfd *)(void *)(a->order + n);
    return 0;
}

static int case_bad(size_t i, const char *words)
{
    return why_set(-EINVAL, "tutti_wait: case %zu %s", i, words);
}

static int any_read_object(struct any *a, struct part *p, size_t i)
{
    int rc = 0;
    p->w = waitable_of(p->c);
    if (!p->w)
        return case_bad(i, "is of no known kind");
    p->latch = p->w->latch(p->c, &rc);
    if (p->latch)
        a->order[a->ordered++] = p;
    else if (rc == -EINVAL)
        return case_bad(i, "has no object or item, a scope of another's, or no future of "
                           "this process");
    p->over = rc < 0 && !p->latch ? rc : 0;
    return 0;
}

static int any_read(struct any *a, size_t i, tutti_case *c)
{
    struct part *p = &a->parts[i];
    *p = (struct part){ .c = c };
    switch (c->kind) {
    case TUTTI_ON_NONE:
        a->none = i;
        return 0;
    case TUTTI_ON_TIME:
        if (a->time == a->n || c->on.when < a->until) {
            a->time = i;
            a->until = c->on.when;
        }
        return 0;
    case TUTTI_ON_FD:
        p->node.fd = c->on.fd;
        p->node.events = c->events;
        a->fds++;
        return c->on.fd < 0 ? case_bad(i, "has no descriptor") : 0;
    default:
        return any_read_object(a, p, i);
    }
}

static int locking_rank(const tutti_case *c)
{
    return c->kind == TUTTI_ON_DONE ? 0 : c->kind == TUTTI_ON_EMPTY ? 1 : 2;
}

static bool locked_before(const struct part *a, const struct part *b)
{
    int a_rank = locking_rank(a->c), b_rank = locking_rank(b->c);
    if (a_rank != b_rank)
        return a_rank < b_rank;
    if (a_rank == 1) /* all are the caller's: one is around the other, or they are the same */
        return a->latch != b->latch
               && scope_around(scope_of(a->c->on.scope), scope_of(b->c->on.scope));
    return (uintptr_t)a->latch < (uintptr_t)b->latch;
}

/* Shell's sort: few as a rule, and never slow. */
static void any_sort(struct any *a)
{
    size_t gap = 1;
    while (gap < a->ordered / 3)
        gap = 3 * gap + 1;
    for (; gap; gap /= 3)
        for (size_t i = gap; i < a->ordered; i++) {
            struct part *p = a->order[i];
            size_t at = i;
            for (; at >= gap && locked_before(p, a->order[at - gap]); at -= gap)
                a->order[at] = a->order[at - gap];
            a->order[at] = p;
        }
}

static void any_end(struct any *a, struct context *self, int done)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->parts[i].begun && a->parts[i].w->end)
            a->parts[i].w->end(a->parts[i].c, self, (int)i == done);
    memory_free(a->block);
}

static int any_begin(struct any *a, tutti_case *cases, size_t n, struct room *room)
{
    int rc = any_room(a, n, room);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = any_read(a, i, &cases[i]);
    if (rc < 0) {
        memory_free(a->block);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct part *p = &a->parts[i];
        rc = p->latch && p->w->begin ? p->w->begin(p->c) : 0;
        p->begun = p->latch && rc == 0;
    }
    if (rc < 0)
        any_end(a, context_self(), -1); /* frees what any_sort would look at */
    else
        any_sort(a);
    return rc;
}

/* --- all latches ------------------------------------------------------------ */

static void any_lock(struct any *a)
{
    for (size_t i = 0; i < a->ordered; i++)
        if (i == 0 || a->order[i]->latch != a->order[i - 1]->latch)
            latch_lock(a->order[i]->latch);
}

/* Backwards: what a poke asks for may take latches that come later in the order. */
static void any_unlock(struct any *a)
{
    for (size_t i = a->ordered; i-- > 0;)
        if (i == 0 || a->order[i]->latch != a->order[i - 1]->latch)
            a->order[i]->w->unlock(a->order[i]->c, a->order[i]->latch);
}

/* --- doing it now ----------------------------------------------------------- */

static unsigned any_random(void)
{
    static _Thread_local unsigned state;
    if (unlikely(!state))
        state = (unsigned)((uintptr_t)&state >> 4) | 1u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static bool part_attempt(struct part *p, int64_t now, struct context **wake, int *outcome)
{
    tutti_case *c = p->c;
    switch (c->kind) {
    case TUTTI_ON_NONE:
        return false;
    case TUTTI_ON_TIME:
        c->code = 0;
        return c->on.when <= now;
    case TUTTI_ON_FD:
        c->code = p->node.got;
        return p->node.got != 0;
    default:
        c->code = p->over;
        return p->over < 0 || (p->latch && p->w->attempt(c, wake, outcome));
    }
}

/* Under all latches.  The index; negative: nothing is ready. */
static int any_attempt(struct any *a, struct context **wake, int *outcome)
{
    size_t from = a->n > 1 ? any_random() % a->n : 0;
    int64_t now = a->time < a->n ? clock_now() : 0;
    for (size_t k = 0; k < a->n; k++) {
        size_t i = from + k < a->n ? from + k : from + k - a->n;
        if (part_attempt(&a->parts[i], now, wake, outcome))
            return (int)i;
    }
    if (a->none == a->n)
        return -EAGAIN;
    a->parts[a->none].c->code = 0;
    return (int)a->none;
}

/* Which descriptors are ready; how many. */
static int any_ask_fds(struct any *a)
{
    size_t k = 0;
    int kept = errno;
    if (!a->fds)
        return 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->parts[i].c->kind == TUTTI_ON_FD)
            a->polls[k++] = (struct pollfd){ a->parts[i].node.fd, a->parts[i].node.events, 0 };
    int ready = poll(a->polls, k, 0);
    k = 0;
    for (size_t i = 0; ready > 0 && i < a->n; i++)
        if (a->parts[i].c->kind == TUTTI_ON_FD)
            a->parts[i].node.got = a->polls[k++].revents;
    errno = kept;
    return ready > 0 ? ready : 0;
}

/* --- a plain thread's own poller -------------------------------------------- */

/* Holds: poller is NULL or was opened by this thread, in the process of `epoch`; ends where it
 * is not NULL. */
struct own_poller {
    struct thread_sleep sleep;
    struct poller *poller;
    uint32_t epoch; /* fork_epoch when opened: the parent's is not for the child */
    bool ends;      /* own_end is registered; it stays so in a child */
};
static _Thread_local struct own_poller own_poller;

static void own_park(struct thread_sleep *s, struct context *c, uint64_t ticket,
                     int64_t until)
{
    struct own_poller *own = list_entry(s, struct own_poller, sleep);
    /* acquire, both: pair with own_interrupt; the outcome is seen */
    while (load_acquire(&c->woken) == 0) {
        poller_run(own->poller, until);
        if (until == CLOCK_NEVER || load_acquire(&c->woken) || clock_now() < until)
            continue;
        if (wait_claim(c, ticket)) {
            c->outcome = WAIT_TIME;
            return;
        }
        until = CLOCK_NEVER; /* who claimed it is about to wake us */
    }
    while (load_acquire(&c->woken) != 2) /* the waker is not done with our poller */
        sched_yield();
}

static void own_interrupt(struct thread_sleep *s, struct context *c)
{
    struct own_poller *own = list_entry(s, struct own_poller, sleep);
    store_release(&c->woken, 1); /* pairs with own_park */
    poller_interrupt(own->poller);
    store_release(&c->woken, 2); /* pairs with own_park: *own may be gone from here on */
}

static void own_end(void *unused)
{
    (void)unused;
    poller_close(own_poller.poller);
    own_poller.poller = NULL;
    own_poller.ends = false; /* another's end may wait once more, after us */
}

static struct poller *own_open(void)
{
    struct own_poller *own = &own_poller;
    uint32_t epoch = load_relaxed(&fork_epoch); /* changes only in a child's one thread */
    if (own->poller && own->epoch == epoch)
        return own->poller;
    poller_close(own->poller); /* copies of the parent's */
    own->poller = NULL;
    if (!own->ends && thread_at_end(own_end, NULL) < 0)
        return NULL;
    own->ends = true;
    own->poller = poller_open(IO_EPOLL);
    own->epoch = epoch;
    own->sleep = (struct thread_sleep){ own_park, own_interrupt };
    return own->poller;
}

/* --- waiting ---------------------------------------------------------------- */

/* Under all latches, which are let go. */
static void any_enlist(struct any *a, struct context *self, uint64_t ticket)
{
    for (size_t i = 0; i < a->n; i++) {
        struct part *p = &a->parts[i];
        wait_node_init(&p->node.wait, self, ticket, (int)i);
        if (p->latch)
            p->w->enlist(p->c, &p->node.wait);
    }
    any_unlock(a);
}

/* 0: go on and park; 1: *outcome is final; negative: it failed, and the wait is
 * over. */
static int any_enlist_fds(struct any *a, struct context *self, uint64_t ticket,
                          int *outcome)
{
    for (size_t i = 0; a->fds && i < a->n; i++) {
        struct part *p = &a->parts[i];
        int rc = p->c->kind == TUTTI_ON_FD ? poller_add(a->poller, &p->node) : 0;
        if (rc == 0)
            continue;
        if (!wait_abandon(self, ticket))
            return 0; /* another case was done meanwhile */
        *outcome = (int)i;
        return rc;
    }
    return 0;
}

static void any_delist(struct any *a, int outcome)
{
    for (size_t i = 0; i < a->n; i++) {
        struct part *p = &a->parts[i];
        if (p->c->kind == TUTTI_ON_FD) {
            poller_remove(a->poller, &p->node);
            if ((int)i == outcome)
                p->c->code = p->node.got;
        }
        if (!p->latch)
            continue;
        latch_lock(p->latch);
        waiters_remove(&p->node.wait);
        if ((int)i == outcome)
            p->w->finish(p->c, &p->node.wait);
        p->w->unlock(p->c, p->latch);
    }
}

/* Under all latches, which are let go: nothing is ready. */
static int any_park(struct any *a, struct context *self)
{
    int outcome = 0;
    bool own = a->fds && self->carrier == &thread_carrier;
    if (own)
        self->sleep = &own_poller.sleep; /* before anybody can wake us */
    uint64_t ticket = wait_prepare(self, "any of several", a->parts[0].c);
    any_enlist(a, self, ticket);
    int rc = any_enlist_fds(a, self, ticket, &outcome);
    if (rc == 0)
        outcome = wait_park(self, ticket, a->until, WAIT_CUTTABLE);
    else if (rc < 0)
        outcome = rc;
    if (own)
        self->sleep = NULL;
    if (outcome == WAIT_TIME) {
        outcome = (int)a->time;
        a->parts[a->time].c->code = 0;
    }
    any_delist(a, outcome);
    return outcome < 0 ? wait_failed(outcome) : outcome;
}

/* Nothing can be had to wait for descriptors with. */
static int any_blind(void)
{
    int rc = poller_refused();
    return rc == -EMFILE || rc == -ENFILE
               ? why_static(rc, "no descriptor is left to wait for others with (ulimit -n)")
               : why_static(-ENOMEM, "no memory to wait for descriptors");
}

static int any_do(struct any *a, struct context *self)
{
    struct context *wake = NULL;
    int outcome = 0;
    if (!any_ask_fds(a) && a->fds && a->none == a->n) {
        a->poller = self->carrier == &thread_carrier ? own_open()
                                                     : self->carrier->poller(self);
        if (!a->poller)
            return any_blind();
    }
    any_lock(a);
    int rc = any_attempt(a, &wake, &outcome);
    if (rc < 0)
        return any_park(a, self); /* lets the latches go */
    any_unlock(a);
    if (wake)
        wait_wake(wake, outcome);
    return rc;
}

int tutti_wait(tutti_case *c, size_t n)
{
    struct context *self = context_self();
    struct room room;
    struct any a;
    if (unlikely(!c || !n))
        return why_static(-EINVAL, "tutti_wait: nothing to wait for");
    int rc = context_check(self);
    if (unlikely(rc < 0))
        return rc;
    rc = any_begin(&a, c, n, &room);
    if (unlikely(rc < 0))
        return rc;
    rc = any_do(&a, self);
    any_end(&a, self, rc);
    if (rc >= 0 && (size_t)rc == a.none)
        wait_fd_nothing(c);
    return rc;
}
