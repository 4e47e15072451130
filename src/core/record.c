/* core/record.c - the records behind futures: made, ended, settled, recycled.  What users
 * call is in future.c.  Tests: tests/future_test.c. */
#include "core/record.h"
#include "base/memory.h"
#include "base/slab.h"
#include "core/waiters.h"
#include <sched.h>

const char record_place = 0;
static struct slab records = SLAB(1, struct record, next);

void out_free(struct tutti_out *o)
{
    if (o->give)
        o->give(o);
    else if (o->owned)
        memory_free(o->data);
    *o = (struct tutti_out){ 0 };
}

struct record *record_open(struct scope *s, uint64_t state, const char *name,
                           tutti_future *f)
{
    struct record *r = slab_get(&records);
    *f = (tutti_future){ { 0, 0 } };
    if (!r)
        return NULL;
    /* relaxed: nobody has a ticket of this generation yet */
    uint64_t count = (load_relaxed(&r->tag) >> RECORD_STATE_BITS) + 1;
    uint64_t generation = record_seal((uintptr_t)r)
                          | (count & ((UINT64_C(1) << RECORD_COUNT_BITS) - 1));
    if (record_lost(r)) /* reused in a child: whoever held its latch is gone */
        store_relaxed(&r->latch.word, LATCH_FREE);
    latch_lock(&r->latch); /* holders of stale tickets look in */
    store_relaxed(&r->epoch, load_relaxed(&fork_epoch)); /* as in record_lost */
    r->scope = s;
    r->runner = NULL;
    r->name = name;
    r->words = NULL;
    r->code = r->signal = 0;
    r->runs = 0;
    r->end = TUTTI_PENDING;
    r->looked = r->cancelled = false;
    r->index = 0;
    store_relaxed(&r->released, false); /* as the rest: nobody has a ticket yet */
    list_init(&r->waiters);
    /* relaxed: others get the ticket after this, or look under the latch */
    store_relaxed(&r->tag, generation << RECORD_STATE_BITS | state);
    scope_lock(s);
    list_push_back(&s->pending, &r->link);
    scope_unlock(s);
    record_unlock(r);
    f->_[0] = (uint64_t)(uintptr_t)r;
    f->_[1] = generation;
    return r;
}

/* Under the latch; the record has left its scope's lists. */
static void record_recycle(struct record *r)
{
    uint64_t generation = load_relaxed(&r->tag) >> RECORD_STATE_BITS; /* we hold it */
    memory_free(r->words);
    r->words = NULL;
    out_free(&r->out);
    r->scope = NULL;
    /* relaxed: the CAS in tutti_future_fulfil fails from now on, and then reads nothing */
    store_relaxed(&r->tag, generation << RECORD_STATE_BITS | RECORD_FREE);
}

static void record_free(struct record *r)
{
    slab_put(&records, r);
}

/* Under s's latch: who waits in tutti_scope_next may look again.  NULL: nobody. */
static struct context *scope_claim_next(struct scope *s)
{
    struct wait_node *n = s->more ? s->more->next : NULL;
    if (!n)
        return NULL;
    s->more->next = NULL;
    return wait_claim(n->who, n->ticket) ? n->who : NULL;
}

/* Under s's latch. */
static void record_to_done(struct record *r)
{
    list_remove(&r->link);
    list_push_back(&r->scope->done, &r->link);
}

bool record_begin(struct record *r, struct context *c)
{
    latch_lock(&r->latch);
    bool go = !r->cancelled;
    r->runner = go ? c : NULL;
    r->runs += go;
    record_unlock(r);
    return go;
}

bool record_is_cancelled(struct record *r)
{
    latch_lock(&r->latch);
    bool cancelled = r->cancelled;
    record_unlock(r);
    return cancelled;
}

int record_result(struct record *r, const void *data, size_t size)
{
    if (size > sizeof r->small) {
        r->out.data = memory_alloc(size);
        r->out.owned = r->out.data != NULL;
    } else {
        r->out.data = r->small;
    }
    if (!r->out.data)
        return -ENOMEM;
    memcpy(r->out.data, data, size);
    r->out.size = r->out.room = size;
    return 0;
}

void record_end(struct record *r, tutti_end end, int code, char *words)
{
    struct list woken;
    list_init(&woken);
    latch_lock(&r->latch);
    struct scope *s = r->scope;
    r->runner = NULL;
    r->end = end;
    r->code = code;
    r->words = words;
    bool unwanted = load_relaxed(&r->released); /* under the latch */
    waiters_claim_all(&r->waiters, &woken);
    scope_lock(s);
    /* Relaxed: the latches order it.  Not before the scope's: records_settle would take it
     * for a promise and move it as well, so that tutti_scope_next gave it twice. */
    or_relaxed(&r->tag, RECORD_DONE); /* PENDING | DONE == DONE */
    if (unwanted)
        list_remove(&r->link);
    else
        record_to_done(r);
    struct context *next = scope_claim_next(s);
    scope_unlock(s);
    if (unwanted)
        record_recycle(r);
    record_unlock(r);
    if (unwanted)
        record_free(r);
    waiters_wake(&woken);
    if (next)
        wait_wake(next, 0);
}

/* Under the latch: a promise that has been fulfilled becomes done.  The caller may be a
 * signal handler. */
