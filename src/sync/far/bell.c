/* sync/far/bell.c - how processes wake each other: doorbells, the thread that hears
 * them, and waiting.  See far.h.  Tests: tests/processes_sync_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "base/launch.h"
#include "base/memory.h"
#include "sync/far/far.h"
#include <pthread.h>
#include <signal.h>

enum {
    SOON = 200000,     /* ns: a wait as short was worth looking instead */
    LOOK = 50000,      /* ns to look */
    TICK = 250000000   /* ns after which the thread looks though nobody rings */
};

/* --- ringing ------------------------------------------------------------------------------ */

void far_ring(struct far_space *s, unsigned lane, unsigned index)
{
    struct far_lane *l = &s->lanes[lane];
    /* release: pairs with bell_serve; what it is rung for is seen */
    or_release(&l->rung[index / 64], UINT64_C(1) << index % 64);
    far_step();
    /* seq_cst, both: pairs with bell_sleep, which reads the bell, says that it sleeps, and
     * looks at `rung`: we see it asleep, or the kernel finds another bell than it read.
     * And releases `rung` to one that has read this bell. */
    add_seqcst(&l->bell, 1);
    far_step();
    if (load_seqcst(&l->asleep))
        futex_wake_shared(&l->bell);
    far_step();
}

/* seq_cst: pairs with far_enlist.  Who has let somebody go on and then looks here
 * sees who enlisted before it tried in vain. */
static uint64_t mask_word(const struct far *f, unsigned q, unsigned i)
{
    uint64_t word = load_seqcst(&f->state->waiting[q][i]);
    unsigned above = f->space->at.lanes - i * 64;
    return above < 64 ? word & ((UINT64_C(1) << above) - 1) : word; /* else rubbish */
}

bool far_nobody(const struct far *f, unsigned q)
{
    for (unsigned i = 0; i < f->space->words; i++)
        if (mask_word(f, q, i))
            return false;
    return true;
}

/* Among all that wait but lane `not`. */
static int next_but(struct far *f, unsigned q, unsigned not)
{
    unsigned after = load_relaxed(&f->cursor), words = f->space->words; /* a hint */
    unsigned first = after / 64;
    for (unsigned k = 0; k <= words; k++) {
        unsigned i = (first + k) % words;
        uint64_t word = mask_word(f, q, i);
        uint64_t low = i == first ? (UINT64_C(2) << after % 64) - 1 : 0; /* up to it */
        if (not / 64 == i)
            word &= ~(UINT64_C(1) << not % 64);
        if (k == 0)
            word &= ~low;
        else if (k == words)
            word &= low; /* at last those before it, and itself */
        if (!word)
            continue;
        unsigned lane = i * 64 + (unsigned)__builtin_ctzll(word);
        store_relaxed(&f->cursor, lane);
        return (int)lane;
    }
    return -1;
}

int far_next(struct far *f, unsigned q)
{
    return next_but(f, q, FAR_MASK * 64);
}

int far_next_other(struct far *f, unsigned q)
{
    return next_but(f, q, f->space->at.me);
}

void far_ring_other(struct far *f, unsigned q)
{
    int lane = far_next_other(f, q);
    if (lane >= 0)
        far_ring(f->space, (unsigned)lane, far_index(f));
}

void far_ring_all(struct far *f, unsigned q)
{
    for (unsigned i = 0; i < f->space->words; i++)
        for (uint64_t word = mask_word(f, q, i); word; word &= word - 1)
            far_ring(f->space, i * 64 + (unsigned)__builtin_ctzll(word), far_index(f));
}

/* --- our queues ------------------------------------------------------------------------------ */

void far_lock(struct far *f)
{
    latch_lock(&f->latch);
}

void far_enlist(struct far *f, unsigned q, struct wait_node *n)
{
    const struct far_space *s = f->space;
    unsigned index = far_index(f);
    waiters_add(&f->waiters[q], n);
    if (f->enlisted[q])
        return;
    f->enlisted[q] = true;
    or_relaxed(&((struct far_space *)(uintptr_t)s)->waits[index / 64],
               UINT64_C(1) << index % 64); /* for the tick */
    /* seq_cst: pairs with mask_word; far_unlock tries once more after it */
    or_seqcst(&f->state->waiting[q][s->at.me / 64], UINT64_C(1) << s->at.me % 64);
    far_step();
}

/* A queue that is empty is not enlisted.  True: that was one; a ring for it may have
 * come in vain, and is to be passed on. */
static bool far_tidy(struct far *f)
{
    bool left = false;
    unsigned me = f->space->at.me, index = far_index(f);
    for (unsigned q = 0; q < 2; q++) {
        if (!f->enlisted[q] || !waiters_none(&f->waiters[q]))
            continue;
        f->enlisted[q] = false;
        and_acqrel(&f->state->waiting[q][me / 64], ~(UINT64_C(1) << me % 64));
        left = true;
        far_step();
    }
    if (left && !f->enlisted[0] && !f->enlisted[1])
        and_relaxed(&f->space->waits[index / 64], ~(UINT64_C(1) << index % 64)); /* a hint */
    if (left)
        fence_seqcst(); /* pairs with the seq_cst of mask_word: who saw our bit has rung by what
                           pass looks at, or sees it gone */
    return left;
}

