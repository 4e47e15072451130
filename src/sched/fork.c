/* sched/fork.c - forks and joins that are not inline: somebody asks for calls, a strand is
 * full, a call was taken, or its scope is over.  See strand.h.
 * Tests: tests/fork_join_test.c. */
#include "base/small.h"
#include "core/owned.h"
#include "sched/strand.h"

enum { SPIN_JOIN = SMALL(60, 1), SKIP_MOST = 31 };
#define WAKE_AFTER INT64_C(16000) /* ns: what a sleeper's wake costs, more or less */
#define OFFER_LEAST INT64_C(1000) /* ns: less work than this is not worth handing over */
#define HOLD_LEAST INT64_C(50000)
#define HOLD_MOST INT64_C(1000000)

/* --- who wants calls ------------------------------------------------------------------ */

/* How long forks have been asked for work by sleepers.  Where forks follow each other within
 * some ns the clock would cost more than all the rest, so the next ones leave it out, as
 * many as take a fraction of WAKE_AFTER at the pace of the last. */
static bool strand_waited(struct strand *first, int64_t now)
{
    if (!first->since)
        first->since = first->seen = now;
    int64_t each = (now - first->seen) / (first->skipped + 1);
    int64_t skip = WAKE_AFTER / 8 / (each + 1);
    first->seen = now;
    first->skip = first->skipped = skip < SKIP_MOST ? (uint32_t)skip : SKIP_MOST;
    return now - first->since >= WAKE_AFTER;
}

/* The only call of a strand was offered and is joined now.  If that took less than handing
 * it over costs, the next ones are not offered for a while: whoever cuts little work in two
 * again and again shall not pay for those that look for more. */
static void strand_offered(struct strand *first)
{
    int64_t now = clock_now();
    bool little = now - first->offered < OFFER_LEAST;
    int64_t twice = first->backoff ? first->backoff * 2 : HOLD_LEAST;
    first->backoff = !little ? 0 : twice < HOLD_MOST ? twice : HOLD_MOST;
    first->hold = now + first->backoff;
    first->offered = 0;
}

/* Somebody may want calls.  A searcher is served at once.  A sleeper's wake costs more
 * than little work is worth, so work must have been there for a while; until then forks
 * look again. */
static void strand_serve(struct strand *first, struct worker *w)
{
    int hungry = pool_hungry(w->pool);
    if (!hungry || worker_bound(first->context))
        return;
    int64_t now = clock_now();
    bool waited = strand_waited(first, now);
    uint32_t n = strand_private_count(first);
    first->held = n == 1 && now < first->hold;
    if (first->held || (hungry == 1 && !waited)) {
        store_relaxed(&first->top->trip, 0); /* ours to read */
        return;
    }
    first->since = first->seen = now;
    first->skip = first->skipped = 0;
    if (!stash_share(w)) {
        strand_publish(first, (n + 1) / 2);
        first->offered = n == 1 ? now : 0;
    }
    pool_notify(w->pool);
}

/* --- a signal ---------------------------------------------------------------------- */

/* The inline parts of fork and join may be interrupted anywhere.  A join loads `split`,
 * compares, and clears `run` of the youngest, so that one is left alone; the next join loads
 * `split` again.  A fork fills the slot before it sets `run`, and it is the youngest then.
 * The compiler may put the next join's load in front of the clearing store, so that a slot
 * which is joined already looks like the youngest: hence the two youngest stay. */
bool strand_interrupt(struct worker *w)
{
    struct context *c = context_current;
    struct strand *first = c ? context_strand(c) : NULL;
    if (!first || load_relaxed(&w->running) != first->top) /* this thread's */
        return true; /* it does not fork, or is about to leave or go on */
    if (first->at_it)
        return false;
    bool shared = c->task && c->worker && !worker_bound(c); /* as strand_shared */
    uint32_t n = shared ? strand_private_count(first) : 0;
    if (n > 2)
        strand_publish(first, n - 2);
    return true;
}

