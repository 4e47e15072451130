/* sched/mark.c - scopes and forked calls: which scope a call is of, and whether that is over.
 *
 * Calls have numbers: from the first slot of the first segment on.  A scope that is opened
 * beside forked calls notes the number of the next one, its mark; so a call is of the
 * innermost open scope whose mark is not above its number, which is the one that was current
 * when it was forked.  Nothing is written at a fork.  A call that is made public takes the
 * address of its scope along, in its state, since only the owner may follow the marks.
 *
 * A call below the mark of the current scope that is joined all the same was forked outside,
 * and must not run in here: it runs as if it had been taken.  After that the marks of the
 * scopes it was forked outside of come down to its slot, which is free for them now.
 * Tests: tests/fork_scope_test.c, tests/cells/tutti/mark.c. */
#include "base/fence.h"
#include "sched/strand.h"

/* The number from which on calls are of c's current scope. */
static uint32_t mark_of(const struct context *c)
{
    return c->scope && c->scope != c->home ? c->scope->mark : 0;
}

void segment_split(struct strand *s, uint32_t pub)
{
    struct strand *first = s->first;
    uint32_t outside = first->mark > s->base ? first->mark - s->base : 0;
    if (outside > STRAND_END)
        outside = STRAND_END;
    s->pub = pub;
    uintptr_t split = (uintptr_t)strand_slot(s, outside > pub ? outside : pub);
    store_relaxed(&s->split, first->dropping ? UINTPTR_MAX : split); /* the joins are ours */
    fence_light(); /* pairs with fence_heavy in workers_look: either `looks` is seen here, or
                      what was just stored is overwritten there */
    if (unlikely(strand_asked(first))) {
        store_relaxed(&s->trip, 0); /* ours to read, both */
        store_relaxed(&s->split, UINTPTR_MAX);
    }
}

struct scope *strand_scope(const struct strand *first, uint32_t number)
{
    const struct context *c = first->context;
    struct scope *s = c->scope;
    while (s && s != c->home && s->mark > number)
        s = s->outer;
    return s;
}

/* --- what is over ---------------------------------------------------------------- */

void strand_drop(struct strand *first, bool dropping)
{
    first->dropping = dropping;
    segment_split(first->top, first->top->pub);
}

bool strand_over(struct strand *first)
{
    struct context *c = first->context;
    uint32_t looks = load_seqcst(first->look); /* before the scope: pairs with workers_look */
    int rc = scope_over_forks(c, c->scope);
    bool dropping = rc < 0 || first->lost;
    if (rc < 0 && !first->why)
        first->why = rc;
    if (unlikely(looks != first->looks || dropping != first->dropping)) {
        first->looks = looks;
        strand_drop(first, dropping);
    }
    return rc < 0;
}

int *strand_why_outside(const struct strand *first, uint32_t number)
{
    const struct context *c = first->context;
    int *why = NULL;
    for (struct scope *s = c->scope; s && s != c->home && s->mark > number; s = s->outer)
        why = &s->forks_why;
    return why;
}

void strand_unmark(struct strand *first, uint32_t number)
{
    struct context *c = first->context;
    for (struct scope *s = c->scope; s && s != c->home && s->mark > number; s = s->outer)
        s->mark = number;
    first->mark = mark_of(c);
    segment_split(first->top, first->top->pub);
}

/* --- scopes come and go -------------------------------------------------------------- */

/* Of one that is not shared. */
static void mark_seen(struct scope *s, struct strand *first)
{
    first->look = &first->asked;
    store_release(&s->away, (uintptr_t)first + 1); /* pairs with mark_look: it is made */
}

/* While it is held a signal leaves the strand alone; and which scope is current changes when
 * no call is above any mark that matters: see strand_interrupt. */
static void mark_enter(struct context *c, struct scope *s)
{
    struct strand *first = context_strand(c);
    strand_hold(first, true);
    s->mark = first->mark = strand_number(first);
    s->forks_why = first->why;
    first->why = 0;
    segment_split(first->top, first->top->pub);
    if (!strand_shared(c))
        mark_seen(s, first);
    if (s->bound != CLOCK_NEVER) /* the next fork sees to the alarm: scope_over_forks */
        store_relaxed(&first->top->trip, 0); /* ours to read */
    strand_hold(first, false);
}

static void mark_leave(struct context *c, struct scope *s)
{
    struct strand *first = context_strand(c);
    if (strand_number(first) > s->mark)
        misuse("%s closed a scope before it joined what it had forked in it", task_name(c));
    strand_hold(first, true);
    first->why = s->forks_why;
    first->mark = mark_of(c);
    if (first->dropping || s->flags & TUTTI_SHIELD) /* which hides what is over outside */
        strand_over(first);
    else
        segment_split(first->top, first->top->pub);
    strand_hold(first, false);
}

void strand_seen(struct strand *first)
{
    const struct context *c = first->context;
    for (struct scope *s = strand_shared(c) ? NULL : c->scope; s; s = s->outer)
        mark_seen(s, first);
}

/* Of plain threads segments are never unmapped, so no count of nudgers is needed. */
static void mark_look(struct scope *s)
{
    uintptr_t away = load_acquire(&s->away); /* pairs with mark_seen; a worker is never new */
    if (!(away & 1)) {
        struct worker *w = (struct worker *)away;
        workers_look(w->pool->worker, pool_seats(w->pool));
        return;
    }
    struct strand *first = (struct strand *)(away - 1);
    add_seqcst(&first->asked, 1); /* as in workers_look */
    fence_heavy(); /* pairs with fence_light in segment_split */
    struct strand *top = load_acquire(&first->shown); /* pairs with strand_show */
    store_relaxed(&top->trip, 0); /* as in nudge_counted */
    store_relaxed(&top->split, UINTPTR_MAX);
}

__attribute__((constructor)) static void mark_begin(void)
{
    forks_enter_hook = mark_enter;
    forks_leave_hook = mark_leave;
    forks_look_hook = mark_look;
}
