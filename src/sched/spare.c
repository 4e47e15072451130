/* sched/spare.c - see spare.h.
 *
 * A spare is in one of three states, which the monitor and it itself move it through:
 * it takes part (worker.takes); it has been sent off and goes on with the tasks that it has
 * begun, which stay with it; it rests, in pool.parked.  Its place in pool.worker keeps its
 * worker when its thread ends, since others may still look at it; the next thread of that
 * place goes on with it. */
#include "sched/spare.h"
#include "base/memory.h"
#include "base/slice.h"
#include "sched/culprit.h"
#include "sched/monitor.h"

#define HELD_MOST INT64_C(100000000) /* ns; see alone_relent */
#define REST_MOST INT64_C(1000000000) /* ns; then it ends */

enum { SEAT_FREE, SEAT_BEGINS, SEAT_LIVES, SEAT_ENDED };

/* Holds: thread is to be joined in all states but SEAT_FREE.  FREE -> BEGINS and ENDED ->
 * FREE are the monitor's, the others the thread's. */
struct seat {
    pthread_t thread;
    _Atomic uint32_t state;
};

struct spare_start {
    struct pool *pool;
    uint32_t index;
    bool takes;
};

struct seat *spares_alloc(unsigned n)
{
    return memory_zalloc(n * sizeof(struct seat));
}

static struct seat *seat_of(const struct pool *p, uint32_t index)
{
    return &p->seat[index - p->count];
}

bool spare_alive(const struct pool *p, uint32_t index)
{
    /* acquire: pairs with spare_main; the worker is made */
    return index < p->count || load_acquire(&seat_of(p, index)->state) == SEAT_LIVES;
}

/* --- the thread ------------------------------------------------------------- */

static void seat_set(struct seat *seat, uint32_t state)
{
    store_release(&seat->state, state); /* pairs with spare_alive, seat_reap, spares_end */
    futex_wake(&seat->state, 1);
}

static void *spare_main(void *arg)
{
    struct spare_start *start = arg;
    struct pool *p = start->pool;
    uint32_t index = start->index;
    struct seat *seat = seat_of(p, index);
    struct worker *w = worker_attach(p, index, start->takes);
    memory_free(start);
    if (w) {
        store_release(&p->worker[index], w); /* pairs with pool_worker */
        seat_set(seat, SEAT_LIVES);
        worker_work(w);
        worker_detach(w);
    }
    seat_set(seat, SEAT_ENDED);
    return NULL;
}

/* --- tasks that begin alone ---------------------------------------------------- */

/* Under the latch: may one more of that kind run? */
static bool alone_room(const struct pool *p, int kind)
{
    return kind == ALONE_BLOCKS || p->alone[kind].running < p->count + p->more;
}

/* Under the latch: the next that may, for w; NULL: none. */
static struct task *alone_pop(struct pool *p, struct worker *w)
{
    for (int kind = 0; kind < ALONE_KINDS; kind++) {
        struct alone *a = &p->alone[kind];
        if (!a->queued || !alone_room(p, kind))
            continue;
        a->queued--;
        a->running++;
        store_relaxed(&w->alone, kind + 1); /* the latch orders it */
        return (struct task *)(void *)fifo_pop(&a->queue);
    }
    return NULL;
}

/* Under the latch: what w ran alone has ended, or waits: another may compute. */
static void alone_over(struct pool *p, struct worker *w, bool ended)
{
    uint32_t kind = load_relaxed(&w->alone); /* the latch orders it */
    if (kind && kind <= ALONE_KINDS && (ended || kind == ALONE_COMPUTES + 1)) {
        p->alone[kind - 1].running--;
        store_relaxed(&w->alone, ALONE_KINDS + 1); /* counted no more; read as a hint */
    }
    if (ended)
        store_relaxed(&w->alone, 0); /* as above */
}

/* Under the latch: give one that waits to a spare that rests; which is to be roused, or
 * NULL. */
static struct worker *alone_give(struct pool *p)
{
    if (list_empty(&p->parked))
        return NULL;
    struct worker *w = list_entry(p->parked.next, struct worker, parked_link);
    struct task *t = alone_pop(p, w);
    if (!t)
        return NULL;
    list_remove(&w->parked_link);
    store_seqcst(&w->gift, t); /* pairs with worker_sleep, as `quit` does */
    return w;
}

void spare_turn(struct worker *w)
{
    struct pool *p = w->pool;
    if (load_relaxed(&w->alone) != ALONE_COMPUTES + 1) /* the latch orders it, below */
        return;
    latch_lock(&p->latch);
    alone_over(p, w, false);
    struct worker *next = alone_give(p);
    bool more = p->alone[ALONE_COMPUTES].queued;
    latch_unlock(&p->latch);
    if (next)
        worker_rouse(next);
    else if (more)
        monitor_poke();
}

