/* sched/dry.c - there are forked calls to run, and no memory for a stack.  Who forked them can
 * run them without one, at its joins; but where it waits for one of them that cannot be.  So
 * a worker that finds no stack leaves calls alone for a while, since whatever ends elsewhere
 * leaves a stack; each time longer.  When nothing of its pool has gone on for some time it
 * ends a call without running it: the scope of the call has failed.  See strand.h.
 * Tests: tests/strand_test.c. */
#include "sched/dry.h"
#include "base/clock.h"
#include "base/memory.h"
#include "sched/strand.h"

#define MS INT64_C(1000000)
#define WAIT_LEAST (1 * MS)
#define WAIT_MOST (32 * MS)
#define PATIENCE (1000 * MS)       /* without anything going on in the pool */
#define PATIENCE_TIMED (10000 * MS) /* the same where somebody waits for a time */
#define PATIENCE_NONE (10 * MS)    /* after the first that was ended, for those that follow */
#define AFRESH (200 * MS)          /* so long without a failure, and it begins anew */

void dry_passed(struct worker *w)
{
    if (clock_now() >= w->dry.until)
        w->dry.until = 0;
}

bool dry_now(struct worker *w)
{
    if (likely(!w->dry.until))
        return false;
    dry_passed(w);
    return w->dry.until && !w->spare;
}

void dry_end(struct worker *w)
{
    w->dry = (struct dry){ 0 };
}

/* How often anything went on in w's pool; *timed: some worker waits for a time.  One
 * that runs something just now counts as if it went on. */
static uint64_t pool_moves(struct worker *w, bool *timed)
{
    uint64_t moves = 0;
    *timed = w->wheel.count > 0;
    for (uint32_t i = 0; i < pool_seats(w->pool); i++) {
        struct worker *v = pool_worker(w->pool, i);
        if (!v)
            continue;
        /* a moment old, all; who goes on where it was left is no switch */
        moves += load_relaxed(&v->stats.switches) + load_relaxed(&v->resumed);
        *timed |= v != w && load_relaxed(&v->timed);
        /* it has gone on since it was dry itself, and does so still */
        if (v != w && load_relaxed(&v->sleeping) == AWAKE
            && load_relaxed(&v->dry_at) != load_relaxed(&v->stats.switches))
            moves += (uint64_t)clock_now();
    }
    return moves;
}

/* Nobody can run it. */
static void call_end(struct worker *w, struct worker *victim)
{
    tutti_slot *slot = strand_claim(w, victim);
    if (!slot)
        return;
    scope_note_failure(call_scope(slot), -ENOMEM, 0, "forked call", 0,
                       memory_strdup("no memory for the stack of a forked call, and nothing "
                                     "goes on that could end first"));
    memset(slot->word, 0, sizeof slot->word);
    w->dry.ended = true;
    call_done(slot, -ENOMEM);
}

void dry_call(struct worker *w, struct worker *victim)
{
    struct dry *d = &w->dry;
    bool timed;
    int64_t now = clock_now();
    uint64_t moves = pool_moves(w, &timed);
    if (now - d->last > AFRESH)
        *d = (struct dry){ .wait = WAIT_LEAST };
    d->last = now;
    if (!d->since || (moves != d->moves && !d->ended)) {
        d->since = now;
        d->moves = moves;
    }
    int64_t patience = d->ended ? PATIENCE_NONE : timed ? PATIENCE_TIMED : PATIENCE;
    if (now - d->since >= patience) {
        call_end(w, victim);
        d->since = now;
    }
    d->until = now + d->wait;
    store_relaxed(&w->dry_at, load_relaxed(&w->stats.switches)); /* see pool_moves */
    d->wait = d->wait < WAIT_MOST / 2 ? d->wait * 2 : WAIT_MOST;
}
