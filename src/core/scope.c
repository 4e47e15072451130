/* core/scope.c - lifetimes: opening and closing.  Counting is in count.c, the tree of
 * cancellation in cut.c, failures in failures.c.  Tests: tests/scope_test.c. */
#include "core/scope.h"
#include "base/fence.h"
#include "base/memory.h"
#include "core/owned.h"
#include "core/record.h"
#include "core/task.h"
#include "core/thread.h"
#include "core/waitable.h"

struct tutti_executor *(*executor_default_hook)(int *rc);
void (*forks_enter_hook)(struct context *c, struct scope *s);
void (*forks_leave_hook)(struct context *c, struct scope *s);

void scope_lock(struct scope *s)
{
    latch_lock(&s->latch);
}

void scope_unlock(struct scope *s)
{
    while (latch_unlock(&s->latch))
        records_settle(s);
}

/* What struct scope says it holds, in debug builds; by the opener, under the latch. */
static void scope_verify(const struct scope *s)
{
    assert(scope_is_open(s) && s->opener && s->thread);
    assert(!s->watched || load_relaxed(&s->local) == 0);
    assert(s->shield == (s->flags & TUTTI_SHIELD ? s : s->outer ? s->outer->shield : NULL));
    assert(!s->closing);
    assert(!load_relaxed(&s->linked) || s->outer); /* the latch, here and below */
    for (const struct list *l = s->members.next; l != &s->members; l = l->next) {
        assert(l->next->prev == l);
        assert(list_entry(l, const struct context, member_link)->home == s);
    }
    for (const struct list *l = s->children.next; l != &s->children; l = l->next) {
        assert(list_entry(l, const struct scope, child_link)->outer == s);
        assert(load_relaxed(&list_entry(l, const struct scope, child_link)->linked));
    }
}

int why_lost(void)
{
    return why_set(-TUTTI_ELOST, "the scope was opened before fork(); its tasks run in the "
                   "parent");
}

struct scope_more *scope_more(struct scope *s)
{
    if (!s->more) {
        s->more = memory_zalloc(sizeof *s->more);
        if (!s->more)
            return NULL;
        s->more->failures_end = &s->more->failures;
        list_init(&s->more->starters);
        list_init(&s->more->empties);
    }
    return s->more;
}

/* --- opening --------------------------------------------------------------- */

static struct tutti_executor *scope_choose_executor(struct context *c,
                                                    struct tutti_executor *ex, int *rc)
{
    *rc = 0;
    if (!ex && c->scope)
        ex = c->scope->ex;
    if (!ex && !c->scope && executor_default_hook)
        ex = executor_default_hook(rc);
    if (!ex && c->scope && c->scope->flags & SCOPE_BROKEN)
        *rc = scope_failure_again(c->scope);
    if (ex && unlikely(ex->epoch != load_relaxed(&fork_epoch))) /* as scope_lost */
        *rc = why_set(-TUTTI_ELOST, "executor %s belongs to the process before fork(); "
                      "open one of this process's own", ex->url);
    if (!ex && !*rc)
        *rc = -EINVAL;
    return ex;
}

static void scope_init(struct scope *s, struct context *c, struct tutti_executor *ex,
                       tutti_time deadline, unsigned flags)
{
    memset(s, 0, sizeof *s);
    s->flags = flags;
    s->ex = ex;
    s->opener = c;
    s->thread = thread_mark();
    s->outer = c->scope;
    s->shield = flags & TUTTI_SHIELD ? s : c->scope ? c->scope->shield : NULL;
    store_relaxed(&s->deadline, deadline); /* nobody else knows *s yet, here and below */
    s->bound = deadline;
    if (!(flags & TUTTI_SHIELD)) {
        if (s->outer && s->outer->bound < deadline)
            s->bound = s->outer->bound;
        store_relaxed(&s->clear_at, scope_clear_below(s->outer, c));
    }
    scope_note_plain(s);
    store_relaxed(&s->remote, SCOPE_UNCLOSED);
    s->epoch = load_relaxed(&fork_epoch);
    list_init(&s->children);
    list_init(&s->members);
    list_init(&s->owned);
    list_init(&s->pending);
    list_init(&s->done);
    list_init(&s->given);
    store_relaxed(&s->state, SCOPE_OPEN); /* as scope_is_open */
    scope_verify(s);
}

/* In debug builds, and no further out than is quick to look: opened twice it would be in its
 * own outer chain, and every walk up endless. */
static inline bool scope_is_new(const struct scope *s, const struct context *c)
{
    const struct scope *at = c->scope;
    for (int i = 0; at && i < 16; at = at->outer, i++)
        if (at == s)
            misuse("tutti_scope_open in %s: the scope is open already", task_name(c));
    return true;
}

