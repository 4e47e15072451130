/* sync/far/sem.c - a semaphore among processes.
 *
 * Design: every lane counts its own ups and downs.  An up is one addition to its
 * lane's count, so it needs no latch and a signal handler may do it; downs are under
 * the state's latch, and are one store.  What is there is
 *     limit + back + the sum of all ups - the sum of all downs,
 * so a lane can die at any step and nothing is counted twice or half.  What it had
 * taken in this life comes back (`back`, home's), but never so that there are more
 * units than at the beginning: a semaphore that stood at 0 tells of things done, and
 * they are done.
 * Tests: tests/processes_sync_test.c, tests/processes_sync_inside_test.c. */
#include "core/task.h"
#include "sync/far/far.h"

enum { SEM_OK, SEM_DIED, SEM_EMPTY, SEM_RUBBISH };

/* What is there.  seq_cst loads: pair with sem_up and far_enlist. */
static int64_t sem_units(const struct far *f)
{
    struct far_entry *e = f->entry;
    uint64_t n = e->limit + load_seqcst(&e->back);
    for (unsigned i = 0; i < f->space->at.lanes; i++)
        n += load_seqcst(&f->state->lane[i].up) - load_relaxed(&f->state->lane[i].down);
    return (int64_t)n; /* relaxed: downs change under the state's latch */
}

/* Under f's latch. */
static int sem_take(struct far *f)
{
    struct far_state *st = f->state;
    _Atomic uint64_t *down = &st->lane[f->space->at.me].down;
    int rc = SEM_OK;
    far_lock_state(f);
    int64_t n = sem_units(f);
    if (n <= 0 || n > INT64_C(1) << 48) {
        rc = n < 0 || n > 0 ? SEM_RUBBISH : SEM_EMPTY;
    } else {
        uint64_t died = load_relaxed(&st->word); /* under the state's latch */
        store_relaxed(down, load_relaxed(down) + 1); /* as above: this is the down */
        far_step();
        if (died) {
            store_relaxed(&st->word, died - 1); /* as above */
            rc = SEM_DIED;
        }
    }
    far_unlock_state(f);
    return rc;
}

static void sem_settle(struct far *f, struct list *woken)
{
    while (!waiters_none(&f->waiters[0])) {
        int rc = sem_take(f);
        if (rc == SEM_EMPTY)
            return;
        struct wait_node *n = waiters_claim(&f->waiters[0]);
        if (!n && rc != SEM_RUBBISH) {
            add_seqcst(&f->state->lane[f->space->at.me].up, 1); /* all were cut: back with it */
            far_step();
        }
        if (!n)
            return;
        n->index = rc;
        list_push_back(woken, &n->link);
    }
}

static void sem_pass(struct far *f)
{
    if (sem_units(f) > 0)
        far_ring_other(f, 0);
}

/* --- deaths ------------------------------------------------------------------------------ */

static void sem_bury(struct far *f, unsigned lane, bool retired)
{
    const struct far_count *n = &f->state->lane[lane];
    /* The dead do not move. */
    uint64_t held = load_relaxed(&((struct far_count *)(uintptr_t)n)->down)
                    - load_relaxed(&((struct far_count *)(uintptr_t)n)->up);
    int64_t lost = (int64_t)(held - load_relaxed(&f->marks[lane])); /* ours */
    store_relaxed(&f->marks[lane], held); /* sem_mourn may see either */
    (void)retired; /* who leaves with a unit has left it as it was, too */
    if (lost > 0)
        add_relaxed(&f->lost, (uint64_t)lost); /* the space's latch and f's order these */
    store_release(&f->died, true); /* pairs with far_tend, which is rung */
}

/* Under f's latch: as many come back as there is room for. */
static void sem_mourn(struct far *f)
{
    struct far_entry *e = f->entry;
    uint64_t lost = swap_acquire(&f->lost, 0); /* as in sem_bury */
    if (!lost)
        return;
    far_lock_state(f);
    int64_t room = (int64_t)e->limit - sem_units(f);
    for (unsigned i = 0; i < f->space->at.lanes; i++) {
        const struct far_count *n = &f->state->lane[i];
        uint64_t down = load_relaxed(&((struct far_count *)(uintptr_t)n)->down);
        uint64_t up = load_seqcst(&((struct far_count *)(uintptr_t)n)->up); /* sem_units */
        int64_t held = (int64_t)(down - up - load_relaxed(&f->marks[i])); /* sem_bury */
        room -= held > 0 ? held : 0;
    }
    if (room > 0) {
        uint64_t back = lost < (uint64_t)room ? lost : (uint64_t)room;
        add_seqcst(&e->back, back); /* as sem_up */
        /* relaxed: under the state's latch */
        store_relaxed(&f->state->word, load_relaxed(&f->state->word) + back);
    }
    far_unlock_state(f);
}

const struct far_ops far_sem_ops = { sem_settle, sem_pass, NULL, sem_bury, sem_mourn };

/* --- calls ---------------------------------------------------------------------------------- */

static int sem_code(int rc)
{
    switch (rc) {
    case SEM_OK: return 0;
    case SEM_DIED:
        return why_static(-TUTTI_EOWNERDEAD, "taken; the process that had it has died");
    case SEM_EMPTY: return -EBUSY;
    default: return far_rubbish("semaphore");
    }
}

static int sem_none(const void *s)
{
    return why_set(-EINVAL, "%p lies in shared memory and is no semaphore: see "
                   "tutti_sem_share", s);
}

int far_sem_trydown(tutti_sem *s)
{
    struct far *f = far_find(s, FAR_SEM);
    if (!f)
        return sem_none(s);
    far_lock(f);
    int rc = waiters_none(&f->waiters[0]) ? sem_take(f) : SEM_EMPTY;
    far_unlock(f);
    return sem_code(rc);
}

int far_sem_down(tutti_sem *s, struct context *c)
{
    struct far *f = far_find(s, FAR_SEM);
    if (!f)
        return sem_none(s);
    far_lock(f);
    int rc = waiters_none(&f->waiters[0]) ? sem_take(f) : SEM_EMPTY;
    if (rc != SEM_EMPTY) {
        far_unlock(f);
        return sem_code(rc);
    }
    rc = far_wait(f, c, 0, NULL, "semaphore between processes", WAIT_CUTTABLE);
    return rc < 0 ? rc : sem_code(rc);
}

void far_sem_up(tutti_sem *s)
{
    struct far *f = far_find(s, FAR_SEM);
    if (!f)
        misuse("tutti_sem_up: %p lies in shared memory and is no semaphore", (void *)s);
    far_step();
    /* seq_cst: pairs with sem_units after far_enlist: it sees the unit or we see it
     * wait */
    add_seqcst(&f->state->lane[f->space->at.me].up, 1);
    far_step();
    int next = far_next(f, 0);
    if (next == (int)f->space->at.me)
        far_poke(f);
    else if (next >= 0)
        far_ring(f->space, (unsigned)next, far_index(f));
}
