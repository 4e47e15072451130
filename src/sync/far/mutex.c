/* sync/far/mutex.c - a mutex among processes.
 *
 * Design: one word names the holder: its lane and its context there, so taking and
 * freeing it are one compare-and-swap each, and there is no moment at which a dead
 * holder is not known.  With somebody waiting, unlock reserves it for the next lane
 * that waits, in turns, and that lane's thread gives it to the context that has
 * waited longest there.
 * Tests: tests/processes_sync_test.c, tests/processes_sync_inside_test.c. */
#include "base/clock.h"
#include "core/task.h"
#include "sync/far/far.h"

/* word = context >> 3 << 16 | lane + 1 << 4 | MUTEX_DIED or not.  lane + 1 == 0: it
 * is free; context == 0: reserved for that lane.  MUTEX_DIED: with it free or
 * reserved, who held it has died and nobody knows. */
enum { MUTEX_DIED = 1, LANE_SHIFT = 4, LANE_BITS = 0xfff, CONTEXT_SHIFT = 16 };
enum { DOUBT = 1000000000 }; /* ns that a word stands though its lane does not say that it
                                holds it, or does not take what is reserved for it */

static uint64_t word_of(const struct far *f, const struct context *c)
{
    return (uint64_t)(uintptr_t)c >> 3 << CONTEXT_SHIFT
           | (uint64_t)(f->space->at.me + 1) << LANE_SHIFT;
}
static unsigned lane_of(uint64_t word) /* + 1 */
{
    return word >> LANE_SHIFT & LANE_BITS;
}
static bool is_free(uint64_t word)
{
    return lane_of(word) == 0;
}
static bool is_for_us(const struct far *f, uint64_t word)
{
    return lane_of(word) == f->space->at.me + 1 && word >> CONTEXT_SHIFT == 0;
}

/* It is c's, one of ours, from now on. */
static int mutex_got(struct far *f, struct context *c, bool died)
{
    far_step();
    far_holds(f, true);
    store_relaxed(&f->holder, c); /* c alone looks for itself there */
    c->locks++;
    return died ? why_static(-TUTTI_EOWNERDEAD, "locked; the process that held it has died")
                : 0;
}

/* --- settling -------------------------------------------------------------------------- */

/* The word is for us and is changed by nobody else: give it to the first of ours that can
 * still be had.  False: none. */
static bool mutex_give(struct far *f, struct list *woken, bool died)
{
    struct wait_node *n = waiters_claim(&f->waiters[0]);
    if (!n)
        return false;
    /* seq_cst: as the other changes of the word */
    store_seqcst(&f->state->word, word_of(f, n->who));
    far_step();
    n->index = died;
    list_push_back(woken, &n->link);
    return true;
}

/* Nobody of ours wants it: to the next lane, else free. */
static void mutex_pass_on(struct far *f, uint64_t died)
{
    int next = far_next_other(f, 0);
    uint64_t to = next < 0 ? died : (uint64_t)(next + 1) << LANE_SHIFT | died;
    store_seqcst(&f->state->word, to); /* ours to change; pairs with far_enlist */
    far_step();
    if (next < 0) /* who enlisted in between found it reserved for us */
        next = far_next_other(f, 0);
    if (next >= 0)
        far_ring(f->space, (unsigned)next, far_index(f));
}

static void mutex_settle(struct far *f, struct list *woken)
{
    struct far_state *st = f->state;
    uint64_t word = load_seqcst(&st->word); /* pairs with the unlock: see far_nobody */
    while (is_free(word) || is_for_us(f, word)) {
        struct wait_node *first = waiters_first(&f->waiters[0]);
        if (!first && !is_for_us(f, word))
            return;
        uint64_t died = word & MUTEX_DIED;
        /* Reserved for us: so no other lane takes it while we look for who gets it,
         * and who is dead now is found by our lane. */
        uint64_t ours = (uint64_t)(f->space->at.me + 1) << LANE_SHIFT | died;
        if (!cas_seqcst(&st->word, &word, ours))
            continue;
        far_step();
        if (!mutex_give(f, woken, died))
            mutex_pass_on(f, died);
        return;
    }
}

static void mutex_pass(struct far *f)
{
    uint64_t word = load_seqcst(&f->state->word); /* as in mutex_settle */
    if (is_for_us(f, word) && waiters_none(&f->waiters[0]))
        mutex_pass_on(f, word & MUTEX_DIED);
    else if (is_free(word))
        far_ring_other(f, 0);
}

/* --- deaths and doubts ------------------------------------------------------------------- */

static void mutex_bury(struct far *f, unsigned lane, bool retired)
{
    (void)retired; /* who leaves with it has left it as it was, too */
    uint64_t word = load_seqcst(&f->state->word);
    uint64_t held = word >> CONTEXT_SHIFT ? MUTEX_DIED : word & MUTEX_DIED;
    if (lane_of(word) == lane + 1)
        cas_seqcst(&f->state->word, &word, held); /* lost: others may do so, too */
}

