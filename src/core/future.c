/* core/future.c - what users do with futures.  The records are record.c's.
 * Tests: tests/future_test.c. */
#include "base/memory.h"
#include "core/record.h"
#include "core/waitable.h"
#include "core/waiters.h"

enum { STATE_MASK = (1 << RECORD_STATE_BITS) - 1, OUTCOME_STALE = INT32_MAX - 2 };

/* NULL: f is none, or holds what no ticket of this process does. */
static struct record *record_of(tutti_future f)
{
    bool is_sealed = f._[1] >> RECORD_COUNT_BITS
                     == record_seal(f._[0]) >> RECORD_COUNT_BITS;
    return likely(is_sealed) ? (struct record *)(uintptr_t)f._[0] : NULL;
}

static bool future_is_none(tutti_future f)
{
    return !f._[0] && !f._[1];
}

/* Under the latch. */
static uint64_t record_state(struct record *r)
{
    return load_relaxed(&r->tag) & STATE_MASK; /* who fulfils settles under the latch */
}

/* Under the latch. */
static bool record_is_current(struct record *r, tutti_future f)
{
    uint64_t tag = load_relaxed(&r->tag); /* changes under the latch, as released */
    return tag >> RECORD_STATE_BITS == f._[1] && (tag & STATE_MASK) != RECORD_FREE
           && !load_relaxed(&r->released);
}

/* The record with its latch held; NULL: *rc says why. */
static struct record *record_lock(tutti_future f, int *rc)
{
    struct record *r = record_of(f);
    *rc = -EINVAL;
    if (!r)
        return NULL;
    *rc = -TUTTI_ELOST;
    if (record_lost(r))
        return NULL;
    *rc = -ESTALE;
    latch_lock(&r->latch);
    if (record_is_current(r, f)) {
        if (record_state(r) == RECORD_FILLED) { /* its handler has not come by yet */
            record_unlock(r);
            record_poke(r);
            return record_lock(f, rc);
        }
        return r;
    }
    record_unlock(r);
    return NULL;
}

static int future_bad(tutti_future f, int rc)
{
    return why_static(rc, rc != -EINVAL       ? tutti_strerror(rc)
                          : future_is_none(f) ? "the future is none: nothing was started for it"
                                              : "no future of this process: it was never "
                                                "set, or holds other bytes now");
}

/* The same for calls that can give no code: none and stale ones are nothing to them. */
static void future_heed(tutti_future f, int rc, const char *call)
{
    if (rc == -EINVAL && !future_is_none(f))
        misuse("%s in %s: it was given no future of this process: one that was never set, or "
               "holds other bytes now", call, tutti_task_name());
}

/* Under the latch: wait until r is done, let the latch go and take it again.  0: done and
 * latched; negative: not latched. */
static int record_wait(struct record **r, tutti_future f, struct context *c)
{
    while (record_state(*r) != RECORD_DONE) {
        struct wait_node n;
        bool closed = false;
        uint64_t ticket = wait_prepare(c, "future", *r);
        wait_node_init(&n, c, ticket, 0);
        n.item = &closed;
        list_push_back(&(*r)->waiters, &n.link);
        struct record *kept = *r;
        record_unlock(kept);
        int rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
        if (rc < 0) {
            latch_lock(&kept->latch);
            waiters_remove(&n);
            record_unlock(kept);
            return wait_failed(rc);
        }
        *r = record_lock(f, &rc);
        if (!*r)
            return future_bad(f, rc == -ESTALE && closed ? -ECANCELED : rc);
    }
    return 0;
}

/* Latched and done, or negative. */
static int future_finish(tutti_future f, struct record **r)
{
    struct context *c = context_self();
    int rc = context_check(c);
    if (rc < 0)
        return rc;
    *r = record_lock(f, &rc);
    if (!*r)
        return future_bad(f, rc);
    return record_wait(r, f, c);
}

/* Under the latch: the code, and its words become the caller's. */
static int record_code(struct record *r)
{
    r->looked = true;
    if (r->code < 0)
        why_set(r->code, "%s", r->words ? r->words : tutti_strerror(r->code));
    return r->code;
}

int tutti_future_await(tutti_future f, tutti_bytes *out)
{
    struct record *r;
    if (out)
        *out = (tutti_bytes){ NULL, 0 };
    int rc = future_finish(f, &r);
    if (rc < 0)
        return rc;
    rc = record_code(r);
    if (out && rc >= 0)
        *out = (tutti_bytes){ r->out.data, r->out.size };
    record_unlock(r);
    return rc;
}