static void record_settle(struct record *r)
{
    uint64_t tag = load_acquire(&r->tag); /* pairs with fulfil: the value is seen */
    if ((tag & ((1 << RECORD_STATE_BITS) - 1)) != RECORD_FILLED)
        return;
    struct list woken;
    list_init(&woken);
    store_relaxed(&r->tag, tag - RECORD_FILLED + RECORD_DONE); /* see records_settle */
    waiters_claim_all(&r->waiters, &woken);
    waiters_wake_signal(&woken);
    struct scope *s = r->scope;
    if (latch_try_or_poke(&s->latch)) {
        records_settle(s);
        scope_unlock(s);
    }
}

void record_unlock(struct record *r)
{
    while (latch_unlock(&r->latch))
        record_settle(r);
}

void record_poke(struct record *r)
{
    if (latch_try_or_poke(&r->latch)) {
        record_settle(r);
        record_unlock(r);
    }
}

void records_settle(struct scope *s)
{
    bool any = false;
    for (struct list *l = s->pending.next, *after; l != &s->pending; l = after) {
        struct record *r = list_entry(l, struct record, link);
        after = l->next;
        /* relaxed: whoever reads what is in it takes its latch.  A task's record cannot be
         * seen here as DONE: record_end moves it under the scope's. */
        if ((load_relaxed(&r->tag) & ((1 << RECORD_STATE_BITS) - 1)) == RECORD_DONE) {
            record_to_done(r);
            any = true;
        }
    }
    struct context *next = any ? scope_claim_next(s) : NULL;
    if (next)
        wait_wake_signal(next, 0);
}

/* Under the latch: is it done, or a promise that nobody can fulfil any more? */
static bool record_is_over(struct record *r)
{
    uint64_t tag = load_relaxed(&r->tag); /* DONE comes under the latch */
    uint64_t state = tag & ((1 << RECORD_STATE_BITS) - 1);
    /* relaxed: nothing was written that a failing fulfil would read */
    return state == RECORD_DONE
           || (state == RECORD_PROMISED
               && cas_relaxed(&r->tag, &tag, tag - RECORD_PROMISED + RECORD_DONE));
}

void record_release(struct record *r)
{
    bool over = record_is_over(r);
    struct list woken;
    list_init(&woken);
    struct context *next = NULL;
    r->looked = true;
    store_relaxed(&r->released, true); /* a hint outside the latch */
    if (over) {
        struct scope *s = r->scope;
        waiters_claim_all(&r->waiters, &woken);
        scope_lock(s);
        list_remove(&r->link);
        next = list_empty(&s->pending) ? scope_claim_next(s) : NULL;
        scope_unlock(s);
        record_recycle(r);
    }
    record_unlock(r);
    if (over)
        record_free(r);
    waiters_wake(&woken);
    if (next)
        wait_wake(next, 0);
}

/* Whom to wake because the scope of what they await has closed: see record_wait. */
static void awaiters_tell_closed(struct list *woken)
{
    for (struct list *l = woken->next; l != woken; l = l->next) {
        bool *closed = list_entry(l, struct wait_node, link)->item;
        if (closed) /* else a case, which looks by itself */
            *closed = true;
    }
}

/* Take r, with its latch held, out of a closing scope; notes what nobody looked at. */
static void record_close(struct scope *s, struct record *r)
{
    struct list woken;
    list_init(&woken);
    /* One that is being fulfilled on another thread right now will be in a moment.
     * acquire: pairs with fulfil: nobody writes it any more. */
    while (!record_is_over(r)
           && (load_acquire(&r->tag) & ((1 << RECORD_STATE_BITS) - 1)) != RECORD_FILLED)
        sched_yield();
    waiters_claim_all(&r->waiters, &woken);
    awaiters_tell_closed(&woken);
    scope_lock(s);
    list_remove(&r->link);
    scope_unlock(s);
    bool failed = end_is_failure(r->end) && !r->looked;
    int code = r->code, signal = r->signal;
    const char *name = r->name;
    uint64_t index = r->index;
    char *words = failed ? r->words : NULL;
    if (failed)
        r->words = NULL;
    record_recycle(r);
    record_unlock(r);
    record_free(r);
    waiters_wake(&woken);
    if (failed)
        scope_note_failure(s, code, signal, name, index, words);
}

static struct record *records_first(struct scope *s, uint64_t *tag)
{
    scope_lock(s);
    struct list *head = !list_empty(&s->done)      ? &s->done
                        : !list_empty(&s->pending) ? &s->pending
                                                   : &s->given;
    struct record *r = list_empty(head) ? NULL
                                        : list_entry(head->next, struct record, link);
    if (r)
        *tag = load_relaxed(&r->tag) >> RECORD_STATE_BITS; /* checked under its latch */
    scope_unlock(s);
    return r;
}

void records_close(struct scope *s)
{
    struct record *r;
    uint64_t generation;
    /* The latch of a record comes before the scope's, so each is found, let go, and taken
     * again; meanwhile its holder may have released it, and the next turn finds another. */
    while ((r = records_first(s, &generation))) {
        latch_lock(&r->latch);
        if (load_relaxed(&r->tag) >> RECORD_STATE_BITS == generation && r->scope == s)
            record_close(s, r);
        else
            record_unlock(r);
    }
}
