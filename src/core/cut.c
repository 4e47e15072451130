/* core/cut.c - the tree of cancellation: who is over, and how those that are parked hear of
 * it.  The shape follows nsync's notes: a flag with parent and deadline.  See scope.h.
 * Tests: tests/cut_test.c, tests/cut_storm_test.c. */
#include "base/fence.h"
#include "core/record.h"
#include "core/task.h"
#include "core/thread.h"

_Atomic uint64_t scope_cuts = 1;
void (*forks_look_hook)(struct scope *s);

/* Something may be over now that was not before.  Cancels pay for the waits here, of which
 * there are more. */
static void cuts_count(void)
{
    add_release(&scope_cuts, 1); /* pairs with scope_clear, and with over_walk's look at it:
                                    who sees the new count sees what was done before */
    fence_heavy(); /* pairs with fence_light in last_park, and with the two seq_cst
                      of wait_open_to_cuts: what waits is seen after this, or has seen the
                      new count */
}

/* --- walking up ------------------------------------------------------------ */

static void mark_cut(struct scope *s, struct scope *cause, int code)
{
    int none = 0; /* relaxed: read after all has ended; the first cause is told */
    for (; s && s != cause; s = s->outer, none = 0)
        cas_relaxed(&s->cut_by, &none, code);
    if (cause && code == -ETIMEDOUT)
        cas_relaxed(&cause->cut_by, &none, code);
}

/* Walk from s up.  alone: a task that was cancelled by itself, or NULL; what it has opened
 * is over, its home is not.  A shield keeps it out only if the task itself, or one it is
 * inside of, has opened it: one that starts in a shield can be cancelled. */
static int over_from(struct scope *s, const struct context *alone, int64_t *deadline,
                     struct scope **cause)
{
    int64_t earliest = CLOCK_NEVER;
    struct scope *first = NULL;
    const struct context *heard = NULL; /* alone, once the way from it to s is clear */
    *cause = NULL;
    for (; s; s = s->outer) {
        /* acquire: pairs with scope_stop, for what the canceller did; that nobody parks
         * past it is scope_cuts' */
        if (unlikely(load_acquire(&s->over))) {
            *cause = s;
            return load_relaxed(&s->over) == OVER_EXPIRED ? -ETIMEDOUT : -ECANCELED;
        }
        int64_t own = load_relaxed(&s->deadline); /* expire cuts after it has set it */
        if (own < earliest) {
            earliest = own;
            first = s;
        }
        if (unlikely(alone && alone->home == s)) {
            heard = alone;
            alone = NULL;
        }
        if (s->flags & TUTTI_SHIELD)
            break;
        if (load_acquire(&s->opener->cut)) /* as `over` */
            alone = s->opener;
    }
    *deadline = earliest;
    if (unlikely(heard != NULL)) {
        *cause = heard->home;
        return -ECANCELED;
    }
    if (earliest != CLOCK_NEVER && clock_now() >= earliest) {
        *cause = first;
        return -ETIMEDOUT;
    }
    return 0;
}

/* Who was cancelled alone: c, or who forked the call that it runs; NULL: none. */
static const struct context *alone_of(const struct context *c)
{
    for (; c; c = c->forker)
        if (load_acquire(&c->cut)) /* as `over` in over_from */
            return c;
    return NULL;
}

/* Who only forks and joins looks at no clock, so the end of its time must come to it.
 * Without memory for that it is seen when somebody asks for calls. */
static void scope_alarm(struct scope *s, int64_t deadline)
{
    while (s && load_relaxed(&s->deadline) != deadline) /* as in over_from */
        s = s->outer;
    if (s && !load_relaxed(&s->alarmed)) /* set twice is set once */
        alarm_set(s);
}

bool scope_in_time(const struct scope *s)
{
    return clock_now() < s->bound;
}

/* Walk, mark what is cut, and keep what was found for whoever asks next. */
static int over_walk(struct scope *s, const struct context *alone, int64_t *deadline)
{
    struct scope *cause;
    *deadline = CLOCK_NEVER;
    uint64_t cuts = load_acquire(&scope_cuts); /* pairs with cuts_count; before the walk */
    int rc = over_from(s, alone, deadline, &cause);
    if (unlikely(rc < 0))
        mark_cut(s, cause, rc);
    else if (s && !alone && *deadline == s->bound)
        store_release(&s->clear_at, cuts); /* pairs with scope_clear_below */
    return rc;
}

