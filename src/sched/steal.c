/* sched/steal.c - the thieves' side of strands: finding public calls, asking for more, and
 * running one.  See strand.h.  Tests: tests/fork_join_test.c. */
#include "sched/dry.h"
#include "sched/strand.h"

int pool_hungry(const struct pool *p)
{
    if (pool_seats(p) < 2)
        return 0;
    if (load_relaxed(&p->searching)) /* hints, both: see strand_enter, worker_sleep */
        return 2;
    return load_relaxed(&p->sleepers) ? 1 : 0;
}

void strand_ask(struct worker *victim)
{
    struct strand *s = load_acquire(&victim->asked); /* pairs with strand_enter */
    /* relaxed: only a hint; s may be left by now, but its memory stays while our pool is
     * open, and a request too many costs its next owner one look */
    if (s && load_relaxed(&s->trip))
        store_relaxed(&s->trip, 0);
}

/* The oldest public slot of s, claimed; NULL: none. */
static tutti_slot *segment_take(struct strand *s)
{
    uint64_t old = load_relaxed(&s->ts); /* the CAS decides */
    for (;;) {
        uint32_t tail = (uint32_t)old, split = (uint32_t)(old >> 32);
        if (tail >= split)
            return NULL;
        /* acquire: pairs with segment_publish: the slot's words are seen.  That the same
         * numbers may have come back since `old` was read does no harm: they say that
         * slot `tail` is public now. */
        if (cas_acquire(&s->ts, &old, strand_ts(tail + 1, split)))
            return strand_slot(s, tail);
    }
}

/* From a list of w's, the oldest strand first; under its open_latch. */
static tutti_slot *list_take(struct list *open, _Atomic uint32_t *count)
{
    while (!list_empty(open)) {
        struct strand *s = list_entry(open->next, struct strand, open_link);
        tutti_slot *slot = segment_take(s);
        if (slot)
            return slot;
        list_remove(&s->open_link);
        s->listed = false;
        if (count)
            sub_relaxed(count, 1); /* a hint */
    }
    return NULL;
}

/* The stacks that calls forked on victim run on, before one is claimed. */
static struct fiber_pool *stacks_for(struct worker *w, struct worker *victim)
{
    if (w != victim || list_empty(&w->open_bound))
        return w->pool->stacks;
    struct list *l = w->open_bound.next; /* this thread alone changes it */
    return list_entry(l, struct strand, open_link)->first->context->stacks;
}

tutti_slot *strand_claim(struct worker *w, struct worker *victim)
{
    tutti_slot *slot = NULL;
    latch_lock(&victim->open_latch);
    if (w == victim && !list_empty(&w->open_bound)) /* never mixed: their stacks differ */
        slot = list_take(&w->open_bound, NULL);
    else
        slot = list_take(&victim->open, &victim->open_count);
    latch_unlock(&victim->open_latch);
    return slot;
}

struct runnable *strand_steal(struct worker *w, struct worker *victim)
{
    /* relaxed: a hint; who sleeps for want of work looks again after a fence */
    if (!load_relaxed(&victim->open_count)
        && (w != victim || list_empty(&w->open_bound))) /* ours alone */
        return NULL;
    if (unlikely(dry_now(w)))
        return NULL;
    struct context *c = worker_context(w, stacks_for(w, victim));
    if (unlikely(!c)) {
        dry_call(w, victim);
        return NULL;
    }
    if (unlikely(w->dry.wait))
        dry_end(w);
    tutti_slot *slot = strand_claim(w, victim);
    if (!slot) {
        worker_context_back(w, c);
        return NULL;
    }
    c->call = slot;
    c->forker = strand_of(slot)->first->context;
    if (w != victim)
        stat_add(&w->stats.stolen);
    return &c->run;
}

static void call_run(struct context *c, void *arg)
{
    tutti_slot *slot = arg;
    struct strand *s = strand_begin(c);
    slot->run(strand_slot(s, 0), slot);
}

void call_done(tutti_slot *slot, int why)
{
    uintptr_t done = CALL_DONE | (uintptr_t)-why * CALL_WHY;
    /* acq_rel: release pairs with call_wait: the result is seen; acquire: the joiner is */
    uintptr_t state = swap_acqrel(slot_state(slot), done);
    if (state & CALL_FORKED)
        return; /* the slot may be another call's by now */
    struct joiner *j = (struct joiner *)state;
    struct context *who = j->who;
    if (wait_claim(who, j->ticket)) /* nobody else may: it waits for us alone */
        wait_wake(who, 0);
}

struct scope *call_scope(tutti_slot *slot)
{
    uintptr_t state = load_acquire(slot_state(slot)); /* pairs with call_wait: the joiner */
    return state & CALL_FORKED ? (struct scope *)(state & ~(uintptr_t)CALL_FORKED)
                               : ((struct joiner *)state)->scope;
}

void strand_call(struct context *c)
{
    tutti_slot *slot = c->call;
    struct context *forker = c->forker;
    c->call = NULL;
    int why = task_run_part(c, forker->task, call_scope(slot), call_run, slot);
    if (why < 0)
        memset(slot->word, 0, sizeof slot->word);
    if (c->strand) {
        why = context_strand(c)->why;
        strand_end(c);
    }
    c->forker = NULL;
    call_done(slot, why);
}
