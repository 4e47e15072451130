/* core/waiters.c - see waiters.h.
 * Tests: tests/lock_test.c, tests/sync_test.c, tests/wait_test.c. */
#include "core/waiters.h"

int waiters_park(struct context *c, const char *what, void *object, struct latch *l,
                 const struct settled *of)
{
    struct wait_node n;
    struct list woken;
    list_init(&woken);
    latch_lock(l);
    uint64_t ticket = wait_prepare(c, what, object);
    wait_node_init(&n, c, ticket, 0);
    of->add(object, &n);
    of->unlock(object, &woken);
    waiters_wake(&woken); /* the caller itself, perhaps */
    int rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
    if (likely(rc >= 0))
        return 0;
    latch_lock(l);
    waiters_remove(&n);
    of->unlock(object, &woken);
    waiters_wake(&woken);
    return wait_failed(rc);
}