bool spare_start(struct pool *p, struct task *t, int kind)
{
    struct worker *w = NULL;
    latch_lock(&p->latch);
    struct alone *a = &p->alone[kind];
    unsigned queued = p->alone[0].queued + p->alone[1].queued;
    bool rests = !list_empty(&p->parked);
    bool had = monitor_runs() && (rests || p->begun + queued < p->room - p->count);
    if (had && rests && alone_room(p, kind)) {
        w = list_entry(list_pop(&p->parked), struct worker, parked_link);
        a->running++;
        store_relaxed(&w->alone, kind + 1); /* the latch orders it */
        store_seqcst(&w->gift, t); /* pairs with worker_sleep, as `quit` does */
    } else if (had) {
        fifo_push(&a->queue, &t->run);
        a->queued++;
    }
    latch_unlock(&p->latch);
    if (w)
        worker_rouse(w);
    else if (had)
        monitor_poke();
    return had;
}

/* What w ran alone has ended; t, unless NULL, is the next. */
static void alone_time(struct worker *w, const struct task *t)
{
    if (!w->alone_key && !t)
        return;
    int64_t now = clock_now();
    if (w->alone_key)
        culprit_ran(w->alone_key, now - w->alone_since);
    w->alone_key = t ? culprit_key(t) : NULL;
    w->alone_since = now;
}

struct runnable *spare_next(struct worker *w)
{
    struct pool *p = w->pool;
    if (w->index < p->count)
        return NULL;
    bool ended = load_relaxed(&w->live) == 0; /* ours */
    if (!ended)
        spare_turn(w);
    latch_lock(&p->latch);
    struct task *t = load_relaxed(&w->gift); /* the latch orders it */
    if (t) {
        store_relaxed(&w->gift, NULL); /* as above */
    } else if (ended) {
        alone_over(p, w, true);
        /* takes: set under the latch for those that rest */
        if (!load_relaxed(&w->takes) && !list_linked(&w->parked_link)
            && !load_relaxed(&w->quit)) { /* as takes; see spares_trim */
            t = alone_pop(p, w);
            if (!t) {
                w->parked_at = clock_now();
                list_push_front(&p->parked, &w->parked_link);
            }
        }
    }
    latch_unlock(&p->latch);
    if (ended)
        alone_time(w, t);
    /* One that computes alone lets those go first that carry many. */
    bool brisk = !t || load_relaxed(&w->alone) != ALONE_COMPUTES + 1; /* ours while it runs */
    if (ended && brisk != w->brisk)
        slice_set((w->brisk = brisk) ? SLICE_SHORT : SLICE_USUAL);
    return t ? &t->run : NULL;
}

bool spare_strays(struct worker *w)
{
    struct pool *p = w->pool;
    if (w->index < p->count || load_relaxed(&w->live)) /* ours */
        return false;
    latch_lock(&p->latch);
    bool strays = !list_linked(&w->parked_link) && !load_relaxed(&w->quit); /* see spares_trim */
    latch_unlock(&p->latch);
    return strays;
}

/* --- for the monitor --------------------------------------------------------- */

static void seats_count(struct pool *p, int n)
{
    latch_lock(&p->latch);
    p->begun += (unsigned)n;
    latch_unlock(&p->latch);
}

/* A place whose thread has ended is free again. */
static bool seat_reap(struct pool *p, struct seat *seat)
{
    uint32_t state = load_relaxed(&seat->state); /* the join orders what it did */
    if (state == SEAT_ENDED) {
        pthread_join(seat->thread, NULL); /* in its last steps */
        store_relaxed(&seat->state, SEAT_FREE); /* ours alone from FREE to BEGINS */
        seats_count(p, -1);
        state = SEAT_FREE;
    }
    return state == SEAT_FREE;
}

static bool seat_begin(struct pool *p, uint32_t index, bool takes)
{
    struct seat *seat = seat_of(p, index);
    struct spare_start *start = memory_alloc(sizeof *start);
    if (!start)
        return false;
    *start = (struct spare_start){ p, index, takes };
    store_relaxed(&seat->state, SEAT_BEGINS); /* the thread is begun after it */
    if (index == pool_seats(p))
        store_relaxed(&p->seats, index + 1); /* NULL until it is made: see pool_worker */
    seats_count(p, 1);
    if (worker_thread(&seat->thread, spare_main, start) == 0)
        return true;
    memory_free(start);
    seats_count(p, -1);
    store_relaxed(&seat->state, SEAT_FREE); /* nobody else looks */
    return false;
}

static bool spare_begin(struct pool *p, bool takes)
{
    for (uint32_t i = p->count; i < p->room; i++) {
        if (i < pool_seats(p) && !seat_reap(p, seat_of(p, i)))
            continue;
        return seat_begin(p, i, takes);
    }
    return false;
}

/* Those that wait for a spare of their own begin as any other. */
static void alone_give_up(struct pool *p)
{
    latch_lock(&p->latch);
    uint32_t n = 0;
    struct runnable *r;
    struct fifo all;
    fifo_init(&all);
    for (int kind = 0; kind < ALONE_KINDS; kind++)
        while ((r = fifo_pop(&p->alone[kind].queue))) {
            fifo_push(&all, r);
            p->alone[kind].queued--;
            n++;
        }
    latch_unlock(&p->latch);
    while ((r = fifo_pop(&all)))
        pool_inject(p, (struct task *)(void *)r, (struct task *)(void *)r, 1);
    if (n)
        pool_notify(p);
}

