/* sched/monitor.c - see monitor.h.
 *
 * Period: 0.1 ms after it was woken, growing to 2 ms; 0.25 ms while one does not move, until
 * it is known what that one is at; longer when its thread would use more
 * than a hundredth of a CPU, by its own clock: as with very many workers, or where more
 * threads than CPUs compete and many seem not to move.  When nothing has run for a while
 * it naps until a worker wakes up: soon, so that one that wakes now and then costs few looks,
 * but late where they wake so often that each would have to end a nap first.  When no pool is
 * open for a while its thread ends. */
#include "sched/monitor.h"
#include "base/cpus.h"
#include "base/memory.h"
#include "base/walk.h"
#include "core/thread.h"
#include "sched/culprit.h"
#include "sched/spare.h"
#include "sched/strand.h"
#include <errno.h>
#include <signal.h>

enum { SHARE = 125 }; /* one part in so many of a CPU is the monitor's */
#define BURST INT64_C(500000) /* ns of CPU time that it may have saved up */
enum { FRESH = 40, STUCK_AFTER = 20 }; /* looks at one that does not move */
#define STUCK_MOST INT64_C(50000000) /* ns; so long it does not look at it, at the most */
#define PERIOD_LEAST INT64_C(100000)
#define PERIOD_STALE INT64_C(250000)
#define PERIOD_MOST INT64_C(2000000)
#define NAME_AFTER INT64_C(10000000) /* ns of CPU time: not worth a thread before */
#define FOLLOW_EVERY INT64_C(500000000)
#define NAME_BLOCKED INT64_C(5000000) /* ns; a page that is read in is nobody's fault */
#define NAP_AFTER INT64_C(10000000)
#define NAP_SOON INT64_C(100000)  /* the same, where the last nap was worth it */
#define NAP_SHORT INT64_C(5000000) /* one that was not: the next would end as soon */
#define LINGER INT64_C(100000000)

_Atomic uint32_t monitor_naps;
bool monitor_off;
bool monitor_patient;

/* Latches: the monitor's before a pool's. */
static struct latch latch; /* guards what follows, and is held during each look */
static struct list pools = { &pools, &pools };
static _Atomic bool running; /* its thread is there; changed under the latch */
static clockid_t cpu_clock;   /* its thread's, while it runs */
static _Atomic uint32_t bell; /* futex: moved by who wants a look */

/* --- a look at one pool --------------------------------------------------------- */

/* What is there to be taken, a moment old. */
static bool pool_has_work(struct pool *p)
{
    return pool_has_tasks(p) || load_relaxed(&p->lows); /* a hint */
}

struct look {
    unsigned take, blocked, busy, awake;
    unsigned fresh; /* do not move, and it is not known yet why */
    int64_t stuck;  /* how long the last of those that are stuck is; 0: none is */
    bool moved;  /* something has run since the last look */
    bool offers; /* tasks lie in the deque of one that does not move */
};

/* Is w blocked for so long that it may be left alone for a while?  Others that wake say so,
 * and what it does next is soon enough seen in proportion. */
static bool worker_is_stuck(const struct worker *w)
{
    return w->watch.stale >= STUCK_AFTER && w->watch.still
           && load_relaxed(&w->tick) == w->watch.tick; /* a hint */
}

/* w computes without a fork or a turn: what it has forked before, others may want. */
static void worker_share(struct worker *w)
{
    uint32_t share = load_relaxed(&w->share); /* hints, all; asked once, and until it can */
    if ((share != SHARE_NONE && share != SHARE_LATER) || !load_relaxed(&w->asked)
        || !pool_hungry(w->pool))
        return;
    store_relaxed(&w->share, SHARE_ASKED);
    culprit_signal(w);
}

static void worker_watch(struct worker *w, int64_t now, bool has_work, struct look *l)
{
    /* hints, all */
    bool cares = has_work || load_relaxed(&w->live) > 1 || load_relaxed(&w->inbox)
                 || (!w->watch.learnt && now - w->watch.since >= NAME_BLOCKED);
    l->moved |= load_relaxed(&w->tick) != w->watch.tick; /* a hint */
    int verdict = worker_judge(w, now, cares || w->pool->loop);
    bool outside = w->watch.stale && w->pool->loop && load_relaxed(&w->outside); /* a hint:
                                                    nobody is to blame for the program */
    l->offers |= w->watch.stale /* hints */
                 && (!deque_seems_empty(&w->deque) || load_relaxed(&w->open_count));
    if (verdict == BUSY)
        worker_share(w);
    int64_t stuck = !has_work && worker_is_stuck(w) ? now - w->watch.since : 0;
    if (stuck && (!l->stuck || stuck < l->stuck))
        l->stuck = stuck;
    l->awake += verdict != RESTS && !outside && !stuck;
    l->fresh += w->watch.stale && w->watch.stale < FRESH && verdict == MOVES && !outside;
    if (!load_relaxed(&w->takes)) /* changed by this thread */
        return;
    l->take++;
    l->blocked += verdict == BLOCKED;
    l->busy += verdict == BUSY;
}