/* Bits that say that we wait where we do not are somebody else's rubbish, and would
 * have rings passed on for ever. */
static void far_disown(struct far *f)
{
    unsigned me = f->space->at.me;
    for (unsigned q = 0; q < 2; q++)
        if (!f->enlisted[q] && load_relaxed(&f->state->waiting[q][me / 64]) >> me % 64 & 1)
            and_acqrel(&f->state->waiting[q][me / 64], ~(UINT64_C(1) << me % 64)); /* ours */
}

static void far_settle(struct far *f, struct list *woken)
{
    const struct far_ops *ops = far_ops_of(f);
    if (f->enlisted[0] || f->enlisted[1]) {
        ops->settle(f, woken);
        if (far_tidy(f))
            ops->pass(f);
    }
}

/* poked: our lane was told that something can be had.  Whoever it was for may have been cut
 * off since, and has passed on what there was then. */
static void far_unlock_to(struct far *f, struct list *woken, bool poked)
{
    do {
        far_settle(f, woken);
        if (poked && !f->enlisted[0] && !f->enlisted[1])
            far_ops_of(f)->pass(f);
        poked = true; /* if we come here again */
    } while (latch_unlock(&f->latch));
}

void far_unlock(struct far *f)
{
    struct list woken;
    list_init(&woken);
    far_unlock_to(f, &woken, false);
    waiters_wake(&woken);
}

void far_poke(struct far *f)
{
    struct list woken;
    list_init(&woken);
    if (latch_try_or_poke(&f->latch))
        far_unlock_to(f, &woken, true);
    waiters_wake_signal(&woken);
}

/* --- taking part ---------------------------------------------------------------------- */

_Atomic bool far_came_some;

void far_came(struct far *f, unsigned q)
{
    unsigned me = f->space->at.me;
    if (f->came[q])
        return;
    f->came[q] = true;
    store_relaxed(&f->space->came, true); /* read by this lane's own task, after */
    store_relaxed(&far_came_some, true);  /* as above */
    /* release: pairs with chan_bury, barrier_bury */
    or_release(&f->state->been[q][me / 64], UINT64_C(1) << me % 64);
    far_step();
}

void far_went(struct far *f, unsigned q)
{
    unsigned me = f->space->at.me;
    if (!f->came[q])
        return;
    f->came[q] = false;
    and_acqrel(&f->state->been[q][me / 64], ~(UINT64_C(1) << me % 64)); /* as above */
    far_step();
}

void far_task_ended_slow(void)
{
    store_relaxed(&far_came_some, false);
    for (unsigned k = 0; k < FAR_SPACES; k++) {
        struct far_space *s = far_space_number(k);
        if (likely(!s || !load_relaxed(&s->came))) /* set by what has ended now */
            continue;
        store_relaxed(&s->came, false);
        for (unsigned i = 0; i < FAR_OBJECTS; i++) {
            struct far *f = &s->objects[i];
            if (!f->came[0] && !f->came[1]) /* ours, and it has ended */
                continue;
            far_lock(f);
            far_went(f, 0);
            far_went(f, 1);
            far_unlock(f);
        }
    }
}

/* --- waiting ---------------------------------------------------------------------------------- */

void far_look(struct far *f, const _Atomic uint64_t *word, uint64_t seen)
{
    const struct far_host *h = &f->space->host;
    /* hints, all of them */
    if (!load_relaxed(&f->spin) || !h->may_spin(h->ctx))
        return;
    int64_t until = clock_now() + LOOK;
    for (unsigned i = 1; load_relaxed((_Atomic uint64_t *)(uintptr_t)word) == seen; i++) {
        spin_pause();
        if (i % 64 == 0 && (clock_now() >= until || !h->may_spin(h->ctx)))
            return;
    }
}

int far_wait_begin(struct far *f, struct context *c, unsigned q, void *item,
                   const char *what, struct far_waiting *w)
{
    int rc = far_listen(f->space);
    if (rc == 0) {
        w->ticket = wait_prepare(c, what, f->entry);
        wait_node_init(&w->node, c, w->ticket, 0);
        w->node.item = item;
        far_enlist(f, q, &w->node);
    }
    far_unlock(f);
    return rc;
}

int far_wait_end(struct far *f, struct context *c, struct far_waiting *w, unsigned flags)
{
    _Atomic uint32_t *parked = &f->space->lanes[f->space->at.me].parked;
    int64_t began = clock_now();
    add_relaxed(parked, 1); /* a hint, here and below */
    int rc = wait_park(c, w->ticket, CLOCK_NEVER, flags);
    sub_relaxed(parked, 1);
    store_relaxed(&f->spin, clock_now() - began < SOON ? SOON : 0);
    if (likely(rc >= 0))
        return rc;
    far_lock(f);
    waiters_remove(&w->node);
    far_unlock(f);
    return wait_failed(rc);
}