void tutti_scope_open(tutti_scope *public, tutti_executor *ex, tutti_time deadline,
                      unsigned flags)
{
    struct scope *s = scope_of(public);
    struct context *c = context_self();
    int rc;
    if (!s)
        misuse("tutti_scope_open(NULL) in %s: give it a tutti_scope", task_name(c));
    for (const struct scope *o = c->scope; o && o->opener == c; o = o->outer)
        if (s == o)
            misuse("tutti_scope_open in %s: the scope is open already", task_name(c));
    assert(scope_is_new(s, c));
    ex = scope_choose_executor(c, ex, &rc);
    if (c->run.is_low)
        flags |= TUTTI_LOW;
    scope_init(s, c, rc < 0 ? NULL : ex, deadline, flags);
    ex = s->ex;
    if (!ex || !ex->ops->carries(ex, c)) {
        if (ex)
            add_relaxed(&ex->scopes, 1); /* ordered by whatever tells the closer of ex */
        if (c->task) /* nobody else knows *s yet */
            store_relaxed(&s->away, (uintptr_t)c->worker);
    }
    if (unlikely(c->strand != NULL))
        forks_enter_hook(c, s);
    scope_enter(c, s);
    if (rc == 0 && flags & ~(unsigned)(TUTTI_KEEP_GOING | TUTTI_SHIELD | TUTTI_ALONE | TUTTI_LOW))
        rc = why_set(-EINVAL, "tutti_scope_open: unknown flags %#x", flags);
    if (rc == 0 && flags & TUTTI_SHIELD && deadline == TUTTI_NEVER)
        rc = why_set(-EINVAL, "tutti_scope_open: a shield needs a deadline");
    if (rc < 0) {
        s->flags |= SCOPE_BROKEN;
        store_relaxed(&s->start_at, 0); /* nobody else knows *s yet */
        scope_fail(public, rc);
        scope_stop(s, OVER_FAILED); /* even one that keeps going */
    }
}

tutti_executor *tutti_scope_executor(const tutti_scope *s)
{
    return scope_is_open(scope_of_const(s)) ? scope_of_const(s)->ex : NULL;
}

/* --- owned things ---------------------------------------------------------- */

int scope_own(tutti_scope *public, struct owned *o)
{
    struct scope *s = scope_of(public);
    if (!scope_is_open(s))
        return why_set(-EINVAL, "the scope is not open");
    if (scope_lost(s))
        return why_lost();
    scope_lock(s);
    list_push_front(&s->owned, &o->link);
    scope_unlock(s);
    return 0;
}

static void scope_end_owned(struct scope *s)
{
    for (;;) {
        scope_lock(s);
        struct list *l = list_pop(&s->owned);
        scope_unlock(s);
        if (!l)
            return;
        struct owned *o = list_entry(l, struct owned, link);
        o->end(o);
    }
}

/* --- closing --------------------------------------------------------------- */

static int scope_may_close(struct scope *s, struct context *c, const char *call)
{
    if (!scope_is_open(s))
        return why_set(-EINVAL, "%s in %s: the scope is not open (closed twice, or never "
                       "opened)", call, task_name(c));
    if (scope_lost(s)) {
        store_relaxed(&s->state, SCOPE_CLOSED); /* of our copy; its tasks run in the parent */
        return why_lost();
    }
    if (s->opener != c)
        return why_set(-EPERM, "%s in %s: only %s, which opened the scope, may close it",
                       call, task_name(c), task_name(s->opener));
    if (c->scope != s)
        return why_set(-EPERM, "%s in %s: a scope opened after this one is still open",
                       call, task_name(c));
    return 0;
}

static void scope_wait_empty(struct scope *s, struct context *c)
{
    bool watched = s->watched;
    s->closer = wait_prepare(c, "scope to close", s);
    struct closers *l = watched || scope_left_here(s) == 0 ? NULL : c->carrier->closers(c);
    if (l)
        closers_add(l, s);
    if (l || !scope_fold(s))
        wait_park(c, s->closer, CLOCK_NEVER, 0);
    else
        wait_abandon(c, s->closer);
    if (watched) { /* the last end may still be inside its latch */
        scope_lock(s);
        scope_unlock(s);
    }
}

/* What close returns; the words become the caller's tutti_why. */
static int scope_result(struct scope *s)
{
    if (load_relaxed(&s->failure)) /* all that could set it has ended */
        return scope_failure_again(s);
    int cut = load_relaxed(&s->cut_by);
    return cut ? why_set(cut, "%s", tutti_strerror(cut)) : 0;
}

static void scope_forget(struct scope *s, struct context *c)
{
    scope_enter(c, s->outer);
    if (unlikely(c->strand != NULL))
        forks_leave_hook(c, s);
    store_relaxed(&s->state, SCOPE_CLOSED);
    store_relaxed(&s->start_at, 0); /* as `state`: who starts in it now is in error */
    if (!s->more)
        return;
    scope_lock(s); /* a cancel that came while it was open may still look */
    struct scope_more *more = s->more;
    s->more = NULL;
    scope_unlock(s);
    failures_free(more);
    memory_free(more);
}

/* The latch makes sure that whoever frees ex after waiting finds us gone. */
static void executor_release(struct tutti_executor *ex, const struct context *c)
{
    if (!ex || ex->ops->carries(ex, c))
        return;
    latch_lock(&ex->latch);
    struct wait_node *n = NULL;
    if (sub_relaxed(&ex->scopes, 1) == 1) { /* the latch orders it */
        n = ex->closer;
        ex->closer = NULL;
    }
    struct context *woken = n && wait_node_claim(n) ? n->who : NULL;
    latch_unlock(&ex->latch); /* no handler pokes this one */
    if (woken)
        wait_wake(woken, 0);
}