/* --- dropping ---------------------------------------------------------------------- */

/* There is no memory for a call: it is dropped, and counted, so that its join finds it. */
static tutti_at strand_lose(struct strand *first, tutti_slot *end)
{
    struct context *c = first->context;
    end->run = NULL;
    first->lost++;
    if (first->lost == 1 || !first->why) { /* the first, of all or of a scope beside them */
        first->why = -ENOMEM;
        why_set(-ENOMEM, "no memory for more forked calls at once");
        if (c->scope)
            scope_fail((tutti_scope *)(void *)c->scope, -ENOMEM);
        strand_drop(first, true);
    }
    return end;
}

/* --- the slow path of fork ------------------------------------------------------------ */

/* Is there nothing but the request that the next forks need not answer? */
static inline bool strand_skips(struct strand *first, uint32_t i)
{
    struct worker *w = first->context->worker;
    /* no worker: after fork(); the others are hints, as where they are acted on */
    if (!first->skip || !w || i >= STRAND_END || load_relaxed(&w->inbox)
        || strand_asked(first))
        return false;
    if (load_relaxed(&w->pool->searching) && !(first->held && i == first->top->pub + 1))
        return false; /* served at once, but for what would be held anyway */
    first->skip--;
    return true;
}

static tutti_at fork_slow(tutti_at at)
{
    struct strand *s = strand_of(at - 1), *first = s->first;
    struct context *c = first->context;
    uint32_t i = strand_index(s, at);
    if (strand_skips(first, i))
        return at; /* and trip stays as it is */
    /* relaxed: a request that it overwrites is met right now, below */
    store_relaxed(&s->trip, (uintptr_t)strand_slot(s, STRAND_END));
    if (unlikely(i > STRAND_END))
        return strand_lose(first, at - 1);
    if (unlikely(i == STRAND_END) && strand_chain(first))
        at = strand_slot(first->top, 0);
    if (unlikely(strand_over(first)) || !strand_shared(c))
        return at;
    struct worker *w = c->worker;
    if (load_relaxed(&w->inbox)) /* a hint */
        worker_give_way(c);
    fence_light(); /* pairs with fence_heavy in worker_sleep: it asks after it has said so */
    strand_serve(first, w);
    return at;
}

tutti_at tutti_fork_slow(tutti_at at)
{
    struct strand *first = strand_of(at - 1)->first;
    strand_hold(first, true);
    at = fork_slow(at);
    strand_hold(first, false);
    return at;
}

/* --- the slow path of join ------------------------------------------------------------ */

/* Wait until the thief of slot i is done.  All older slots are taken too, so this segment
 * has nothing private and nothing public below. */
static bool call_wait(struct strand *s, uint32_t i, int *why)
{
    struct strand *first = s->first;
    _Atomic(uintptr_t) *word = slot_state(strand_slot(s, i));
    struct context *c = first->context;
    for (int k = 0; k < SPIN_JOIN && !(load_relaxed(word) & CALL_DONE); k++) /* then below */
        spin_pause();
    uintptr_t state = load_acquire(word); /* pairs with the swap in call_done; the result is
                                             seen, here and below */
    if (!(state & CALL_DONE)) {
        if (!c->worker)
            return false; /* after fork(): the thief is in the parent */
        struct joiner me = { c, wait_prepare(c, "forked call", strand_slot(s, i)),
                             (struct scope *)(state & ~(uintptr_t)CALL_FORKED) };
        /* acq_rel: release: the thief sees `me`; acquire, if it fails: as above */
        if (cas_acqrel(word, &state, (uintptr_t)&me))
            wait_park(c, me.ticket, CLOCK_NEVER, 0);
        else
            wait_abandon(c, me.ticket);
        state = load_acquire(word);
    }
    if (unlikely(state / CALL_WHY && !*why))
        *why = -(int)(state / CALL_WHY);
    return true;
}

