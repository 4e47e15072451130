/* sync/far/cond.c - a condition among processes.
 *
 * Design: a signal is a token for one lane that waits, whose thread wakes as many of
 * its own as it has tokens and passes the rest on.  A broadcast is one addition to
 * the word; who had begun to wait before it sees another number than it had noted.
 * Wakes may be spurious, by the header: a worker's death is a broadcast, since what
 * the others wait for may have been its to do.
 * Tests: tests/processes_meet_test.c, tests/processes_sync_inside_test.c. */
#include "core/task.h"
#include "sync/far/far.h"

static _Atomic uint64_t *cond_tokens(const struct far *f, unsigned lane)
{
    return &f->state->lane[lane].up;
}

static void cond_settle(struct far *f, struct list *woken)
{
    uint64_t word = load_seqcst(&f->state->word); /* pairs with far_cond_broadcast */
    _Atomic uint64_t *tokens = cond_tokens(f, f->space->at.me);
    struct wait_node *n;
    while ((n = waiters_first(&f->waiters[0]))) {
        bool all = (uintptr_t)n->item != (uintptr_t)word;
        if (!all && !load_seqcst(tokens)) /* pairs with cond_give */
            return;
        list_remove(&n->link);
        if (!wait_node_claim(n))
            continue;
        if (!all)
            sub_relaxed(tokens, 1); /* ours; who gives more adds */
        list_push_back(woken, &n->link);
    }
}

static void cond_give(struct far *f, unsigned lane, uint64_t n)
{
    /* seq_cst: pairs with cond_settle, which comes after the ring */
    add_seqcst(cond_tokens(f, lane), n);
    far_step();
    if (lane == f->space->at.me)
        far_poke(f);
    else
        far_ring(f->space, lane, far_index(f));
}

static void cond_pass(struct far *f)
{
    _Atomic uint64_t *tokens = cond_tokens(f, f->space->at.me);
    /* relaxed: those that come now ring */
    if (!waiters_none(&f->waiters[0]) || !load_relaxed(tokens))
        return;
    uint64_t n = swap_acqrel(tokens, 0); /* as in cond_give */
    int next = far_next_other(f, 0);
    far_step();
    if (next >= 0)
        cond_give(f, (unsigned)next, n);
}

static void cond_bury(struct far *f, unsigned lane, bool retired)
{
    store_relaxed(cond_tokens(f, lane), 0); /* the next of that lane has not begun */
    if (!retired)
        add_seqcst(&f->state->word, 1); /* as far_cond_broadcast; who waits is rung */
}

const struct far_ops far_cond_ops = { cond_settle, cond_pass, NULL, cond_bury, NULL };

int far_cond_wait(tutti_cond *d, tutti_mutex *m, struct context *c)
{
    struct far *f = far_find(d, FAR_COND);
    struct far_waiting w;
    if (!f)
        return why_set(-EINVAL, "%p lies in shared memory and is no condition: see "
                       "tutti_cond_share", (void *)d);
    if (!far_is(m, FAR_MUTEX) || !far_mutex_mine(m, c))
        return why_set(-EPERM, "%s waits for a shared condition with a mutex that is not, or "
                       "that it does not hold", task_name(c));
    int rc = context_check(c);
    if (rc < 0)
        return rc;
    far_lock(f);
    /* acquire: any number will do that is not newer than the wait */
    void *noted = (void *)(uintptr_t)load_acquire(&f->state->word);
    rc = far_wait_begin(f, c, 0, noted, "condition between processes", &w);
    if (rc < 0)
        return rc;
    far_mutex_unlock(m, c); /* wakes others, but never waits itself */
    c->locks--;
    rc = far_wait_end(f, c, &w, WAIT_CUTTABLE);
    int locked = far_mutex_lock(m, c, 0);
    return locked < 0 ? locked : rc < 0 ? wait_failed(rc) : 0;
}

static struct far *cond_find(tutti_cond *d, const char *call)
{
    struct far *f = far_find(d, FAR_COND);
    if (!f)
        misuse("%s: %p lies in shared memory and is no condition: see tutti_cond_share",
               call, (void *)d);
    return f;
}

void far_cond_signal(tutti_cond *d)
{
    struct far *f = cond_find(d, "tutti_cond_signal");
    int next = far_next(f, 0);
    far_step();
    if (next >= 0)
        cond_give(f, (unsigned)next, 1);
}

void far_cond_broadcast(tutti_cond *d)
{
    struct far *f = cond_find(d, "tutti_cond_broadcast");
    far_step();
    /* seq_cst: pairs with far_enlist: it sees the number or we see it wait */
    add_seqcst(&f->state->word, 1);
    far_step();
    far_ring_all(f, 0);
    far_poke(f);
}
