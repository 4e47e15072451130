/* sched/strand.c - the owner's side of a strand: its segments, its beginning and end, what
 * is public of it, and what becomes of private calls when the fiber is left.  What forks and
 * joins come to when they are not inline is in fork.c.  See strand.h.
 * Tests: tests/fork_join_test.c. */
#include "sched/strand.h"
#include "base/memory.h"
#include <assert.h>

/* --- segments ---------------------------------------------------------------- */

/* Segments are never given back to the system: who asked a strand for calls may do so a
 * moment after it was left. */
static struct latch spare_latch;
static struct strand *spares; /* under the latch; linked by above */

static struct strand *segment_get(void)
{
    latch_lock(&spare_latch);
    struct strand *s = spares;
    if (s)
        spares = s->above;
    latch_unlock(&spare_latch);
    return s ? s : memory_aligned(TUTTI_STRAND_SIZE, TUTTI_STRAND_SIZE);
}

static void segment_put(struct strand *s)
{
    latch_lock(&spare_latch);
    s->above = spares;
    spares = s;
    latch_unlock(&spare_latch);
}

static void segment_init(struct strand *s, struct strand *first)
{
    s->first = first;
    s->below = s->above = NULL;
    s->listed = false;
    store_relaxed(&s->ts, 0); /* not listed: no thief knows it */
    /* relaxed: a request that it overwrites is asked again */
    store_relaxed(&s->trip, (uintptr_t)strand_slot(s, STRAND_END));
    s->base = s == first ? 0 : first->top->base + STRAND_END;
    segment_split(s, 0);
}

/* The number of the first free slot of s. */
static uint32_t segment_end(struct strand *s)
{
    uint32_t i = s->pub;
    while (i < STRAND_END && strand_slot(s, i)->run)
        i++;
    return i;
}

static void strand_verify(struct strand *first)
{
    for (struct strand *s = first; s; s = s == first->top ? NULL : s->above) {
        uint64_t ts = load_relaxed(&s->ts); /* the split in it is ours; tail only grows */
        (void)ts; /* asserts may be off */
        assert(s->first == first && (uint32_t)ts <= s->pub && s->pub <= STRAND_END);
        assert(s->pub == ts >> 32);
        assert(s == first->top || segment_end(s) == STRAND_END);
    }
}

uint32_t strand_number(const struct strand *first)
{
    return first->top->base + segment_end(first->top);
}

tutti_at strand_place(struct strand *first)
{
    return strand_slot(first->top, segment_end(first->top));
}

/* --- beginning and end ---------------------------------------------------------- */

static _Thread_local struct strand *thread_strand;

static void thread_strand_free(void *strand)
{
    segment_put(strand);
    thread_strand = NULL;
}

/* Of a stack that is no fiber of ours. */
static struct strand *strand_of_thread(void)
{
    if (!thread_strand) {
        struct strand *s = segment_get();
        if (s && thread_at_end(thread_strand_free, s) < 0) {
            segment_put(s);
            s = NULL;
        }
        thread_strand = s;
    }
    return thread_strand;
}

/* c's calls are the ones to ask for on w. */
static void strand_enter(struct worker *w, struct context *c)
{
    struct strand *s = context_strand(c)->top;
    bool bound = worker_bound(c);
    /* release, here and below: pairs with strand_ask and inbox_push; s is made */
    store_release(&w->asked, bound ? NULL : s);
    store_release(&w->running, s);
    fence_light(); /* pairs with fence_heavy in worker_sleep: who announces itself sees
                      `asked`, or we see the announcement */
    bool over = strand_asked(s->first);
    bool look = load_relaxed(&w->inbox) || (!bound && pool_hungry(w->pool)) || over;
    store_relaxed(&s->trip, look ? 0 : (uintptr_t)strand_slot(s, STRAND_END)); /* hints */
    if (over)
        store_relaxed(&s->split, UINTPTR_MAX); /* this thread reads it */
}

/* The top segment is s from now on. */
static void strand_show(struct strand *first, struct strand *s)
{
    first->top = s;
    store_release(&first->shown, s); /* pairs with mark_look: s is made */
}

struct strand *strand_begin(struct context *c)
{
    struct strand *s = c->stacks ? fiber_room(c->stacks, &c->fiber) : strand_of_thread();
    if (!s)
        return NULL;
    s->dropping = s->published = s->at_it = false;
    strand_show(s, s);
    s->context = c;
    s->lost = 0;
    s->mark = 0;
    s->since = s->seen = 0;
    s->skip = s->skipped = 0;
    s->held = false;
    s->offered = s->hold = s->backoff = 0;
    s->why = 0;
    s->look = strand_shared(c) ? &((struct worker *)c->worker)->looks : &s->asked;
    s->looks = load_relaxed(s->look); /* strand_over looks again, below */
    s->stash_link.next = NULL;
    segment_init(s, s);
    c->strand = (tutti_strand *)(void *)s;
    c->heavy = true;
    if (strand_shared(c)) {
        struct worker *w = c->worker;
        if (unlikely(!load_relaxed(&w->forks))) /* this thread's to write */
            store_seqcst(&w->forks, true); /* pairs with workers_look: strand_over looks
                                              at the scope after it */
        strand_enter(w, c);
    }
    strand_seen(s);
    fence_light(); /* what was just marked is seen by who cuts, or the cut is seen below */
    strand_over(s);
    return s;
}

/* Nobody may find s any more. */
static void strand_delist(struct strand *first, struct worker *w)
{
    latch_lock(&w->open_latch);
    for (struct strand *s = first; s; s = s->above)
        if (s->listed) {
            list_remove(&s->open_link);
            s->listed = false;
            if (!worker_bound(first->context))
                sub_relaxed(&w->open_count, 1); /* a hint */
        }
    latch_unlock(&w->open_latch);
    first->published = false;
}

