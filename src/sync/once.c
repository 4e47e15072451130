/* sync/once.c - run once, whoever comes first; the others wait for its code.
 * Tests: tests/sync_test.c. */
#include "core/task.h"
#include "core/waiters.h"
#include <tutti/sync.h>

enum { ONCE_FRESH, ONCE_RUNNING, ONCE_DONE };

/* Holds: runner is set while ONCE_RUNNING, code once ONCE_DONE; then nobody waits. */
struct once {
    struct latch latch; /* guards all; state and code may be read once it is ONCE_DONE */
    _Atomic uint32_t state;
    union {
        struct context *runner;
        int code;
    } by;
    struct list waiters;
};
_Static_assert(sizeof(struct once) <= sizeof(tutti_once), "grow tutti_once");

static struct once *once_of(tutti_once *o)
{
    return (struct once *)(void *)o;
}

static int once_run(struct once *o, tutti_fn *fn, void *arg)
{
    struct list woken;
    list_init(&woken);
    int code = fn(arg);
    latch_lock(&o->latch);
    o->by.code = code;
    store_release(&o->state, ONCE_DONE); /* pairs with tutti_once_do: fn's work is seen */
    waiters_claim_all(&o->waiters, &woken);
    latch_unlock(&o->latch);
    waiters_wake(&woken);
    return code;
}

static int once_park(struct once *o, struct context *c)
{
    struct wait_node n;
    uint64_t ticket = wait_prepare(c, "once", o);
    wait_node_init(&n, c, ticket, 0);
    waiters_add(&o->waiters, &n);
    latch_unlock(&o->latch);
    int rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
    if (likely(rc >= 0))
        return o->by.code; /* seen by the wake */
    latch_lock(&o->latch);
    waiters_remove(&n);
    latch_unlock(&o->latch);
    return wait_failed(rc);
}

int tutti_once_do(tutti_once *public, tutti_fn *fn, void *arg)
{
    if (unlikely(!public || !fn))
        return why_null(__func__);
    struct once *o = once_of(public);
    struct context *c = context_self();
    int rc = context_check(c);
    if (unlikely(rc < 0))
        return rc;
    if (likely(load_acquire(&o->state) == ONCE_DONE)) /* pairs with once_run */
        return o->by.code;
    latch_lock(&o->latch);
    uint32_t state = load_relaxed(&o->state); /* the latch orders it */
    if (state == ONCE_RUNNING && o->by.runner != c)
        return once_park(o, c); /* lets the latch go */
    if (state == ONCE_FRESH) {
        o->by.runner = c;
        store_relaxed(&o->state, ONCE_RUNNING); /* the latch orders it */
    }
    latch_unlock(&o->latch);
    if (state == ONCE_DONE)
        return o->by.code;
    if (state == ONCE_RUNNING)
        return why_set(-EDEADLK, "%s runs once %p and would wait for itself", task_name(c),
                       (void *)o);
    return once_run(o, fn, arg);
}