int scope_over_forks_slow(struct context *c, struct scope *s)
{
    int64_t deadline;
    int rc = over_walk(s, alone_of(c), &deadline);
    if (unlikely(rc == 0 && deadline != CLOCK_NEVER))
        scope_alarm(s, deadline);
    return rc;
}

int scope_over_slow(struct context *c, int64_t *deadline)
{
    uint64_t cuts = load_relaxed(&scope_cuts); /* loaded again before anything is looked at */
    if (unlikely(!c->scope || context_alone(c) || !scope_clear(c->scope, deadline))) {
        int rc = over_walk(c->scope, alone_of(c), deadline);
        if (rc < 0)
            return rc;
    }
    if (*deadline == CLOCK_NEVER && !context_alone(c))
        c->clear_at = cuts;
    return 0;
}

int scope_over_start_slow(struct scope *s, int64_t *deadline)
{
    return over_walk(s, NULL, deadline);
}

uint64_t scope_clear_below(const struct scope *outer, const struct context *opener)
{
    /* acquire: pairs with over_walk.  If the opener was cancelled alone before the count
     * that we copy, that is seen below. */
    uint64_t cuts = outer ? load_acquire(&outer->clear_at) : 0;
    return load_relaxed(&opener->cut) ? 0 : cuts; /* `cuts` orders it */
}

int scope_cut_code(struct context *c)
{
    int64_t deadline;
    int rc = scope_over(c, &deadline);
    /* Woken by the deadline a tick before the clock agrees: it is the deadline all the
     * same. */
    return rc < 0 ? rc : -ETIMEDOUT;
}

int context_check(struct context *c)
{
    return context_check_here(c);
}

int context_check_slow(struct context *c)
{
    int64_t deadline;
    int rc = scope_over_slow(c, &deadline);
    return rc == 0 ? 0 : why_static(rc, tutti_strerror(rc));
}

int tutti_check(void)
{
    return context_check(context_self());
}

/* --- being found from above ------------------------------------------------ */

/* s is where cuts come down to, or needs no link since they stop above it. */
static bool scope_linked(const struct scope *s)
{
    /* acquire: pairs with the release below: above s all is linked */
    return !s->outer || s->flags & TUTTI_SHIELD || load_acquire(&s->linked);
}

/* Top down, so that who sees a scope linked need not look further; not by recursion, since
 * tasks deep in a tree may have little stack. */
void scope_link(struct scope *s)
{
    while (!scope_linked(s)) {
        struct scope *top = s;
        while (!scope_linked(top->outer))
            top = top->outer;
        struct scope *outer = top->outer;
        scope_lock(outer);
        if (!load_relaxed(&top->linked)) { /* outer's latch guards it */
            list_push_back(&outer->children, &top->child_link);
            store_release(&top->linked, true);
        }
        scope_unlock(outer);
    }
}

void scope_enlist_slow(struct context *c)
{
    struct scope *s = c->scope;
    if (s == c->home && !c->member) {
        scope_lock(s);
        list_push_back(&s->members, &c->member_link);
        c->member = true;
        scope_unlock(s);
    }
    scope_link(s);
    c->enlisted = s;
}

void context_unlist(struct context *c)
{
    scope_lock(c->home);
    list_remove(&c->member_link);
    c->member = false;
    scope_unlock(c->home);
}

void scope_unlink(struct scope *s)
{
    if (load_relaxed(&s->linked)) { /* nobody is left inside who could link it */
        scope_lock(s->outer);
        list_remove(&s->child_link);
        store_relaxed(&s->linked, false); /* the latch orders it */
        scope_unlock(s->outer);
    }
    /* A cutter from above may have been inside *s: it held outer's latch meanwhile, which
     * we have had since. One that came through tutti_scope_cancel holds *s's own. */
    scope_lock(s);
    scope_unlock(s);
}

/* --- walking down ---------------------------------------------------------- */

