/* sched/strand.c - the owner's side of a strand: its beginning and end, the slow paths of
 * fork and join, and what becomes of private calls when the fiber is left.  See strand.h.
 * Tests: tests/fork_join_test.c. */
#include "sched/strand.h"
#include "base/fence.h"
#include "base/memory.h"
#include "core/owned.h"
#include <assert.h>

enum { SPIN_JOIN = 60, SKIP_MOST = 31 };
#define WAKE_AFTER INT64_C(16000) /* ns: what a sleeper's wake costs, more or less */
#define OFFER_LEAST INT64_C(1000) /* ns: less work than this is not worth handing over */
#define HOLD_LEAST INT64_C(50000)
#define HOLD_MOST INT64_C(1000000)

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

static void split_set(struct strand *s, uint32_t pub)
{
    s->pub = pub;
    uintptr_t split = s->first->dropping ? UINTPTR_MAX : (uintptr_t)strand_slot(s, pub);
    store_relaxed(&s->split, split); /* read by this thread alone */
}

static void segment_init(struct strand *s, struct strand *first)
{
    s->first = first;
    s->below = s->above = NULL;
    s->listed = false;
    store_relaxed(&s->ts, 0); /* not listed: no thief knows it */
    /* relaxed: a request that it overwrites is asked again */
    store_relaxed(&s->trip, (uintptr_t)strand_slot(s, STRAND_END));
    split_set(s, 0);
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

/* May others take c's calls?  Plain threads have no part in tasks' names and scopes. */
static bool strand_shared(const struct context *c)
{
    return c->task && c->worker;
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
    bool look = load_relaxed(&w->inbox) || (!bound && pool_hungry(w->pool))
                || load_relaxed(&w->looks) != s->first->looks;
    store_relaxed(&s->trip, look ? 0 : (uintptr_t)strand_slot(s, STRAND_END)); /* hints */
}

static void strand_drop(struct strand *first, bool dropping)
{
    first->dropping = dropping;
    for (struct strand *s = first; s; s = s == first->top ? NULL : s->above)
        split_set(s, s->pub);
}

/* Are its calls to be dropped?  Then all joins come here to look. */
static bool strand_over(struct strand *first)
{
    struct worker *w = first->context->worker;
    if (w)
        first->looks = load_seqcst(&w->looks); /* before the scope: pairs with workers_look */
    int rc = scope_over_forks(first->context);
    bool dropping = rc < 0 || first->lost;
    if (rc < 0 && !first->why)
        first->why = rc;
    if (dropping != first->dropping)
        strand_drop(first, dropping);
    return rc < 0;
}

struct strand *strand_begin(struct context *c)
{
    struct strand *s = c->stacks ? fiber_room(c->stacks, &c->fiber) : strand_of_thread();
    if (!s)
        return NULL;
    s->dropping = s->published = false;
    s->top = s;
    s->context = c;
    s->lost = 0;
    s->since = s->seen = 0;
    s->skip = s->skipped = 0;
    s->held = false;
    s->offered = s->hold = s->backoff = 0;
    s->why = 0;
    s->looks = 0;
    s->stash_link.next = NULL;
    segment_init(s, s);
    c->strand = (tutti_strand *)(void *)s;
    c->forks = c->scope;
    if (strand_shared(c)) {
        struct worker *w = c->worker;
        if (unlikely(!load_relaxed(&w->forks))) /* this thread's to write */
            store_seqcst(&w->forks, true); /* pairs with workers_look: strand_over looks
                                              at the scope after it */
        strand_enter(w, c);
    }
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
    c->forks = NULL;
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

static uint32_t segment_publish(struct strand *s, uint32_t most)
{
    uint32_t have = segment_end(s) - s->pub, n = have < most ? have : most;
    if (n == 0)
        return 0;
    for (uint32_t i = 0; i < n; i++) /* published by the CAS below */
        store_relaxed(slot_state(strand_slot(s, s->pub + i)), CALL_FORKED);
    uint64_t old = load_relaxed(&s->ts); /* the CAS decides */
    /* release: pairs with the CAS in segment_take: the thief sees the slots */
    while (!cas_release(&s->ts, &old, strand_ts((uint32_t)old, s->pub + n)))
        continue;
    split_set(s, s->pub + n);
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

static uint32_t strand_private_count(struct strand *first)
{
    uint32_t n = 0;
    for (struct strand *s = first; s; s = s == first->top ? NULL : s->above)
        n += segment_end(s) - s->pub;
    return n;
}

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

/* --- dropping ---------------------------------------------------------------------- */

/* There is no memory for a call: it is dropped, and counted, so that its join finds it. */
static tutti_at strand_lose(struct strand *first, tutti_slot *end)
{
    struct context *c = first->context;
    end->run = NULL;
    first->lost++;
    if (first->lost == 1) {
        first->why = -ENOMEM;
        why_set(-ENOMEM, "no memory for more forked calls at once");
        if (c->forks)
            scope_fail((tutti_scope *)(void *)c->forks, -ENOMEM);
        strand_drop(first, true);
    }
    return end;
}

/* --- the slow path of fork ------------------------------------------------------------ */

/* The top segment is full: go on in another.  False: no memory. */
static bool strand_chain(struct strand *first)
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
    first->top = s;
    split_set(s, s->pub);
    if (strand_shared(first->context))
        strand_enter(first->context->worker, first->context);
    return true;
}

/* Is there nothing but the request that the next forks need not answer? */
static inline bool strand_skips(struct strand *first, uint32_t i)
{
    struct worker *w = first->context->worker;
    /* hints, as where they are acted on */
    if (!first->skip || i >= STRAND_END || load_relaxed(&w->inbox)
        || load_relaxed(&w->looks) != first->looks)
        return false;
    if (load_relaxed(&w->pool->searching) && !(first->held && i == first->top->pub + 1))
        return false; /* served at once, but for what would be held anyway */
    first->skip--;
    return true;
}

tutti_at tutti_fork_slow(tutti_at at)
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

/* --- the slow path of join ------------------------------------------------------------ */

/* Take the public slot i back, and the younger half of what is public below it.  False: a
 * thief has it. */
static bool segment_take_back(struct strand *s, uint32_t i)
{
    uint64_t old = load_relaxed(&s->ts); /* the CAS decides */
    while ((uint32_t)old <= i) {
        uint32_t tail = (uint32_t)old, split = tail + (i - tail) / 2;
        /* relaxed: nothing is handed over, the slots were written by this thread; and a
         * thief that took one since `old` was read makes it fail */
        if (cas_relaxed(&s->ts, &old, strand_ts(tail, split))) {
            split_set(s, split);
            return true;
        }
    }
    return false;
}

/* Wait until the thief of slot i is done.  All older slots are taken too, so this strand
 * has nothing private and nothing public. */
static bool call_wait(struct strand *s, uint32_t i)
{
    _Atomic(uintptr_t) *state = slot_state(strand_slot(s, i));
    struct context *c = s->first->context;
    /* acquire, here and below: pairs with the swap in strand_call; the result is seen */
    for (int k = 0; k < SPIN_JOIN && load_acquire(state) != CALL_DONE; k++)
        spin_pause();
    if (load_acquire(state) != CALL_DONE) {
        if (!c->worker)
            return false; /* after fork(): the thief is in the parent */
        struct joiner me = { c, wait_prepare(c, "forked call", strand_slot(s, i)) };
        uintptr_t forked = CALL_FORKED;
        /* acq_rel: release: the thief sees `me` */
        if (cas_acqrel(state, &forked, (uintptr_t)&me))
            wait_park(c, me.ticket, CLOCK_NEVER, 0);
        else
            wait_abandon(c, me.ticket);
    }
    return true;
}

static int call_drop(tutti_slot *slot)
{
    memset(slot->word, 0, sizeof slot->word);
    return 0;
}

/* The segment below the one whose slots are all joined. */
static struct strand *strand_unchain(struct strand *s)
{
    struct strand *first = s->first;
    if (!s->below)
        misuse("%s: a join without a fork", task_name(first->context));
    first->top = s->below;
    if (strand_shared(first->context))
        strand_enter(first->context->worker, first->context);
    return s->below;
}

int tutti_join_slow(tutti_at *at)
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
    bool drop = first->dropping && strand_over(first);
    uint32_t i = strand_index(s, *at);
    if (i >= s->pub)
        return drop ? call_drop(*at) : 1;
    bool mine = segment_take_back(s, i), done = mine || call_wait(s, i);
    if (first->offered)
        strand_offered(first);
    if (mine)
        return drop ? call_drop(*at) : 1;
    store_relaxed(&s->ts, strand_ts(i, i)); /* none below is to be had, so no thief's CAS
                                               can come between */
    split_set(s, i);
    if (done)
        return 0;
    first->why = -TUTTI_ELOST;
    return call_drop(*at);
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
    } else if (s->top == s && !strand_slot(s, 0)->run) {
        c->forks = c->scope;
        s->why = 0;
        strand_over(s);
    }
    return strand_place(s);
}

int tutti_fork_check(void)
{
    struct strand *s = context_strand(context_self());
    return s && s->why ? why_static(s->why, tutti_strerror(s->why)) : 0;
}

static void strand_after_fork(void)
{
    spare_latch = (struct latch){ 0 };
}

__attribute__((constructor)) static void strand_watch_fork(void)
{
    fork_watch(strand_after_fork);
}
