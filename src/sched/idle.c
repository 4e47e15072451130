/* sched/idle.c - a worker with nothing to do: it searches a little, then sleeps.
 *
 * Sleeping is announce, re-check, sleep.  Who queues work looks for sleepers after it has
 * queued; who goes to sleep looks for work after it has said so; a fence on each side makes
 * one of them see the other.  At most one worker searches, and nobody is woken while one
 * does: it will find the work, and wakes the next when it leaves the search with a task.
 * Tests: tests/pool_test.c. */
#include "base/fence.h"
#include "base/small.h"
#include "sched/dry.h"
#include "sched/gil.h"
#include "sched/monitor.h"
#include "sched/offer.h"
#include "sched/spare.h"
#include "sched/strand.h"
#include <assert.h>

/* A round takes some 0.3 us with one other worker; VAIN_MOST halvings leave a few. */
enum { SEARCH_ROUNDS = SMALL(200, 2), VAIN_MOST = SMALL(5, 1) };

static uint32_t worker_random(struct worker *w)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 17;
    w->seed ^= w->seed << 5;
    return w->seed;
}

/* --- searching --------------------------------------------------------------- */

static struct runnable *worker_steal(struct worker *w)
{
    struct pool *p = w->pool;
    uint32_t start = worker_random(w), seats = pool_seats(p);
    struct task *t = pool_injected(p);
    for (uint32_t i = 0; i < seats && !t; i++) {
        struct worker *victim = pool_worker(p, (start + i) % seats);
        if (!victim || victim == w || deque_seems_empty(&victim->deque))
            continue;
        t = deque_steal(&victim->deque, &w->deque);
        if (t)
            stat_add(&w->stats.stolen);
    }
    if (t)
        return &t->run;
    struct runnable *r = NULL;
    for (uint32_t i = 0; i < seats && !r; i++) {
        struct worker *victim = pool_worker(p, (start + i) % seats);
        if (!victim || victim == w)
            continue;
        r = strand_steal(w, victim);
        if (!r)
            strand_ask(victim);
    }
    return r;
}

static bool calls_open(const struct pool *p)
{
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        const struct worker *v = pool_worker(p, i);
        if (v && load_relaxed(&v->open_count)) /* hints */
            return true;
    }
    return false;
}

static bool search_begin(struct pool *p)
{
    uint32_t none = 0;
    /* relaxed: who relies on us has queued its task before; whether we see it then is up to
     * the fences that we pass when we end the search */
    return pool_seats(p) > 1 && load_relaxed(&p->searching) == 0
           && cas_relaxed(&p->searching, &none, 1);
}

/* w goes to work.  There may be more to take, of which nobody was told because w searched. */
static void hand_over(struct worker *w)
{
    struct pool *p = w->pool;
    if (!deque_seems_empty(&w->deque) || load_relaxed(&p->injections)
        || load_relaxed(&p->lows) || calls_open(p)) /* the fences before order them */
        pool_notify(p);
}

static void search_found(struct worker *w)
{
    struct pool *p = w->pool;
    w->vain = 0;
    store_relaxed(&p->searching, 0);
    fence_seqcst(); /* pairs with pool_inject: either it sees that nobody searches, or we see
                       its task, for which it has woken nobody */
    hand_over(w);
}

/* How often to look.  Where all others sleep nobody is about to start or fork anything, and
 * who does from outside wakes us: once.  One that wakes for timers of its own beside others
 * that share nothing would spend more on searching than on its work: fewer each time that
 * it was for nothing, but all of it when it was woken to search. */
static int search_rounds(const struct worker *w, bool woken)
{
    const struct pool *p = w->pool;
    if (woken)
        return SEARCH_ROUNDS;
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        const struct worker *v = pool_worker(p, i);
        if (v && v != w && load_relaxed(&v->sleeping) == AWAKE) /* a hint */
            return SEARCH_ROUNDS >> w->vain;
    }
    return 1;
}

static struct runnable *search(struct worker *w, bool woken)
{
    int rounds = search_rounds(w, woken);
    for (int i = 0; i < rounds; i++) {
        struct runnable *r = worker_steal(w);
        if (r) {
            search_found(w);
            return r;
        }
        if (load_relaxed(&w->inbox) || load_relaxed(&w->quit)) /* hints, looked at again */
            break;
        for (int k = 0; k < 8; k++)
            spin_pause();
    }
    if (w->vain < VAIN_MOST)
        w->vain++;
    return NULL;
}

/* --- sleeping ------------------------------------------------------------------ */

static void asleep_enter(struct worker *w)
{
    struct pool *p = w->pool;
    latch_lock(&p->latch);
    w->token = false;
    list_push_front(&p->asleep, &w->asleep_link);
    add_relaxed(&p->sleepers, 1); /* pairs with pool_notify, through the fence that follows */
    latch_unlock(&p->latch);
}

/* True: this worker was woken to search. */
static bool asleep_leave(struct worker *w)
{
    struct pool *p = w->pool;
    latch_lock(&p->latch);
    if (list_linked(&w->asleep_link)) {
        list_remove(&w->asleep_link);
        sub_relaxed(&p->sleepers, 1); /* the latch orders it */
    }
    bool token = w->token;
    w->token = false;
    latch_unlock(&p->latch);
    return token;
}

