/* sync/far/barrier.c - a barrier among processes.
 *
 * Design: all of it is one word, so that to come is one compare-and-swap: how many
 * have come in this round, whether it is broken, which round it is, and how the last
 * ones ended, for those who hear of it late.  A worker that dies in a task that has
 * come to the barrier, ever, may be missed in any round, so that breaks it for good,
 * until tutti_barrier_init.
 * Tests: tests/processes_meet_test.c, tests/processes_sync_inside_test.c. */
#include "core/task.h"
#include "sync/far/far.h"

enum { WHOLE = 0, CUT = 1, DIED = 2 }; /* how a round is, and an outcome */
enum {
    COME = 0xffff,      /* how many have come */
    BROKEN_SHIFT = 16,  /* two bits: how this round is */
    PAST_SHIFT = 18,    /* two bits each: how the last rounds were, the latest first */
    PAST_BITS = 14,
    ROUND_SHIFT = 32
};

static unsigned broken_of(uint64_t word)
{
    return word >> BROKEN_SHIFT & 3;
}
static uint32_t round_of(uint64_t word)
{
    return (uint32_t)(word >> ROUND_SHIFT);
}
/* The round after: nobody has come, and the past has one more. */
static uint64_t next_round(uint64_t word)
{
    uint64_t past = word >> PAST_SHIFT & ((1 << PAST_BITS) - 1);
    past = (past << 2 | broken_of(word)) & ((1 << PAST_BITS) - 1);
    return (uint64_t)(round_of(word) + 1) << ROUND_SHIFT | past << PAST_SHIFT;
}
/* How round r was, or is; -1: it is not decided. */
static int how_it_was(uint64_t word, uint32_t r)
{
    uint32_t ago = round_of(word) - r;
    if (ago == 0)
        return broken_of(word) ? (int)broken_of(word) : -1;
    if (ago > PAST_BITS / 2) /* nobody of that round can be here but by rubbish */
        return broken_of(word) == DIED ? DIED : CUT;
    /* One that was complete stays so, whoever of it has died since. */
    return (int)(word >> (PAST_SHIFT + 2 * (ago - 1)) & 3);
}

static void barrier_settle(struct far *f, struct list *woken)
{
    /* seq_cst: pairs with barrier_come, after far_enlist */
    uint64_t word = load_seqcst(&f->state->word);
    struct wait_node *n;
    int how;
    /* In order: who enlisted later waits for the same round or a later one. */
    while ((n = waiters_first(&f->waiters[0]))
           && (how = how_it_was(word, (uint32_t)(uintptr_t)n->item)) >= 0) {
        list_remove(&n->link);
        if (!wait_node_claim(n))
            continue;
        n->index = how;
        list_push_back(woken, &n->link);
    }
}

static void barrier_pass(struct far *f)
{
    (void)f; /* all were rung */
}

static void barrier_break(struct far *f, uint32_t r, unsigned how)
{
    uint64_t word = load_relaxed(&f->state->word); /* the CAS decides */
    while ((round_of(word) == r || how == DIED) && broken_of(word) < how) {
        uint64_t to = word & ~(UINT64_C(3) << BROKEN_SHIFT);
        to |= (uint64_t)how << BROKEN_SHIFT;
        if (cas_seqcst(&f->state->word, &word, to)) /* pairs with barrier_settle */
            break;
    }
}

static void barrier_bury(struct far *f, unsigned lane, bool retired)
{
    /* acquire: pairs with far_came */
    if (!retired && load_acquire(&f->state->been[0][lane / 64]) >> lane % 64 & 1)
        barrier_break(f, 0, DIED);
}

const struct far_ops far_barrier_ops = { barrier_settle, barrier_pass, NULL, barrier_bury,
                                         NULL };

static int barrier_code(int how)
{
    if (how == WHOLE)
        return 0;
    return how == CUT ? why_static(-ECANCELED,
                                   "another of this round of the barrier was cut off")
                      : why_static(-TUTTI_EOWNERDEAD, "a process that came to the barrier "
                                                      "has died");
}

/* cut: it comes to say that it does not.  *last: the round is complete. */
static uint64_t barrier_come(struct far *f, bool cut, bool *last)
{
    uint64_t word = load_relaxed(&f->state->word), to; /* the CAS decides */
    far_step();
    do {
        *last = (word & COME) + 1 >= f->entry->limit;
        to = *last && broken_of(word) != DIED ? next_round(word) : word + 1;
        if ((word & COME) == COME) /* rubbish, or broken for good */
            to = word;
        if (cut && !*last && !broken_of(word))
            to |= (uint64_t)CUT << BROKEN_SHIFT;
        /* seq_cst: pairs with barrier_settle, after far_enlist */
    } while (!cas_seqcst(&f->state->word, &word, to));
    far_step();
    return word;
}

int far_barrier_wait(tutti_barrier *b, struct context *c)
{
    struct far *f = far_find(b, FAR_BARRIER);
    bool last;
    if (!f)
        return why_set(-EINVAL, "%p lies in shared memory and is no barrier: see "
                       "tutti_barrier_share", (void *)b);
    int rc = context_check(c);
    if (f->space->at.me != FAR_HOME) {
        far_lock(f);
        far_came(f, 0);
        far_unlock(f);
    }
    uint64_t word = barrier_come(f, rc < 0, &last);
    if (last || rc < 0) {
        far_ring_all(f, 0);
        far_poke(f);
    }
    if (rc < 0 || broken_of(word) || last)
        return rc < 0 ? rc : broken_of(word) ? barrier_code((int)broken_of(word)) : 1;
    void *round = (void *)(uintptr_t)round_of(word);
    far_look(f, &f->state->word, word + 1);
    far_lock(f);
    /* acquire: pairs with barrier_come; and it is no older than what those have seen who
     * stand before us, under the latch */
    int how = how_it_was(load_acquire(&f->state->word), round_of(word));
    if (how >= 0) { /* decided meanwhile: not to stand behind those of a later round */
        far_unlock(f);
        return barrier_code(how);
    }
    rc = far_wait(f, c, 0, &round, "barrier between processes", WAIT_CUTTABLE);
    if (rc >= 0)
        return barrier_code(rc);
    barrier_break(f, round_of(word), CUT);
    far_ring_all(f, 0);
    far_poke(f);
    return rc;
}

void far_barrier_init(tutti_barrier *b)
{
    struct far *f = far_find(b, FAR_BARRIER);
    if (!f)
        misuse("tutti_barrier_init: %p lies in shared memory and is no barrier: see "
               "tutti_barrier_share", (void *)b);
    /* Those of the past have gone; any word will do whose round they did not wait for. */
    uint64_t word = load_relaxed(&f->state->word);
    store_seqcst(&f->state->word, (uint64_t)(round_of(word) + 1) << ROUND_SHIFT);
}
