/* core/count.c - how many tasks of a scope live, and who hears of it: the closer, starts
 * held up by a limit, and who waits until none is left.  The rule is in scope.h.
 * Tests: tests/scope_test.c, tests/deadline_test.c. */
#include "base/memory.h"
#include "core/owned.h"
#include "core/scope.h"
#include "core/task.h"
#include "core/waitable.h"
#include "core/waiters.h"

/* --- counting -------------------------------------------------------------- */

uint64_t scope_start_slow(struct scope *s, bool counted)
{
    if (s->thread == thread_mark()) { /* watched */
        if (!counted)
            add_relaxed(&s->remote, 1);
        uint64_t here = load_relaxed(&s->started); /* as in scope_start */
        store_relaxed(&s->started, here + 1);
        return here + load_relaxed(&s->started_elsewhere);
    }
    /* relaxed: the task travels to its worker through a queue that orders it, and the
     * starter itself keeps the scope open meanwhile. */
    if (!counted)
        add_relaxed(&s->remote, 1);
    return load_relaxed(&s->started) + add_relaxed(&s->started_elsewhere, 1);
}

int64_t scope_live(const struct scope *s)
{
    /* A moment old.  Starts here and ends elsewhere bring remote below SCOPE_UNCLOSED, so
     * only the sum means anything. */
    return (load_relaxed(&s->remote) + load_relaxed(&s->local)) & SCOPE_COUNT;
}

/* --- closing ------------------------------------------------------------------ */

bool scope_fold(struct scope *s)
{
    int64_t fold = load_relaxed(&s->local) - SCOPE_UNCLOSED; /* our own, here and below */
    store_relaxed(&s->local, 0);
    s->watched = true; /* ends on this thread go to remote now */
    store_relaxed(&s->start_at, 0); /* see scope_is_plain */
    /* acq_rel: pairs with the ends' CAS: `closer` is seen by who brings it to 0, and what
     * the tasks wrote is seen by us. */
    return !((add_acqrel(&s->remote, fold) + fold) & SCOPE_COUNT);
}

void scope_fold_closing(struct scope *s)
{
    struct context *opener = s->opener;
    struct closers *l = opener->carrier->closers(opener);
    uint64_t closer = s->closer;
    s->closing = false;
    list_remove(&s->closing_link);
    l->count--;
    if (scope_fold(s) && wait_claim(opener, closer)) /* else who ends the last one wakes it */
        wait_wake(opener, 0);
}

void closers_settle(struct closers *l, bool all)
{
    for (struct list *at = l->list.next, *next; at != &l->list; at = next) {
        struct scope *s = list_entry(at, struct scope, closing_link);
        next = at->next;
        if (all || scope_left_here(s) == 0)
            scope_fold_closing(s);
    }
}

void closers_add(struct closers *l, struct scope *s)
{
    s->closing = true;
    list_push_back(&l->list, &s->closing_link);
    if (++l->count > CLOSERS_MOST) /* so that looking at all of them stays cheap */
        scope_fold_closing(list_entry(l->list.next, struct scope, closing_link));
}

/* --- ends elsewhere, and under the latch ----------------------------------------- */

static void starters_wake(struct scope *s, int64_t live, struct list *woken)
{
    while (s->more && (!s->more->limit || live < (int64_t)s->more->limit)) {
        struct list *l = list_pop(&s->more->starters);
        if (!l)
            return;
        struct wait_node *n = list_entry(l, struct wait_node, link);
        if (wait_node_claim(n)) {
            list_push_back(woken, &n->link);
            live++;
        }
    }
}

static void scope_end_watched(struct scope *s)
{
    struct list woken;
    list_init(&woken);
    scope_lock(s);
    /* acquire: pairs with scope_end_slow: whom we wake sees what those have done that ended
     * before.  What this task did the latch releases, which the closer takes. */
    int64_t left = sub_acquire(&s->remote, 1) - 1;
    int64_t live = left & SCOPE_COUNT;
    bool last = !live && !(left & SCOPE_UNCLOSED);
    struct context *opener = s->opener;
    uint64_t closer = last ? s->closer : 0; /* else it may be about to be written */
    if (!live && s->more)
        waiters_claim_all(&s->more->empties, &woken);
    starters_wake(s, live, &woken);
    scope_unlock(s); /* nodes in `woken` stay: their owners are claimed */
    waiters_wake(&woken);
    if (last && wait_claim(opener, closer))
        wait_wake(opener, 0);
}

void scope_end_slow(struct scope *s)
{
    int64_t seen = load_relaxed(&s->remote); /* the CAS decides */
    do {
        if (unlikely(seen & SCOPE_WATCHED)) {
            scope_end_watched(s);
            return;
        }
        /* acq_rel: pairs with scope_fold and with itself: the last one wakes the closer,
         * which then sees what all have done */
    } while (!cas_acqrel(&s->remote, &seen, seen - 1));
    if (seen - 1 == 0) { /* closing, and the last: the closer is parked until we wake it */
        struct context *opener = s->opener;
        if (wait_claim(opener, s->closer))
            wait_wake(opener, 0);
    }
}