/* As many as wanted shall be able to take tasks.  One that is blocked is not; those that
 * compute are, until all do, and then some more share the CPUs with them, so that short
 * tasks do not wait for long ones. */
static void pool_balance(struct pool *p, const struct look *l, bool has_work)
{
    unsigned able = l->take - l->blocked, want = p->want;
    bool all_stuck = able == l->busy;
    if (has_work) {
        if (able < want || (all_stuck && able < 2 * want))
            spare_call_in(p);
        else if (able > want && !all_stuck)
            spare_send_off(p);
    } else if (able > want) {
        spare_send_off(p);
    }
}

/* Has w been stuck for so long that it is worth a thread, and was not expected to be? */
static bool worker_lasts(const struct worker *w, int64_t now)
{
    if (load_relaxed(&w->alone)) /* a hint */
        return false;
    return (w->watch.verdict == BLOCKED && now - w->watch.since >= NAME_BLOCKED)
           || (w->watch.verdict == BUSY && w->watch.ran >= NAME_AFTER);
}

/* Do others wait for w, which is stuck? */
static bool worker_harms(const struct worker *w, bool has_work)
{
    const struct runnable *ready = NULL, *bound = NULL;
    if (has_work || load_relaxed(&w->live) > 1 || load_relaxed(&w->inbox)) /* hints */
        return true;
    return (peek(&ready, &w->ready.head, sizeof ready) && ready)
           || (peek(&bound, &w->bound.head, sizeof bound) && bound);
}

static void pool_watch(struct pool *p, int64_t now, struct look *all)
{
    struct look l = { 0 };
    bool has_work = pool_has_work(p);
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        struct worker *w = spare_alive(p, i) ? pool_worker(p, i) : NULL;
        if (!w)
            continue;
        worker_watch(w, now, has_work, &l);
        if (w->watch.named || !worker_lasts(w, now))
            continue;
        /* One that happened to begin where nobody else was has harmed nobody, but the next
         * of it may begin beside a thousand others. */
        if (worker_harms(w, has_work))
            culprit_name(w, now);
        else if (!w->watch.learnt)
            culprit_learn(w);
    }
    if (l.offers)
        pool_notify(p); /* its own turns would have: see offer.h */
    if (p->room > p->count)
        spares_provide(p, now);
    if (p->room > p->count || p->follows)
        pool_balance(p, &l, has_work);
    all->awake += l.awake;
    all->fresh += l.fresh;
    if (l.stuck && (!all->stuck || l.stuck < all->stuck))
        all->stuck = l.stuck;
    all->moved |= l.moved;
}

/* --- its thread ------------------------------------------------------------------- */

/* Affinity and quotas may change while it runs.  Reading them takes some 0.1 ms. */
static void pools_follow(int64_t now)
{
    static int64_t next;
    unsigned granted = 0;
    if (now < next)
        return;
    next = now + FOLLOW_EVERY;
    for (struct list *at = pools.next; at != &pools; at = at->next) {
        struct pool *p = list_entry(at, struct pool, watched);
        if (!p->follows)
            continue;
        if (!granted)
            granted = cpus_granted();
        p->want = granted < p->room ? granted : p->room;
        store_relaxed(p->follows, p->want); /* a figure */
    }
}

/* Under the latch. */
static struct look pools_watch(int64_t now)
{
    pools_follow(now);
    struct look all = { 0 };
    for (struct list *at = pools.next; at != &pools; at = at->next)
        pool_watch(list_entry(at, struct pool, watched), now, &all);
    return all;
}

static bool anybody_awake(void)
{
    for (struct list *at = pools.next; at != &pools; at = at->next) {
        struct pool *p = list_entry(at, struct pool, watched);
        for (uint32_t i = 0; i < pool_seats(p); i++) {
            const struct worker *w = spare_alive(p, i) ? pool_worker(p, i) : NULL;
            /* relaxed: the fence in monitor_nap orders it */
            if (w && load_relaxed(&w->sleeping) == AWAKE
                && !(p->loop && load_relaxed(&w->outside)) /* as sleeping */
                && (!worker_is_stuck(w) || pool_has_work(p)))
                return true;
        }
    }
    return false;
}

static bool spares_rest(int64_t now)
{
    bool rest = false;
    for (struct list *at = pools.next; at != &pools; at = at->next)
        rest |= spares_trim(list_entry(at, struct pool, watched), now);
    return rest;
}

/* Under the latch, which is let go meanwhile: sleep until `until` or a poke. */
static void monitor_sleep(uint32_t seen, int64_t until)
{
    latch_unlock(&latch);
    futex_wait(&bell, seen, until);
    latch_lock(&latch);
}