static void mutex_verify(struct far *f)
{
    const struct far_space *s = f->space;
    uint64_t word = load_acquire(&f->state->word);
    unsigned lane = lane_of(word) - 1;
    int64_t now = clock_now();
    if (word != f->seen_word || is_free(word)) {
        f->seen_word = word;
        f->seen_since = now;
        return;
    }
    if (now - f->seen_since < DOUBT)
        return;
    bool stands;
    if (lane == s->at.me)
        stands = (word >> CONTEXT_SHIFT)
                 && word >> CONTEXT_SHIFT
                        == (uint64_t)(uintptr_t)load_relaxed(&f->holder) >> 3;
    else if (lane >= s->at.lanes || s->host.lane_is(s->host.ctx, lane) == FAR_GONE)
        stands = false;
    else
        stands = s->host.lane_is(s->host.ctx, lane) == FAR_STOPPED
                 || s->host.lane_mark(s->host.ctx, lane, far_index(f)) & FAR_HOLDS;
    if (stands)
        return;
    uint64_t held = word >> CONTEXT_SHIFT ? MUTEX_DIED : word & MUTEX_DIED;
    if (cas_seqcst(&f->state->word, &word, held)) /* lost: it has moved */
        far_ring_other(f, 0); /* ours are settled next */
}

const struct far_ops far_mutex_ops = { mutex_settle, mutex_pass, mutex_verify, mutex_bury,
                                       NULL };

/* --- calls ---------------------------------------------------------------------------------- */

static int mutex_none(const void *m)
{
    return why_set(-EINVAL, "%p lies in shared memory and is no mutex: see "
                   "tutti_mutex_share", m);
}

/* 0, -TUTTI_EOWNERDEAD, -EDEADLK, or -EBUSY; *seen: what was there. */
static int mutex_try(struct far *f, struct context *c, uint64_t *seen)
{
    uint64_t word = load_relaxed(&f->state->word); /* the CAS decides */
    far_step();
    while (is_free(word))
        /* seq_cst: as the other changes; pairs with who freed it */
        if (cas_seqcst(&f->state->word, &word, word_of(f, c)))
            return mutex_got(f, c, word & MUTEX_DIED);
    *seen = word;
    if (word == word_of(f, c))
        return why_set(-EDEADLK, "%s holds the mutex already and would wait for itself",
                       task_name(c));
    return -EBUSY;
}

int far_mutex_trylock(tutti_mutex *m, struct context *c)
{
    struct far *f = far_find(m, FAR_MUTEX);
    uint64_t seen;
    int rc = f ? mutex_try(f, c, &seen) : mutex_none(m);
    return rc == -EDEADLK ? -EBUSY : rc;
}

int far_mutex_lock(tutti_mutex *m, struct context *c, unsigned flags)
{
    struct far *f = far_find(m, FAR_MUTEX);
    uint64_t seen;
    if (!f)
        return mutex_none(m);
    int rc = mutex_try(f, c, &seen);
    if (rc != -EBUSY)
        return rc;
    far_look(f, &f->state->word, seen);
    rc = mutex_try(f, c, &seen);
    if (rc != -EBUSY)
        return rc;
    far_lock(f);
    rc = far_wait(f, c, 0, NULL, "mutex between processes", flags);
    return rc < 0 ? rc : mutex_got(f, c, rc);
}

bool far_mutex_mine(tutti_mutex *m, const struct context *c)
{
    const struct far *f = far_find(m, FAR_MUTEX);
    return f && load_relaxed(&f->holder) == c; /* only c itself makes it c's */
}

/* Somebody waits, or the word is not what c has left there. */
static void mutex_unlock_slow(struct far *f, const struct context *c, uint64_t died)
{
    struct list woken;
    uint64_t word = word_of(f, c);
    list_init(&woken);
    far_lock(f);
    /* Reserved for our lane meanwhile: as mutex_settle.  Lost: rubbish, or home
     * doubted that we hold it, and it is somebody else's now. */
    uint64_t ours = (uint64_t)(f->space->at.me + 1) << LANE_SHIFT | died;
    if (cas_seqcst(&f->state->word, &word, ours)) {
        int next = far_next(f, 0); /* in turns; some of ours may be first */
        if (next != (int)f->space->at.me || !mutex_give(f, &woken, died))
            mutex_pass_on(f, died);
    }
    far_unlock(f);
    waiters_wake(&woken);
}

static void mutex_free(struct far *f, const struct context *c, uint64_t died)
{
    uint64_t word = word_of(f, c);
    far_holds(f, false);
    store_relaxed(&f->holder, NULL); /* as in mutex_got */
    far_step();
    /* seq_cst: as the others; and pairs with far_enlist: either it finds it free or
     * we find it waiting */
    if (!far_nobody(f, 0) || !cas_seqcst(&f->state->word, &word, died)) {
        mutex_unlock_slow(f, c, died);
        return;
    }
    far_step();
    int next = far_next(f, 0);
    if (next >= 0)
        far_ring(f->space, (unsigned)next, far_index(f));
}

void far_mutex_unlock(tutti_mutex *m, struct context *c)
{
    struct far *f = far_find(m, FAR_MUTEX);
    if (!f)
        misuse("%s unlocks %p, which lies in shared memory and is no mutex", task_name(c),
               (void *)m);
    if (load_relaxed(&f->holder) != c) /* as in far_mutex_mine */
        misuse("%s unlocks mutex %p, which it does not hold", task_name(c), (void *)m);
    mutex_free(f, c, 0);
}

void far_abandon(struct context *c)
{
    struct far_space *s = NULL;
    for (unsigned k = 0; k < FAR_SPACES; k++) {
        s = far_space_number(k);
        for (unsigned i = 0; s && i < FAR_OBJECTS; i++) {
            struct far *f = &s->objects[i];
            /* relaxed: only c makes it c's */
            if (load_relaxed(&f->holder) == c && far_open(f->entry)) {
                mutex_free(f, c, MUTEX_DIED);
                c->locks--;
            }
        }
    }
}