int far_wait(struct far *f, struct context *c, unsigned q, void **item, const char *what,
             unsigned flags)
{
    struct far_waiting w;
    int rc = far_wait_begin(f, c, q, item ? *item : NULL, what, &w);
    if (rc < 0)
        return rc;
    rc = far_wait_end(f, c, &w, flags);
    if (item)
        *item = w.node.item;
    return rc;
}

/* --- the thread ----------------------------------------------------------------------- */

/* Under f's latch. */
static bool far_is_open(const struct far *f)
{
    /* relaxed, both: home ends it under this latch; in a worker no task has it any
     * more */
    return load_relaxed(&f->entry->id) == load_relaxed(&((struct far *)(uintptr_t)f)->id);
}

/* What a ring is for. */
static void far_tend(struct far_space *s, unsigned index, bool tick)
{
    struct far *f = far_open_in(s, &s->table[index]);
    struct list woken;
    if (!f)
        return;
    const struct far_ops *ops = far_ops_of(f);
    list_init(&woken);
    far_lock(f);
    if (!far_is_open(f)) { /* its scope has closed meanwhile: nobody is left to settle for */
        while (latch_unlock(&f->latch))
            ;
        return;
    }
    /* acquire: pairs with the buries */
    if (s->at.me == FAR_HOME && load_relaxed(&f->died) && swap_acquire(&f->died, false))
        ops->mourn(f);
    if (s->at.me == FAR_HOME && ops->verify)
        ops->verify(f);
    if (tick && s->at.me != FAR_HOME)
        far_ring(s, FAR_HOME, index); /* it may see what we cannot */
    far_settle(f, &woken);
    far_disown(f);
    ops->pass(f);
    far_unlock_to(f, &woken, false);
    waiters_wake(&woken);
}

static bool bell_serve(struct far_space *s, _Atomic uint64_t *bits, bool take, bool tick)
{
    bool any = false;
    for (unsigned i = 0; i < FAR_OBJECTS / 64; i++) {
        if (!load_relaxed(&bits[i])) /* a hint; bell_sleep looks again */
            continue;
        /* acquire: pairs with far_ring; what it was rung for is seen */
        uint64_t word = take ? swap_acquire(&bits[i], 0) : load_acquire(&bits[i]);
        any |= word != 0;
        for (; word; word &= word - 1)
            far_tend(s, i * 64 + (unsigned)__builtin_ctzll(word), tick);
    }
    return any;
}

static bool bell_silent(struct far_lane *l)
{
    for (unsigned i = 0; i < FAR_OBJECTS / 64; i++)
        if (load_relaxed(&l->rung[i])) /* what the bell tells of: see far_ring */
            return false;
    return true;
}

static void bell_sleep(struct far_space *s, struct far_lane *l)
{
    uint32_t bell = load_acquire(&l->bell); /* pairs with far_ring, far_listen_end */
    /* seq_cst: pairs with far_ring; see there */
    store_seqcst(&l->asleep, 1);
    int rc = 0;
    if (bell_silent(l) && !load_relaxed(&s->quit)) /* the bell orders it */
        rc = futex_wait_shared(&l->bell, bell, clock_now() + TICK);
    store_relaxed(&l->asleep, 0); /* a wake too many is harmless */
    if (rc == -ETIMEDOUT)
        bell_serve(s, s->waits, false, true);
}

static void *bell_main(void *arg)
{
    struct far_space *s = arg;
    struct far_lane *l = &s->lanes[s->at.me];
    pthread_setname_np(pthread_self(), "tutti-shared");
    while (!load_relaxed(&s->quit)) /* bell_sleep looks again */
        if (!bell_serve(s, l->rung, true, false))
            bell_sleep(s, l);
    return NULL;
}

static int bell_start(struct far_space *s)
{
    static const int heard[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0 };
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    int rc = thread_launch(&s->thread, &small, heard, bell_main, s);
    pthread_attr_destroy(&small);
    return rc;
}

int far_listen(struct far_space *s)
{
    int rc = 0;
    /* relaxed, all: it has all that it needs, and who ends it comes after all of this */
    if (likely(load_relaxed(&s->thread_runs)))
        return 0;
    latch_lock(&s->listen_latch);
    if (!load_relaxed(&s->thread_runs)) {
        rc = bell_start(s);
        store_relaxed(&s->thread_runs, rc == 0);
    }
    latch_unlock(&s->listen_latch);
    return rc ? why_static(-EAGAIN, "no thread for objects that processes share") : 0;
}

void far_listen_end(struct far_space *s)
{
    if (!load_relaxed(&s->thread_runs)) /* nobody starts one now */
        return;
    store_relaxed(&s->quit, true); /* the bell releases it */
    add_release(&s->lanes[s->at.me].bell, 1); /* pairs with bell_sleep; woken in any case */
    futex_wake_shared(&s->lanes[s->at.me].bell);
    pthread_join(s->thread, NULL);
}
