/* sync/far/event.c - a flag among processes.
 *
 * Design: one word: whether it is set, and how often it was set before, so that a
 * set that is cleared at once still ends the waits that had begun.  Setting it is
 * one compare-and-swap, and rings all lanes that wait.
 * Tests: tests/processes_sync_test.c. */
#include "core/task.h"
#include "core/waitable.h"
#include "sync/far/far.h"

enum { EVENT_SET = 1, EVENT_ONCE = 2 };

static uint64_t event_word(const struct far *f)
{
    return load_seqcst(&f->state->word); /* pairs with far_event_set, after far_enlist */
}

/* node.item: the word's count when it began to wait. */
static void event_enlist(struct far *f, struct wait_node *n)
{
    n->item = (void *)(uintptr_t)(event_word(f) / EVENT_ONCE);
    far_enlist(f, 0, n);
}

static bool event_is_for(const struct wait_node *n, uint64_t word)
{
    return word & EVENT_SET || (uintptr_t)n->item != word / EVENT_ONCE;
}

static void event_settle(struct far *f, struct list *woken)
{
    uint64_t word = event_word(f);
    struct wait_node *n;
    /* In order: who came later has seen no less. */
    while ((n = waiters_first(&f->waiters[0])) && event_is_for(n, word)) {
        list_remove(&n->link);
        if (wait_node_claim(n))
            list_push_back(woken, &n->link);
    }
}

static void event_pass(struct far *f)
{
    (void)f; /* all were rung */
}

const struct far_ops far_event_ops = { event_settle, event_pass, NULL, NULL, NULL };

static struct far *event_find(tutti_event *e, const char *call)
{
    struct far *f = far_find(e, FAR_EVENT);
    if (!f)
        misuse("%s: %p lies in shared memory and is no event: see tutti_event_share", call,
               (void *)e);
    return f;
}

void far_event_set(tutti_event *e)
{
    struct far *f = event_find(e, "tutti_event_set");
    uint64_t word = load_relaxed(&f->state->word); /* the CAS decides */
    far_step();
    /* seq_cst: pairs with event_word: it sees it set or we see it wait */
    while (!(word & EVENT_SET)
           && !cas_seqcst(&f->state->word, &word, (word | EVENT_SET) + EVENT_ONCE))
        ;
    far_step();
    if (!(word & EVENT_SET)) {
        far_ring_all(f, 0);
        far_poke(f);
    }
}

void far_event_clear(tutti_event *e)
{
    struct far *f = event_find(e, "tutti_event_clear");
    and_acqrel(&f->state->word, ~(uint64_t)EVENT_SET); /* as event_clear in sync/event.c */
}

int far_event_is_set(tutti_event *e)
{
    return event_word(event_find(e, "tutti_event_is_set")) & EVENT_SET;
}

int far_event_wait(tutti_event *e, struct context *c)
{
    struct far *f = far_find(e, FAR_EVENT);
    if (!f)
        return why_set(-EINVAL, "%p lies in shared memory and is no event: see "
                       "tutti_event_share", (void *)e);
    uint64_t word = event_word(f);
    if (!(word & EVENT_SET))
        far_look(f, &f->state->word, word);
    far_lock(f);
    /* Also one that was cleared since: it was set after we had come. */
    if (event_word(f) & EVENT_SET || event_word(f) / EVENT_ONCE != word / EVENT_ONCE) {
        far_unlock(f);
        return 0;
    }
    void *once = (void *)(uintptr_t)(word / EVENT_ONCE);
    int rc = far_wait(f, c, 0, &once, "event between processes", WAIT_CUTTABLE);
    return rc < 0 ? rc : 0;
}

/* --- waiting for any ------------------------------------------------------------------- */

static struct far *case_far(tutti_case *k)
{
    return far_find(k->on.event, FAR_EVENT);
}
static struct latch *case_latch(tutti_case *k, int *rc)
{
    struct far *f = case_far(k);
    *rc = -EINVAL;
    return f ? &f->latch : NULL;
}
static bool case_ready(tutti_case *k)
{
    return event_word(case_far(k)) & EVENT_SET;
}
static bool case_attempt(tutti_case *k, struct context **wake, int *outcome)
{
    (void)wake;
    (void)outcome;
    k->code = 0;
    return case_ready(k);
}
static void case_enlist(tutti_case *k, struct wait_node *n)
{
    event_enlist(case_far(k), n);
}
static void case_finish(tutti_case *k, struct wait_node *n)
{
    (void)n;
    k->code = 0;
}
static void case_unlock(tutti_case *k, struct latch *l)
{
    (void)l;
    far_unlock(case_far(k));
}
static int case_begin(tutti_case *k)
{
    return far_listen(case_far(k)->space);
}

const struct waitable far_event_waitable = { case_latch,  case_attempt, case_ready, case_enlist,
                                             case_finish, case_unlock,  case_begin, NULL };