bool executor_holds(const struct tutti_executor *ex, const struct context *c)
{
    for (const struct scope *s = c->scope; s; s = s->outer)
        if (s->ex == ex)
            return true;
    return false;
}

void executor_wait_scopes(struct tutti_executor *ex)
{
    struct context *c = context_self();
    latch_lock(&ex->latch);
    while (load_relaxed(&ex->scopes) > 0) { /* the latch orders executor_release */
        struct wait_node n;
        uint64_t ticket = wait_prepare(c, "scopes of an executor to close", ex);
        wait_node_init(&n, c, ticket, 0);
        ex->closer = &n;
        latch_unlock(&ex->latch);
        wait_park(c, ticket, CLOCK_NEVER, 0);
        latch_lock(&ex->latch);
    }
    latch_unlock(&ex->latch);
}

int tutti_scope_close(tutti_scope *public)
{
    struct scope *s = scope_of(public);
    struct context *c = context_self();
    int rc = scope_may_close(s, c, "tutti_scope_close");
    if (rc < 0)
        return rc;
    scope_wait_empty(s, c);
    store_relaxed(&s->state, SCOPE_ENDING); /* the fence orders it, and alarm_clear */
    fence_light(); /* pairs with the heavy one in alarm_set: an expire that races us */
    alarm_clear(s);
    records_close(s);
    scope_end_owned(s);
    scope_lock(s);
    scope_verify(s);
    assert(list_empty(&s->members) && list_empty(&s->children) && scope_live(s) == 0);
    scope_unlock(s);
    scope_unlink(s);
    rc = scope_result(s);
    struct tutti_executor *ex = s->ex;
    scope_forget(s, c);
    executor_release(ex, c);
    return rc;
}

void tutti_scope_leave(tutti_scope *public)
{
    struct scope *s = scope_of(public);
    if (!scope_is_open(s))
        return;
    struct context *c = context_self();
    if (s->opener != c && !scope_lost(s))
        misuse("tutti_scope_leave in %s: only %s, which opened the scope, may leave it",
               task_name(c), task_name(s->opener));
    if (!scope_lost(s)) {
        while (c->scope && c->scope != s && c->scope->opener == c)
            tutti_scope_leave((tutti_scope *)(void *)c->scope); /* a jump left it open */
        if (scope_live(s))
            scope_stop(s, OVER_CANCELLED);
    }
    /* The failure that made the caller leave is the one to tell of. */
    char *kept = c->why;
    const char *kept_static = c->why_static;
    int kept_code = c->why_code;
    bool had = kept_static || (kept && kept[0]);
    if (had)
        c->why = NULL;
    tutti_scope_close(public);
    if (had) {
        memory_free(c->why);
        c->why = kept;
        c->why_static = kept_static;
        c->why_code = kept_code;
    }
}

static bool context_is_parked(const struct context *c)
{
    return load_relaxed(&c->wait_word) & WAIT_OPEN; /* a moment old */
}

/* Under the latch: how many of its tasks are parked.  One that has opened a scope of its own
 * and parks there is found by that. */
static uint64_t scope_parked(struct scope *s)
{
    uint64_t n = 0;
    for (struct list *l = s->members.next; l != &s->members; l = l->next)
        n += context_is_parked(list_entry(l, struct context, member_link));
    for (struct list *l = s->children.next; l != &s->children; l = l->next) {
        const struct context *c = list_entry(l, struct scope, child_link)->opener;
        n += c->home == s && !c->member && context_is_parked(c);
    }
    return n;
}

int tutti_scope_stat(const tutti_scope *public, tutti_scope_stats *out)
{
    struct scope *s = (struct scope *)(uintptr_t)scope_of_const(public);
    if (!scope_is_open(s) || !out || !out->size)
        return why_set(-EINVAL, "tutti_scope_stat: %s", out && out->size
                       ? "the scope is not open" : "set size first");
    if (scope_lost(s))
        return why_lost();
    tutti_scope_stats all = { .size = out->size };
    scope_lock(s);
    all.parked = scope_parked(s);
    all.live = (uint64_t)scope_live(s);
    all.started = load_relaxed(&s->started) + load_relaxed(&s->started_elsewhere);
    all.failed = load_relaxed(&s->failed);
    all.cut = load_relaxed(&s->cut);
    scope_unlock(s);
    /* Each was read at its own moment: who ends just now may be counted twice. */
    uint64_t others = all.live + all.failed + all.cut;
    all.succeeded = all.started > others ? all.started - others : 0;
    all.deadline = TUTTI_NEVER;
    for (struct scope *at = s; at; at = at->flags & TUTTI_SHIELD ? NULL : at->outer) {
        int64_t own = load_relaxed(&at->deadline);
        all.deadline = own < all.deadline ? own : all.deadline;
    }
    memcpy(out, &all, out->size < sizeof all ? out->size : sizeof all);
    return 0;
}
