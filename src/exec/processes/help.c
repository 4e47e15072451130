/* exec/processes/help.c - who waits collects.  A plain thread that is about to sleep inside a
 * scope on the executor looks for answers itself, and sleeps on the futexes of the workers
 * beside its own; so a result reaches it without a thread in between.  One at a time helps.
 * Tests: tests/processes_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "exec/processes/procs.h"

enum {
    HELP_SPIN = SMALL(100000, 0), /* ns to look for an answer of workers that are awake */
    HELP_CLOCK = SMALL(16, 1),    /* looks for one of the clock */
    HELP_LAZY = 2000000, /* ns to sleep at most while workers may be lazy in telling */
    HELP_TICK = 100000000 /* and ever: a worker gone mad may not tell at all */
};

/* --- spinning ------------------------------------------------------------------------ */

/* Is all that is to come in the hands of workers that are awake, on CPUs of their own? */
static bool may_spin(const struct procs *p)
{
    const struct head *h = p->arena.head;
    unsigned awake = 1;
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        const struct own *o = head_own(h, i);
        bool asleep = load_relaxed(&o->asleep) || !load_relaxed(&o->up); /* hints */
        if (asleep && p->lane[i].out)
            return false; /* it has been woken just now: leave it a CPU to wake on */
        awake += !asleep;
    }
    return awake <= load_relaxed(&h->cpus);
}

/* --- sleeping --------------------------------------------------------------------------- */

static bool lanes_deep(const struct procs *p)
{
    for (unsigned i = 0; i < procs_lanes(p); i++)
        if (p->lane[i].out > 8)
            return true;
    return false;
}

/* Until an answer comes, or *word changes.  True: some were there already. */
static bool help_sleep(struct procs *p, _Atomic uint32_t *word, uint32_t value, int64_t until)
{
    struct futex_any f[FUTEX_ANY_MOST];
    struct head *h = p->arena.head;
    unsigned n = 0;
    f[n++] = (struct futex_any){ word, value, false };
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        _Atomic uint32_t *rung = &head_own(h, i)->rung;
        /* acquire: pairs with serve_tell; before we say that we wait */
        f[n++] = (struct futex_any){ rung, load_acquire(rung), true };
    }
    latch_lock(&p->latch);
    /* seq_cst: pairs with serve_tell's load, before it: an answer that we do not see below
     * finds us waiting. */
    store_seqcst(&h->waits, WAITS_HELPER);
    unsigned got = procs_collect(p);
    int64_t now = clock_now(), soon = now + (lanes_deep(p) ? HELP_LAZY : HELP_TICK);
    procs_question(p, now);
    latch_unlock(&p->latch);
    if (!got && load_acquire(word) == value) /* pairs with whoever ends the wait */
        futex_wait_any(f, n, soon < until ? soon : until);
    latch_lock(&p->latch);
    store_relaxed(&h->waits, WAITS_NOBODY); /* a wake too many is harmless */
    latch_unlock(&p->latch);
    return got > 0;
}

/* --- helping ------------------------------------------------------------------------------ */

/* *wanted: jobs that the caller has an interest in; under the latch. */
static bool help_enter(struct procs *p, const size_t *wanted)
{
    latch_lock(&p->latch);
    bool ours = !p->helped && *wanted && !p->broken
                && procs_lanes(p) < FUTEX_ANY_MOST;
    if (ours) {
        p->helped = true;
        store_relaxed(&p->arena.head->waits, WAITS_NOBODY); /* we are about to look */
    }
    latch_unlock(&p->latch);
    return ours;
}

static void help_leave(struct procs *p)
{
    latch_lock(&p->latch);
    p->helped = false;
    if (p->keeper_sleeps && p->outstanding) {
        /* seq_cst: as in help_sleep; the keeper is in charge again */
        store_seqcst(&p->arena.head->waits, WAITS_KEEPER);
        procs_collect(p);
    } else if (p->keeper_sleeps) {
        store_relaxed(&p->arena.head->waits, WAITS_KEEPER); /* nothing is to come */
    }
    latch_unlock(&p->latch);
}

/* once: until the first result. */
static void help(struct procs *p, _Atomic uint32_t *word, uint32_t value, int64_t until,
                 bool once)
{
    int64_t spin_until = 0;
    for (unsigned i = 0; load_acquire(word) == value; i++) { /* as in help_sleep */
        latch_lock(&p->latch);
        unsigned got = procs_collect(p);
        bool none = !p->outstanding || p->broken;
        bool spin = i % HELP_CLOCK || may_spin(p);
        if (i % 1024 == 1023) /* others may go on for ever */
            procs_question(p, clock_now());
        latch_unlock(&p->latch);
        if ((got || load_acquire(word) != value) && spin_until)
            p->missed = 0;
        if (none || (got && once) || load_acquire(word) != value)
            break;
        if (got || !spin_until)
            spin_until = clock_now() + spin_span(HELP_SPIN, p->missed);
        if (spin && (i % HELP_CLOCK || clock_now() < spin_until)) {
            spin_pause();
            continue;
        }
        p->missed += spin;
        if (help_sleep(p, word, value, until) && once)
            break;
        spin_until = 0;
        if (until != CLOCK_NEVER && clock_now() >= until)
            break;
    }
}

void procs_help(struct tutti_executor *ex, _Atomic uint32_t *word, uint32_t value,
                int64_t until)
{
    struct procs *p = procs_of(ex);
    if (!help_enter(p, &p->outstanding))
        return;
    help(p, word, value, until, false);
    help_leave(p);
}

bool procs_doze(void *ctx, _Atomic uint32_t *word, uint32_t value, int64_t until)
{
    struct procs *p = ctx;
    if (!help_enter(p, &p->at_home)) /* nobody at home waits for any */
        return false;
    help(p, word, value, until, true);
    help_leave(p);
    return true;
}
