/* sched/inbox.c - what reaches a worker from other threads: contexts to go on with, the end
 * of a sleep, and nudges to what forks there.  See worker.h.
 * Tests: tests/pool_test.c, tests/fork_join_test.c, tests/cells/tutti/. */
#include "sched/turn.h"
#include "base/fence.h"
#include "base/race.h"
#include "sched/strand.h"
#include "sched/urgent.h"
#include <sched.h>

/* --- nudges ------------------------------------------------------------------ */

/* The caller has counted itself in nudgers: seq_cst there and here pairs with the fence in
 * worker_await_nudgers, before which the strand was taken out of `running`: either the
 * count is seen there, or the NULL here. */
static void nudge_counted(struct worker *w, bool joins)
{
    struct strand *s = load_seqcst(&w->running); /* acquire in it: pairs with strand_enter */
    if (s)
        store_relaxed(&s->trip, 0); /* a hint to its next fork */
    if (s && joins) /* relaxed: a store of the owner's after it sees `looks` */
        store_relaxed(&s->split, UINTPTR_MAX);
    sub_release(&w->nudgers, 1); /* pairs with worker_await_nudgers: s was used before */
}

/* Count up `looks` where something forks; is there such? */
static bool worker_look(struct worker *w)
{
    if (!w || !load_seqcst(&w->forks)) /* pairs with strand_begin, which looks after it */
        return false;
    add_seqcst(&w->looks, 1);
    return true;
}

void workers_look(_Atomic(struct worker *) *w, unsigned count)
{
    bool any = false;
    /* acquire, here and below: pairs with spare_main: the worker is made.  One that is not
     * there yet has not begun what is over. */
    for (unsigned i = 0; i < count; i++)
        any |= worker_look(load_acquire(&w[i]));
    if (likely(!any))
        return;
    fence_heavy(); /* pairs with fence_light in strand_enter: either `looks` has moved
                      there, or `running` is seen here; and in segment_split */
    for (unsigned i = 0; i < count; i++) {
        struct worker *v = load_acquire(&w[i]);
        if (v && load_relaxed(&v->running)) {
            add_seqcst(&v->nudgers, 1);
            nudge_counted(v, true);
        }
    }
}

void worker_await_nudgers(struct worker *w)
{
    fence_seqcst(); /* see nudge_counted */
    while (load_acquire(&w->nudgers))
        sched_yield();
}

/* --- the inbox ----------------------------------------------------------------- */

void inbox_push(struct worker *w, struct runnable *r)
{
    struct runnable *head = load_relaxed(&w->inbox); /* the CAS decides */
    /* A hint: what begins to fork right now looks at the inbox itself. */
    bool nudge = unlikely(load_relaxed(&w->running) != NULL);
    if (nudge)
        add_seqcst(&w->nudgers, 1); /* before r can run, and its executor be closed */
    do {
        r->next = head;
        /* seq_cst: pairs with worker_sleep, which sets `sleeping` and then looks at the
         * inbox, a fence between, while we set the inbox and then look at `sleeping`. */
    } while (!cas_seqcst(&w->inbox, &head, r));
    if (nudge)
        nudge_counted(w, false); /* its next fork gives way to r */
    worker_rouse(w);
}

bool worker_urgent(void)
{
    struct worker *w = worker_current;
    uint32_t asked = SHARE_ASKED;
    /* relaxed: the monitor asks and looks again; what is published has its own order */
    if (!w || !cas_relaxed(&w->share, &asked, SHARE_LATER))
        return false;
    race_own(); /* what the code that is stopped here could read and write */
    if (strand_interrupt(w))
        store_relaxed(&w->share, SHARE_DONE); /* as above */
    race_disown();
    return true;
}

void worker_rouse(struct worker *w)
{
    if (load_seqcst(&w->sleeping) == AWAKE) /* see inbox_push */
        return;
    /* acquire: pairs with worker_sleep, for its poller; one of several wakers gets it */
    uint32_t how = swap_acquire(&w->sleeping, AWAKE);
    if (how == ASLEEP_POLLER)
        poller_interrupt(w->poller);
    else if (how == ASLEEP_FUTEX)
        futex_wake(&w->sleeping, 1);
    if (how != AWAKE && worker_current)
        stat_add(&worker_current->stats.wakes);
}

void worker_push(struct worker *w, struct runnable *r)
{
    if (worker_current == w)
        worker_queue(w, r);
    else
        inbox_push(w, r);
}

void worker_drain_slow(struct worker *w)
{
    /* acquire: pairs with inbox_push; what the waker wrote is seen */
    struct runnable *r = swap_acquire(&w->inbox, NULL), *oldest = NULL;
    while (r) { /* it is last in, first out: turn it round */
        struct runnable *next = r->next;
        r->next = oldest;
        oldest = r;
        r = next;
    }
    while (oldest) {
        struct runnable *next = oldest->next;
        worker_queue(w, oldest);
        oldest = next;
    }
}