int tutti_future_take(tutti_future f, void *out, size_t n)
{
    struct record *r;
    if (unlikely(n && !out))
        return why_set(-EINVAL, "tutti_future_take: nowhere to put %zu bytes", n);
    int rc = future_finish(f, &r);
    if (rc < 0)
        return rc;
    rc = record_code(r);
    if (rc >= 0 && r->out.size != n) {
        size_t size = r->out.size;
        record_unlock(r);
        return why_set(-EMSGSIZE, "tutti_future_take: the result has %zu bytes, not %zu",
                       size, n);
    }
    if (rc >= 0 && n)
        memcpy(out, r->out.data, n);
    record_release(r);
    return rc;
}

int tutti_future_done(tutti_future f)
{
    int rc;
    struct record *r = record_lock(f, &rc);
    if (!r)
        return future_bad(f, rc);
    bool done = record_state(r) == RECORD_DONE;
    record_unlock(r);
    return done;
}

void tutti_future_cancel(tutti_future f)
{
    int rc;
    struct record *r = record_lock(f, &rc);
    if (!r) {
        future_heed(f, rc, "tutti_future_cancel");
        return;
    }
    if (record_state(r) == RECORD_PROMISED) {
        record_unlock(r);
        tutti_future_fulfil(f, -ECANCELED, (tutti_bytes){ NULL, 0 });
        return;
    }
    r->cancelled = true;
    if (r->runner) /* cannot end, and lose its context, while we hold the latch */
        context_cut(r->runner);
    else if (r->runs && record_state(r) == RECORD_PENDING)
        r->scope->ex->ops->look(r->scope->ex); /* it was begun in another process */
    record_unlock(r);
}

void tutti_future_release(tutti_future f)
{
    int rc;
    struct record *r = record_lock(f, &rc);
    if (r)
        record_release(r);
    else
        future_heed(f, rc, "tutti_future_release");
}

int tutti_future_outcome(tutti_future f, tutti_outcome *out)
{
    int rc;
    if (!out || !out->size)
        return why_set(-EINVAL, "tutti_future_outcome: set size first");
    struct record *r = record_lock(f, &rc);
    if (!r)
        return future_bad(f, rc);
    bool done = record_state(r) == RECORD_DONE;
    tutti_outcome all = { out->size,
                          done ? r->end : TUTTI_PENDING,
                          done ? r->code : 0,
                          done ? r->signal : 0,
                          r->runs,
                          r->name,
                          done && r->words ? r->words : done ? tutti_strerror(r->code) : "",
                          r->index };
    if (done)
        r->looked = true;
    record_unlock(r);
    memcpy(out, &all, out->size < sizeof all ? out->size : sizeof all);
    return 0;
}

/* --- as completed ---------------------------------------------------------- */

/* Under the latch: the next in *f: 1; 0: none is left; -EAGAIN: none is done yet; -ENOMEM. */
static int scope_take_done(struct scope *s, tutti_future *f)
{
    struct list *l;
    if (!scope_more(s))
        return -ENOMEM;
    while ((l = list_pop(&s->done))) {
        struct record *r = list_entry(l, struct record, link);
        list_push_back(&s->given, &r->link);
        if (load_relaxed(&r->released)) /* while it was being fulfilled */
            continue;
        f->_[0] = (uint64_t)(uintptr_t)r;
        f->_[1] = load_relaxed(&r->tag) >> RECORD_STATE_BITS; /* in our lists: current */
        return 1;
    }
    return list_empty(&s->pending) ? 0 : -EAGAIN;
}

/* Under the latch, let go meanwhile: until one more may be done; 0, or as a wait. */
static int scope_wait_done(struct scope *s, struct context *c)
{
    struct wait_node n;
    uint64_t ticket = wait_prepare(c, "next future", s);
    wait_node_init(&n, c, ticket, 0);
    s->more->next = &n;
    scope_unlock(s);
    int rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
    scope_lock(s);
    if (s->more->next == &n)
        s->more->next = NULL;
    return rc < 0 ? rc : 0;
}