/* Is there anything to stay awake for?  After the announcement. */
static bool anything_to_do(struct worker *w, bool takes)
{
    struct pool *p = w->pool;
    /* relaxed, all: pair with inbox_push, worker_quit, worker_set_takes and spare_start,
     * through the fence before; what the inbox holds is taken by an acquire */
    if (load_relaxed(&w->inbox) || load_relaxed(&w->quit))
        return true;
    if (load_relaxed(&w->takes) != takes)
        return true;
    if (!takes)
        return load_relaxed(&w->gift) || spare_strays(w);
    /* the fence before orders it, here and below */
    if (load_relaxed(&p->injections) || load_relaxed(&p->lows))
        return true;
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        struct worker *v = pool_worker(p, i);
        if (v && (!deque_seems_empty(&v->deque)
                  || (load_relaxed(&v->open_count) && !dry_now(w))))
            return true;
        if (v && v != w)
            strand_ask(v); /* it wakes us when it has had work for a while */
    }
    return false;
}

/* On the futex; or doing what the pool's owner has to do meanwhile. */
static void worker_doze(struct worker *w, int64_t until)
{
    pool_doze *doze = load_acquire(&w->pool->doze); /* pairs with threads_set_doze */
    if (!doze || !doze(w->pool->doze_ctx, &w->sleeping, ASLEEP_FUTEX, until))
        futex_wait(&w->sleeping, ASLEEP_FUTEX, until);
}

/* Sleep until woken or a timer is due.  searching: give the search up once announced.
 * True: woken to search. */
static bool worker_sleep(struct worker *w, bool searching)
{
    if (unlikely(w->sim != 0) && sim_advance(w))
        return false;
    bool polls = w->poller && poller_busy(w->poller);
    bool takes = load_relaxed(&w->takes); /* anything_to_do looks again */
    /* release: pairs with worker_rouse, for the poller; the fence below makes one of us see
     * the other, see inbox_push */
    store_release(&w->sleeping, polls ? ASLEEP_POLLER : ASLEEP_FUTEX);
    assert(!list_linked(&w->asleep_link) && w->pool->room > w->index);
    if (takes)
        asleep_enter(w);
    if (searching) {
        store_relaxed(&w->pool->searching, 0); /* the fence below orders it */
        if (!takes)
            pool_notify(w->pool); /* we do not look; whoever relied on us gets another */
    }
    if (w->pool->room > 1)
        fence_heavy(); /* pairs with fence_light in pool_notify, and as below */
    else
        fence_seqcst(); /* pairs with pool_injected_fence: who saw that we searched, and so
                           woke nobody, has its task seen here; and with the two seq_cst of
                           who sets inbox, quit or takes and then looks at sleeping */
    if (!anything_to_do(w, takes)) {
        int64_t until = wheel_next(&w->wheel), dry = dry_until(w);
        store_relaxed(&w->timed, until != CLOCK_NEVER); /* a hint */
        if (unlikely(dry && dry < until))
            until = dry;
        stat_add(&w->stats.sleeps);
        if (polls)
            poller_run(w->poller, until);
        else if (unlikely(w->sim != 0))
            dry ? sim_until(dry) : sim_doze(w);
        else if (until > clock_now())
            worker_doze(w, until);
        if (unlikely(dry))
            dry_passed(w);
    }
    store_relaxed(&w->sleeping, AWAKE); /* a wake too many is harmless */
    fiber_stack_here();
    monitor_heed();
    bool token = takes && asleep_leave(w);
    worker_fire(w);
    return token;
}

/* Without a search: what is queued here, of whichever class, or what a spare goes on with. */
static struct runnable *take_here(struct worker *w, bool takes)
{
    struct runnable *r = worker_take(w);
    if (!r)
        r = worker_take_low(w);
    if (!r && unlikely(!takes))
        r = spare_next(w);
    return r;
}

struct runnable *worker_idle(struct worker *w)
{
    struct pool *p = w->pool;
    struct runnable *r = NULL;
    bool token = false;
    if (p->gil)
        gil_release(p->gil);
    if (w->wheel.count && !w->sim) { /* one that is due needs no search or fence */
        worker_fire(w);
        r = fifo_pop(&w->ready);
    }
    while (!r) {
        if (w->poller && poller_busy(w->poller))
            poller_run(w->poller, 0);
        bool takes = load_relaxed(&w->takes); /* see anything_to_do */
        bool searching = token || (takes && search_begin(p));
        if (searching)
            r = search(w, token);
        if (token)
            offer_answer(p, r || load_relaxed(&w->inbox)); /* a hint */
        token = false;
        if (r)
            break; /* search has ended itself */
        r = take_here(w, takes);
        if (r && searching) {
            store_relaxed(&p->searching, 0);
            pool_notify(p); /* whoever relied on our search gets another */
        }
        if (!r && load_relaxed(&w->quit)) { /* worker_sleep looks again; a join follows */
            r = &w->root->run;
            if (searching)
                store_relaxed(&p->searching, 0); /* nobody starts anything any more */
        }
        if (!r)
            token = worker_sleep(w, searching);
        if (!r && !token && (r = worker_take(w)))
            hand_over(w); /* no search, but the one that we gave up may have been relied on */
    }
    count_one(&w->resumed);
    if (unlikely(w->dry.wait))
        store_relaxed(&w->dry_at, UINT64_MAX); /* it goes on: see dry.c */
    if (p->gil)
        gil_acquire(p->gil);
    return r;
}