/* End c's wait if it lies below the given shield and may be cut. */
static void context_end_wait(struct context *c, struct scope *shield)
{
    /* acquire: pairs with prepare: `wait_shield` is this wait's, and the outcome of the last
     * has been read.  That a wait which has looked too early is seen is cuts_count's. */
    uint64_t word = load_acquire(&c->wait_word);
    if ((word & (WAIT_OPEN | WAIT_CUTTABLE)) != (WAIT_OPEN | WAIT_CUTTABLE))
        return;
    if (load_relaxed(&c->wait_shield) != shield) /* see scope_enter */
        return;
    /* relaxed: the load has brought what is needed */
    if (cas_relaxed(&c->wait_word, &word, word & ~(uint64_t)(WAIT_OPEN | WAIT_CUTTABLE)))
        wait_wake(c, WAIT_CUT);
}

/* Under s's latch: end what waits in s itself. */
static void scope_cut_here(struct scope *s)
{
    context_end_wait(s->opener, s->shield);
    for (struct list *l = s->members.next; l != &s->members; l = l->next) {
        struct context *c = list_entry(l, struct context, member_link);
        context_end_wait(c, s->shield);
    }
    struct list *l;
    while (s->more && (l = list_pop(&s->more->starters))) { /* they look again */
        struct wait_node *n = list_entry(l, struct wait_node, link);
        if (wait_node_claim(n))
            wait_wake(n->who, n->index);
    }
}

/* Those that run and fork find out by being asked. */
static void scope_ask(struct scope *s)
{
    if (s->ex)
        s->ex->ops->look(s->ex);
    if (load_relaxed(&s->away)) /* it is loaded again */
        forks_look_hook(s);
}

/* Under top's latch.  Depth first, holding the latches from top to where we are, so that
 * none of them can go.  Not by recursion, as in scope_link. */
static void scope_cut_latched(struct scope *top)
{
    struct scope *s = top;
    scope_cut_here(s);
    struct list *next = s->children.next, *end = &s->children;
    for (;;) {
        if (next != end) { /* down */
            s = list_entry(next, struct scope, child_link);
            scope_lock(s);
            scope_cut_here(s);
            if (s->ex != top->ex)
                scope_ask(s); /* top's own hears of it in scope_stop */
            next = s->children.next;
            end = &s->children;
        } else if (s != top) { /* up, and on to the next child there */
            struct scope *outer = s->outer;
            next = s->child_link.next; /* guarded by outer's latch, which we hold */
            end = &outer->children;
            scope_unlock(s);
            s = outer;
        } else {
            return;
        }
    }
}

void scope_cut(struct scope *top)
{
    scope_lock(top);
    scope_cut_latched(top);
    scope_unlock(top);
}

void scope_stop(struct scope *s, uint32_t why)
{
    /* The latch comes first: who sees that the scope is over may be its last task, and its
     * closer takes the latch before the scope goes. */
    scope_lock(s);
    if (or_release(&s->over, why) == 0) { /* pairs with over_from */
        cuts_count();
        scope_cut_latched(s);
        scope_ask(s);
    }
    scope_unlock(s);
}

void context_cut(struct context *c)
{
    store_release(&c->cut, true); /* pairs with over_from */
    cuts_count(); /* for what it has opened; c itself reads `cut` each time */
    struct scope *home = c->home;
    scope_lock(home);
    context_end_wait(c, home->shield);
    for (struct list *l = home->children.next; l != &home->children; l = l->next) {
        struct scope *child = list_entry(l, struct scope, child_link);
        if (child->opener == c)
            scope_cut(child);
    }
    scope_unlock(home);
    home->ex->ops->look(home->ex);
}

void tutti_scope_cancel(tutti_scope *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct scope *s = scope_of(public);
    if (scope_is_open(s) && !scope_lost(s))
        scope_stop(s, OVER_CANCELLED);
}

void tutti_scope_expire(tutti_scope *public, tutti_time when)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct scope *s = scope_of(public);
    if (!scope_is_open(s) || scope_lost(s))
        return;
    int64_t now_set = load_relaxed(&s->deadline); /* the CAS decides */
    do {
        if (now_set <= when)
            return;
        /* relaxed: those parked hear of it from the alarm */
    } while (!cas_relaxed(&s->deadline, &now_set, when));
    cuts_count(); /* `bound` of those inside is no longer the whole truth */
    if (when <= clock_now() || alarm_set(s) < 0)
        scope_stop(s, OVER_EXPIRED);
}