int tutti_scope_next(tutti_scope *public, tutti_future *f)
{
    struct scope *s = scope_of(public);
    struct context *c = context_self();
    if (!f)
        return why_set(-EINVAL, "tutti_scope_next: nowhere to put the future");
    *f = (tutti_future){ { 0, 0 } };
    if (scope_is_open(s) && scope_lost(s))
        return why_lost();
    if (!scope_is_open(s) || s->opener != c)
        return why_set(-EINVAL, "tutti_scope_next: the scope is not open, or not the "
                       "caller's");
    int rc = context_check(c);
    if (rc < 0)
        return rc;
    scope_lock(s);
    while ((rc = scope_take_done(s, f)) == -EAGAIN && (rc = scope_wait_done(s, c)) == 0)
        ;
    scope_unlock(s);
    return rc < 0 ? wait_failed(rc) : rc;
}

/* --- promises -------------------------------------------------------------- */

int tutti_promise(tutti_scope *public, tutti_future *f)
{
    struct scope *s = scope_of(public);
    if (!f)
        return why_set(-EINVAL, "tutti_promise: nowhere to put the future");
    *f = (tutti_future){ { 0, 0 } };
    if (!scope_is_open(s))
        return why_set(-EINVAL, "tutti_promise: the scope is not open");
    if (scope_lost(s))
        return why_lost();
    return record_open(s, RECORD_PROMISED, "promise", f)
               ? 0
               : why_set(-ENOMEM, "tutti_promise: out of memory");
}

int tutti_future_fulfil(tutti_future f, int code, tutti_bytes value)
{
    struct record *r = record_of(f);
    if (!r || (value.size && !value.data))
        return -EINVAL;
    if (record_lost(r))
        return -TUTTI_ELOST;
    unsigned char *large = value.size > TUTTI_PROMISE_MAX ? memory_alloc(value.size) : NULL;
    if (value.size > TUTTI_PROMISE_MAX && !large)
        return -ENOMEM;
    uint64_t tag = f._[1] << RECORD_STATE_BITS | RECORD_PROMISED;
    /* relaxed: whatever brought the ticket here orders record_open before this; from here
     * until FILLED the value is ours to write */
    if (!cas_relaxed(&r->tag, &tag, f._[1] << RECORD_STATE_BITS | RECORD_FILLING)) {
        memory_free(large);
        uint64_t state = tag & STATE_MASK;
        return tag >> RECORD_STATE_BITS != f._[1] || state == RECORD_FREE ? -ESTALE
               : state == RECORD_PENDING                                  ? -EINVAL
                                                                          : -EALREADY;
    }
    if (value.size)
        memcpy(large ? large : r->small, value.data, value.size);
    r->out = (struct tutti_out){ large ? large : r->small, value.size, value.size,
                                 large != NULL };
    r->code = code;
    r->end = code == -ECANCELED ? TUTTI_CUT : code < 0 ? TUTTI_FAILED : TUTTI_OK;
    /* release: pairs with the acquire of whoever settles it */
    store_release(&r->tag, f._[1] << RECORD_STATE_BITS | RECORD_FILLED);
    record_poke(r);
    return 0;
}

/* --- tutti_on_done --------------------------------------------------------- */

static struct latch *done_latch(tutti_case *c, int *rc)
{
    struct record *r = record_of(c->on.future);
    *rc = r ? -ESTALE : future_is_none(c->on.future) ? 0 : -EINVAL;
    return r && tutti_future_done(c->on.future) >= 0 ? &r->latch : NULL;
}

static bool done_is_current(tutti_case *c)
{
    return record_is_current(record_of(c->on.future), c->on.future);
}

static bool done_ready(tutti_case *c)
{
    return !done_is_current(c) || record_state(record_of(c->on.future)) == RECORD_DONE;
}

static void done_finish(tutti_case *c, struct wait_node *n)
{
    (void)n;
    struct record *r = record_of(c->on.future);
    if (!done_is_current(c)) {
        c->code = -ESTALE;
        return;
    }
    c->code = r->code;
    r->looked = true;
}

static bool done_attempt(tutti_case *c, struct context **wake, int *outcome)
{
    (void)wake;
    (void)outcome;
    if (!done_ready(c))
        return false;
    done_finish(c, NULL);
    return true;
}

static void done_enlist(tutti_case *c, struct wait_node *n)
{
    list_push_back(&record_of(c->on.future)->waiters, &n->link);
}

static void done_unlock(tutti_case *c, struct latch *l)
{
    (void)l;
    record_unlock(record_of(c->on.future));
}

const struct waitable future_waitable = { .latch = done_latch,
                                          .attempt = done_attempt,
                                          .ready = done_ready,
                                          .enlist = done_enlist,
                                          .finish = done_finish,
                                          .unlock = done_unlock };