/* Nothing has run for a while.  Announce, look once more, sleep.  True: somebody is up. */
static bool monitor_nap(uint32_t seen, int64_t now, int64_t stuck)
{
    int64_t until = CLOCK_NEVER;
    bool rest = spares_rest(now);
    store_relaxed(&monitor_naps, 1);
    fence_heavy(); /* pairs with fence_light in monitor_heed and pool_notify */
    if (list_empty(&pools))
        until = now + LINGER;
    else if (stuck && !monitor_patient)
        until = now + (stuck / 8 > STUCK_MOST ? STUCK_MOST : stuck / 8);
    else if (rest)
        until = now + 500 * TUTTI_MS;
    bool up = anybody_awake();
    if (!up)
        monitor_sleep(seen, until);
    store_relaxed(&monitor_naps, 0); /* a poke too many is one look */
    return up || load_relaxed(&bell) != seen; /* as in monitor_main; wrong, it naps again
                                                 after another look */
}

/* What its thread may use.  Holds: left <= BURST; negative: to be earned by sleeping. */
struct purse {
    int64_t left, at, cpu;
};

static void purse_fill(struct purse *p, int64_t now)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    int64_t cpu = (int64_t)t.tv_sec * TUTTI_SEC + t.tv_nsec;
    int64_t left = p->left + (now - p->at) / SHARE;
    *p = (struct purse){ (left < BURST ? left : BURST) - (cpu - p->cpu), now, cpu };
}

static int64_t monitor_period(int64_t period, const struct look *l, const struct purse *p)
{
    period = l->fresh ? PERIOD_STALE : period + period / 2;
    if (period > PERIOD_MOST)
        period = PERIOD_MOST;
    return period < -p->left * SHARE ? -p->left * SHARE : period;
}

static void *monitor_main(void *unused)
{
    (void)unused;
    int64_t period = PERIOD_LEAST, ran = clock_now(), nap_after = NAP_SOON;
    struct purse purse = { BURST, ran, 0 };
    latch_lock(&latch);
    for (;;) {
        uint32_t seen = load_relaxed(&bell); /* what it was rung for is under latches */
        int64_t now = clock_now();
        struct look l = pools_watch(now);
        if (l.awake || l.moved)
            ran = now;
        int64_t end = clock_now();
        purse_fill(&purse, end);
        if (end - ran < nap_after) {
            period = monitor_period(period, &l, &purse);
            monitor_sleep(seen, end + period);
            continue;
        }
        if (list_empty(&pools) && end - ran > LINGER)
            break;
        if (!monitor_nap(seen, end, l.stuck))
            continue;
        int64_t awake = clock_now();
        bool was_short = awake - end < NAP_SHORT;
        nap_after = was_short ? NAP_AFTER : NAP_SOON;
        if (!was_short)
            period = PERIOD_LEAST;
        ran = awake;
    }
    culprit_end();
    store_relaxed(&running, false); /* under the latch */
    latch_unlock(&latch);
    return NULL;
}

int64_t monitor_cpu_time(void)
{
    struct timespec t = { 0 };
    latch_lock(&latch); /* it ends under it */
    if (load_relaxed(&running))
        clock_gettime(cpu_clock, &t);
    latch_unlock(&latch);
    return (int64_t)t.tv_sec * TUTTI_SEC + t.tv_nsec;
}

bool monitor_runs(void)
{
    return load_relaxed(&running); /* it runs while a pool is watched, if it could begin */
}

void monitor_poke(void)
{
    add_relaxed(&bell, 1); /* as in monitor_main */
    futex_wake(&bell, 1);
}

/* --- who is watched --------------------------------------------------------------- */

/* Under the latch. */
static void monitor_begin(void)
{
    pthread_t thread;
    if (worker_thread(&thread, monitor_main, NULL) == 0) {
        pthread_getcpuclockid(thread, &cpu_clock);
        pthread_detach(thread);
        store_relaxed(&running, true); /* under the latch */
    }
}

void monitor_enter(struct pool *p)
{
    if (monitor_off || (!culprit_wants_loops() && p->loop))
        return;
    latch_lock(&latch);
    if (!load_relaxed(&running)) /* under the latch */
        monitor_begin();
    list_push_back(&pools, &p->watched);
    p->is_watched = true;
    latch_unlock(&latch);
    monitor_poke();
}

void monitor_follow(struct pool *p, _Atomic unsigned *said)
{
    latch_lock(&latch);
    p->follows = said;
    latch_unlock(&latch);
}

void monitor_leave(struct pool *p)
{
    latch_lock(&latch);
    if (list_linked(&p->watched))
        list_remove(&p->watched);
    latch_unlock(&latch);
}

static void monitor_after_fork(void)
{
    latch = (struct latch){ 0 };
    list_init(&pools);
    store_relaxed(&running, false); /* one thread */
    store_relaxed(&monitor_naps, 0); /* one thread */
}

__attribute__((constructor)) static void monitor_watch_fork(void)
{
    fork_watch(monitor_after_fork);
}
