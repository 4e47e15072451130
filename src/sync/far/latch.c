/* sync/far/latch.c - the latch of a state, among processes of which each may die, or
 * go mad, while it has it.
 *
 * Design: a process holds its private latch of the object first, so at most one of
 * its threads is here.  The word names the lane that has it and counts its turns, so
 * a word that is seen twice is one turn.  Who dies with it is found by home
 * (far_latch_bury), and so is, when home waits itself, a word that no lane stands
 * by: each lane marks, in a byte that it alone can write, that it is inside.  Who
 * stays inside for a second is killed, unless somebody has stopped it.  A worker
 * that waits long asks home to come and look.
 * Tests: tests/processes_sync_inside_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "sync/far/far.h"

enum {
    LATCH_LANE = 0xffff, /* lane + 1; 0: free */
    LATCH_TURN = 16,     /* from this bit on the turn */
    SPINS = SMALL(200, 1),
    NAP = 10000000,      /* ns between two looks */
    DOUBT = 3,           /* naps with one word that no lane stands by */
    PATIENCE = 100       /* naps until a lane that is inside is killed, or home is asked */
};
#define LATCH_SLEEPS (UINT32_C(1) << 31) /* somebody sleeps; may be set with none asleep */

static void mark_set(struct far *f, unsigned bit)
{
    _Atomic unsigned char *m = &f->space->at.marks[far_index(f)];
    store_relaxed(m, (unsigned char)(load_relaxed(m) | bit)); /* for home's doubts only */
}
static void mark_clear(struct far *f, unsigned bit)
{
    _Atomic unsigned char *m = &f->space->at.marks[far_index(f)];
    store_relaxed(m, (unsigned char)(load_relaxed(m) & ~bit)); /* as above */
}

static bool latch_take(struct far *f, uint32_t *seen, uint32_t mine)
{
    /* acquire: pairs with the swap in far_unlock_state, of whatever process */
    return cas_acquire(&f->state->latch, seen, mine);
}

static void latch_steal(struct far_state *st, uint32_t seen)
{
    cas_acqrel(&st->latch, &seen, 0); /* lost: it has moved after all */
    futex_wake_shared(&st->latch);
}

/* The word has been `seen` for so many naps. */
static void latch_doubt(struct far *f, uint32_t seen, unsigned naps)
{
    const struct far_space *s = f->space;
    unsigned lane = (seen & LATCH_LANE) - 1;
    if (s->at.me != FAR_HOME) {
        if (naps % PATIENCE == DOUBT)
            far_ring(f->space, FAR_HOME, far_index(f));
        return;
    }
    enum far_life life = lane < s->at.lanes ? s->host.lane_is(s->host.ctx, lane) : FAR_GONE;
    if (life == FAR_STOPPED)
        return;
    bool inside = life == FAR_RUNS
                  && s->host.lane_mark(s->host.ctx, lane, far_index(f)) & FAR_INSIDE;
    if (!inside && naps >= DOUBT)
        latch_steal(f->state, seen);
    else if (inside && naps >= PATIENCE)
        s->host.lane_kill(s->host.ctx, lane);
}

static void lock_slow(struct far *f, uint32_t mine)
{
    struct far_state *st = f->state;
    uint32_t last = 0;
    unsigned naps = 0;
    for (int i = 0; i < SPINS; i++) {
        uint32_t free = 0;
        if (load_relaxed(&st->latch) == 0 && latch_take(f, &free, mine)) /* a hint */
            return;
        spin_pause();
    }
    for (;;) {
        uint32_t seen = load_relaxed(&st->latch); /* a hint; each CAS decides */
        uint32_t lane = seen & LATCH_LANE;
        /* Ours: we have f's latch, so nobody of ours is inside, and the word is
         * rubbish. */
        if (lane == 0 || lane == (mine & LATCH_LANE)) {
            if (latch_take(f, &seen, mine | LATCH_SLEEPS))
                return;
            continue;
        }
        /* relaxed: the kernel compares the word again before it sleeps */
        if (!(seen & LATCH_SLEEPS) && !cas_relaxed(&st->latch, &seen, seen | LATCH_SLEEPS))
            continue;
        seen |= LATCH_SLEEPS;
        naps = seen == last ? naps : 0;
        last = seen;
        if (futex_wait_shared(&st->latch, seen, clock_now() + NAP) == -ETIMEDOUT)
            latch_doubt(f, seen, ++naps);
    }
}

void far_lock_state(struct far *f)
{
    uint32_t free = 0;
    f->turn = (f->turn + 1) & 0x7fff;
    uint32_t mine = f->turn << LATCH_TURN | (f->space->at.me + 1);
    far_step();
    if (unlikely(!latch_take(f, &free, mine)))
        lock_slow(f, mine);
    far_step();
    mark_set(f, FAR_INSIDE);
}

void far_unlock_state(struct far *f)
{
    mark_clear(f, FAR_INSIDE);
    far_step();
    /* release: pairs with latch_take */
    if (unlikely(swap_release(&f->state->latch, 0) & LATCH_SLEEPS))
        futex_wake_shared(&f->state->latch);
    far_step();
}

void far_latch_bury(struct far_state *st, unsigned lane)
{
    uint32_t seen = load_relaxed(&st->latch); /* the dead do not move */
    while ((seen & LATCH_LANE) == lane + 1 && !cas_acqrel(&st->latch, &seen, 0))
        ; /* acq_rel: as latch_take and the swap; somebody has set LATCH_SLEEPS meanwhile */
    futex_wake_shared(&st->latch); /* a wake may have died on its way */
}

void far_holds(struct far *f, bool yes)
{
    if (yes)
        mark_set(f, FAR_HOLDS);
    else
        mark_clear(f, FAR_HOLDS);
}