/* Under the latch.  Those that compute may wait for one that is held back: so now and then
 * one more may begin, and nobody is held for ever. */
static void alone_relent(struct pool *p, int64_t now)
{
    if (!p->alone[ALONE_COMPUTES].queued) {
        p->more = 0;
        p->held_since = 0;
    } else if (!p->held_since) {
        p->held_since = now;
    } else if (now - p->held_since >= HELD_MOST) {
        p->more++;
        p->held_since = now;
    }
}

void spares_provide(struct pool *p, int64_t now)
{
    unsigned want = 0, begin = 0;
    struct worker *w;
    latch_lock(&p->latch);
    alone_relent(p, now);
    while ((w = alone_give(p)))
        worker_rouse(w);
    for (int kind = 0; kind < ALONE_KINDS; kind++) {
        const struct alone *a = &p->alone[kind];
        unsigned most = p->count + p->more;
        unsigned may = kind == ALONE_BLOCKS ? a->queued
                       : a->running < most ? most - a->running : 0;
        want += a->queued < may ? a->queued : may;
    }
    latch_unlock(&p->latch);
    if (!want)
        return;
    for (uint32_t i = p->count; i < pool_seats(p); i++)
        begin += load_relaxed(&seat_of(p, i)->state) == SEAT_BEGINS; /* a hint */
    for (; begin < want; begin++)
        if (!spare_begin(p, false)) {
            if (!begin)
                alone_give_up(p);
            break;
        }
}

/* One that rests takes part. */
static bool spare_waken(struct pool *p)
{
    latch_lock(&p->latch);
    struct list *l = list_pop(&p->parked);
    struct worker *w = l ? list_entry(l, struct worker, parked_link) : NULL;
    if (w)
        store_seqcst(&w->takes, true); /* before it can rest again; see worker_set_takes */
    latch_unlock(&p->latch);
    if (w)
        worker_rouse(w);
    return w != NULL;
}

bool spare_call_in(struct pool *p)
{
    for (uint32_t i = 0; i < pool_seats(p); i++) {
        struct worker *w = spare_alive(p, i) ? pool_worker(p, i) : NULL;
        /* Only one with tasks of its own or an ordinary one: those that rest come next. */
        if (!w || load_relaxed(&w->takes) || w->watch.verdict == BLOCKED
            || w->watch.verdict == BUSY || (i >= p->count
                && (!load_relaxed(&w->live) || load_relaxed(&w->alone)))) /* hints */
            continue;
        worker_set_takes(w, true);
        return true;
    }
    return p->room > p->count && (spare_waken(p) || spare_begin(p, true));
}

void spare_send_off(struct pool *p)
{
    struct worker *least = NULL;
    for (uint32_t i = pool_seats(p); i-- > 0;) {
        struct worker *w = spare_alive(p, i) ? pool_worker(p, i) : NULL;
        if (!w || !load_relaxed(&w->takes)) /* changed by this thread */
            continue;
        if (!least || (i >= p->count && load_relaxed(&w->live) < load_relaxed(&least->live)))
            least = w; /* `live`: a hint which is soonest done */
    }
    if (least)
        worker_set_takes(least, false);
}

/* Places whose threads have ended are free again.  True: some are about to end. */
static bool seats_reap(struct pool *p)
{
    bool more = false;
    for (uint32_t i = p->count; i < pool_seats(p); i++) {
        const struct worker *w = pool_worker(p, i);
        if (!seat_reap(p, seat_of(p, i)))
            more |= w && load_relaxed(&w->quit); /* a hint */
    }
    return more;
}

bool spares_trim(struct pool *p, int64_t now)
{
    bool ending = seats_reap(p);
    latch_lock(&p->latch);
    struct list *l = p->parked.prev; /* the one that has rested longest */
    struct worker *w = l != &p->parked ? list_entry(l, struct worker, parked_link) : NULL;
    bool old = w && now - w->parked_at >= REST_MOST;
    if (old) {
        list_remove(l);
        /* Under the latch: lest it rests again, unknown to be ending. */
        store_relaxed(&w->quit, true);
    }
    bool more = !list_empty(&p->parked);
    latch_unlock(&p->latch);
    if (old)
        worker_quit(w);
    return more || old || ending;
}

void spares_end(struct pool *p)
{
    for (uint32_t i = p->count; i < pool_seats(p); i++) {
        struct seat *seat = seat_of(p, i);
        /* One that is beginning could not be told yet. */
        while (load_relaxed(&seat->state) == SEAT_BEGINS) /* and below */
            futex_wait(&seat->state, SEAT_BEGINS, CLOCK_NEVER);
        /* acquire: pairs with seat_set: the worker is there to be told */
        if (load_acquire(&seat->state) == SEAT_LIVES)
            worker_quit(pool_worker(p, i));
    }
    for (uint32_t i = p->count; i < pool_seats(p); i++)
        if (load_relaxed(&seat_of(p, i)->state) != SEAT_FREE) /* the join orders the rest */
            pthread_join(seat_of(p, i)->thread, NULL);
}