static void segments_free(struct strand *first)
{
    for (struct strand *s = first->above, *next; s; s = next) {
        next = s->above;
        segment_put(s);
    }
    first->above = NULL;
}

void strand_end(struct context *c)
{
    struct strand *s = context_strand(c);
    struct worker *w = c->worker;
    store_relaxed(&w->asked, NULL); /* segments stay mapped, and the fiber too while its
                                       pool is open: see worker_detach */
    store_relaxed(&w->running, NULL);
    if (unlikely(s->published))
        strand_delist(s, w);
    if (unlikely(s->above != NULL))
        segments_free(s);
    c->strand = NULL;
    c->heavy = false; /* it is no root: those have no tasks */
}

/* --- the worker's side of switching ---------------------------------------------- */

static bool strand_has_private(struct strand *first)
{
    for (struct strand *s = first->top; s; s = s->below)
        if (s->pub < STRAND_END && strand_slot(s, s->pub)->run)
            return true;
    return false;
}

void strand_leave(struct context *c)
{
    struct strand *s = context_strand(c);
    struct worker *w = c->worker;
    if (strand_shared(c) && strand_has_private(s))
        list_push_back(&w->stash, &s->stash_link);
    store_relaxed(&w->asked, NULL); /* as in strand_end */
    store_relaxed(&w->running, NULL);
}

void strand_resume(struct context *c)
{
    struct strand *s = context_strand(c);
    if (!strand_shared(c))
        return;
    if (list_linked(&s->stash_link))
        list_remove(&s->stash_link);
    strand_enter(c->worker, c);
}

/* --- making calls public --------------------------------------------------------- */

static void strand_list(struct strand *s, struct worker *w)
{
    bool bound = worker_bound(s->first->context);
    s->first->published = true;
    latch_lock(&w->open_latch);
    if (!s->listed) {
        s->listed = true;
        list_push_back(bound ? &w->open_bound : &w->open, &s->open_link);
        if (!bound)
            add_relaxed(&w->open_count, 1); /* a hint; pool_notify's fence orders it
                                               before the look for sleepers */
    }
    latch_unlock(&w->open_latch);
}

uint32_t segment_publish(struct strand *s, uint32_t most)
{
    uint32_t have = segment_end(s) - s->pub, n = have < most ? have : most;
    if (n == 0)
        return 0;
    for (uint32_t i = s->pub; i < s->pub + n; i++) {
        uintptr_t scope = (uintptr_t)strand_scope(s->first, s->base + i);
        store_relaxed(slot_state(strand_slot(s, i)), scope | CALL_FORKED); /* see below */
    }
    uint64_t old = load_relaxed(&s->ts); /* the CAS decides */
    /* release: pairs with the CAS in segment_take: the thief sees the slots */
    while (!cas_release(&s->ts, &old, strand_ts((uint32_t)old, s->pub + n)))
        continue;
    segment_split(s, s->pub + n);
    strand_list(s, s->first->context->worker);
    return n;
}

uint32_t strand_publish(struct strand *first, uint32_t most)
{
    uint32_t n = 0;
    strand_verify(first);
    for (struct strand *s = first; s && n < most; s = s == first->top ? NULL : s->above)
        n += segment_publish(s, most - n);
    return n;
}

bool stash_share(struct worker *w)
{
    struct list *l;
    uint32_t n = 0;
    while ((l = list_pop(&w->stash)))
        n += strand_publish(list_entry(l, struct strand, stash_link), UINT32_MAX);
    return n > 0;
}

uint32_t strand_private_count(struct strand *first)
{
    uint32_t n = 0;
    for (struct strand *s = first; s; s = s == first->top ? NULL : s->above)
        n += segment_end(s) - s->pub;
    return n;
}

/* --- growing and shrinking ---------------------------------------------------------- */

bool strand_chain(struct strand *first)
{
    struct strand *s = first->top->above;
    if (!s) {
        s = segment_get();
        if (!s)
            return false;
        segment_init(s, first);
        s->below = first->top;
        first->top->above = s;
    }
    strand_show(first, s);
    segment_split(s, s->pub);
    if (strand_shared(first->context))
        strand_enter(first->context->worker, first->context);
    return true;
}

struct strand *strand_unchain(struct strand *s)
{
    struct strand *first = s->first;
    if (!s->below)
        misuse("%s: a join without a fork", task_name(first->context));
    strand_show(first, s->below);
    segment_split(s->below, s->below->pub);
    if (strand_shared(first->context))
        strand_enter(first->context->worker, first->context);
    return s->below;
}

bool segment_take_back(struct strand *s, uint32_t i)
{
    uint64_t old = load_relaxed(&s->ts); /* the CAS decides */
    while ((uint32_t)old <= i) {
        uint32_t tail = (uint32_t)old, split = tail + (i - tail) / 2;
        /* relaxed: nothing is handed over, the slots were written by this thread; and a
         * thief that took one since `old` was read makes it fail */
        if (cas_relaxed(&s->ts, &old, strand_ts(tail, split))) {
            segment_split(s, split);
            return true;
        }
    }
    return false;
}

void segment_settle(struct strand *s, uint32_t i)
{
    store_relaxed(&s->ts, strand_ts(i, i)); /* none below is to be had, so no thief's CAS
                                               can come between */
    segment_split(s, i);
}

static void strand_after_fork(void)
{
    spare_latch = (struct latch){ 0 };
}

__attribute__((constructor)) static void strand_watch_fork(void)
{
    fork_watch(strand_after_fork);
}