void scope_watch(struct scope *s)
{
    if (s->watched)
        return;
    s->watched = true;
    store_relaxed(&s->start_at, 0); /* see scope_is_plain */
    int64_t local = load_relaxed(&s->local); /* our own, here and below */
    store_relaxed(&s->local, 0);
    /* acquire: pairs with scope_end_slow: what those did that have ended is seen by the
     * owner, who finds nobody alive; later ones take the latch */
    add_acquire(&s->remote, local + SCOPE_WATCHED);
}

/* --- the limit ------------------------------------------------------------- */

void tutti_scope_limit(tutti_scope *public, size_t n)
{
    struct scope *s = scope_of(public);
    struct context *c = context_self();
    if (!scope_is_open(s))
        misuse("tutti_scope_limit in %s: the scope is not open", task_name(c));
    if (scope_lost(s))
        return;
    if (s->opener != c) {
        scope_fail(public, why_set(-EPERM, "tutti_scope_limit in %s: only %s, which opened the "
                                   "scope, may limit it", task_name(c),
                                   task_name(s->opener)));
        return;
    }
    scope_watch(s);
    struct list woken;
    list_init(&woken);
    scope_lock(s);
    struct scope_more *m = scope_more(s);
    if (m) {
        m->limit = n;
        starters_wake(s, scope_live(s), &woken);
    }
    scope_unlock(s);
    waiters_wake(&woken);
    if (!m)
        scope_fail(public, why_set(-ENOMEM, "tutti_scope_limit: out of memory"));
}

static bool context_inside(const struct context *c, const struct scope *s)
{
    return scope_around(s, c->home);
}

/* Under the latch, let go meanwhile: wait for a place once.  As a wait, or why s is over. */
static int scope_wait_place(struct scope *s, struct context *c)
{
    struct wait_node n;
    int64_t deadline;
    uint64_t ticket = wait_prepare(c, "place in a limited scope", s);
    wait_node_init(&n, c, ticket, 0);
    list_push_back(&s->more->starters, &n.link);
    scope_unlock(s);
    /* What cuts s finds us from here on; what did before is seen here. */
    scope_link(s);
    int rc = scope_over_start(s, &deadline);
    if (rc == 0 || !wait_abandon(c, ticket))
        rc = wait_park(c, ticket, deadline, WAIT_CUTTABLE);
    if (rc >= 0)
        rc = scope_over_start(s, &deadline);
    scope_lock(s);
    waiters_remove(&n);
    return rc;
}

int scope_wait_limit(struct scope *s, struct context *c)
{
    /* relaxed: the owner set it before, or the caller raced with it anyway */
    if (likely(!(load_relaxed(&s->remote) & SCOPE_WATCHED)) || context_inside(c, s))
        return 0;
    int rc = 0;
    scope_lock(s);
    while (rc == 0 && s->more && s->more->limit
           && scope_live(s) >= (int64_t)s->more->limit)
        rc = scope_wait_place(s, c);
    bool limited = s->more && s->more->limit;
    if (rc == 0 && limited)
        add_relaxed(&s->remote, 1); /* the latch keeps others from taking the same place */
    scope_unlock(s);
    return rc < 0 ? rc : limited;
}

/* --- tutti_on_empty -------------------------------------------------------- */

static struct latch *empty_latch(tutti_case *c, int *rc)
{
    struct scope *s = scope_of(c->on.scope);
    *rc = -EINVAL;
    if (!scope_is_open(s) || s->opener != context_self())
        return NULL;
    *rc = -TUTTI_ELOST;
    if (scope_lost(s))
        return NULL;
    scope_watch(s);
    return &s->latch;
}

static bool empty_ready(tutti_case *c)
{
    struct scope *s = scope_of(c->on.scope);
    return scope_live(s) == 0 || !scope_more(s); /* no memory: attempt says so */
}

static bool empty_attempt(tutti_case *c, struct context **wake, int *outcome)
{
    (void)wake;
    (void)outcome;
    struct scope *s = scope_of(c->on.scope);
    c->code = scope_live(s) == 0 ? 0 : -ENOMEM;
    return scope_live(s) == 0 || !scope_more(s);
}

static void empty_enlist(tutti_case *c, struct wait_node *n)
{
    list_push_back(&scope_of(c->on.scope)->more->empties, &n->link);
}

static void empty_finish(tutti_case *c, struct wait_node *n)
{
    (void)n;
    c->code = 0;
}

static void empty_unlock(tutti_case *c, struct latch *l)
{
    (void)l;
    scope_unlock(scope_of(c->on.scope));
}

const struct waitable empty_waitable = { .latch = empty_latch,
                                         .attempt = empty_attempt,
                                         .ready = empty_ready,
                                         .enlist = empty_enlist,
                                         .finish = empty_finish,
                                         .unlock = empty_unlock };