static int call_drop(tutti_slot *slot)
{
    memset(slot->word, 0, sizeof slot->word);
    return 0;
}

/* Slot i of s is to be joined: 1: to be run here, 0: its result is there.  drop: it is not to
 * run any more; away: nor here; *why: what its scope knows of dropped calls. */
static int call_join(struct strand *s, uint32_t i, bool drop, bool away, int *why)
{
    struct strand *first = s->first;
    bool open = i < s->pub, mine = !open || segment_take_back(s, i), done = true;
    if (mine && away && !drop) { /* back for others to take, together with those below it */
        segment_publish(s, i + 1 - s->pub);
        pool_notify(((struct worker *)first->context->worker)->pool);
        mine = false;
    }
    if (!mine)
        done = call_wait(s, i, why);
    if (open && first->offered)
        strand_offered(first);
    if (mine)
        return drop ? call_drop(strand_slot(s, i)) : 1;
    segment_settle(s, i);
    if (done)
        return 0;
    *why = -TUTTI_ELOST;
    return call_drop(strand_slot(s, i));
}

/* It was forked outside the current scope. */
static __attribute__((noinline)) int join_outside(struct strand *s, uint32_t i)
{
    struct strand *first = s->first;
    struct context *c = first->context;
    uint32_t number = s->base + i;
    int *why = strand_why_outside(first, number), none = 0;
    int rc = scope_over_forks(c, strand_scope(first, number));
    if (!why)
        why = &none; /* after fork(): its scopes are gone */
    if (rc < 0 && !*why)
        *why = rc;
    int mine = call_join(s, i, rc < 0, strand_shared(c), why);
    strand_unmark(first, number);
    return mine;
}

/* Has the current scope ended?  It is looked at when somebody has asked for it. */
static bool strand_drops(struct strand *first)
{
    if (first->dropping || strand_asked(first))
        return strand_over(first);
    segment_split(first->top, first->top->pub); /* it may be raised for what was seen before */
    return false;
}

static int join_slow(tutti_at *at)
{
    struct strand *s = strand_of(*at), *first = s->first;
    if (unlikely(first->lost && *at == strand_slot(s, STRAND_END - 1))) {
        first->lost--;
        *at = strand_slot(s, STRAND_END);
        return call_drop(*at);
    }
    if (*at < strand_slot(s, 0)) {
        s = strand_unchain(s);
        *at = strand_slot(s, STRAND_END - 1);
    }
    uint32_t i = strand_index(s, *at);
    if (unlikely(s->base + i < first->mark))
        return join_outside(s, i);
    return call_join(s, i, strand_drops(first), false, &first->why);
}

int tutti_join_slow(tutti_at *at)
{
    struct strand *first = strand_of(*at)->first;
    strand_hold(first, true);
    int mine = join_slow(at);
    strand_hold(first, false);
    return mine;
}

void tutti_join_wrong(tutti_at at, const char *name)
{
    struct strand *s = strand_of(at);
    if (strand_index(s, at) == STRAND_END)
        return; /* a call there was no memory for: nobody knows whose */
    misuse("%s: a join of %s, but the youngest fork was of another function; forks are "
           "joined in reverse order", task_name(s->first->context), name);
}

/* --- the caller's ------------------------------------------------------------------------ */

tutti_at tutti_fork_here(void)
{
    struct context *c = context_self();
    struct strand *s = context_strand(c);
    if (!s) {
        s = strand_begin(c);
        if (!s) {
            why_set(-ENOMEM, "tutti_fork_here: out of memory");
            return NULL;
        }
    }
    tutti_at at = strand_place(s);
    struct strand *top = s->top;
    if (top->base + strand_index(top, at) == s->mark) { /* none is forked in this scope */
        s->why = 0;
        strand_over(s);
    }
    return at;
}

int tutti_fork_check(void)
{
    struct strand *s = context_strand(context_self());
    return s && s->why ? why_static(s->why, tutti_strerror(s->why)) : 0;
}
