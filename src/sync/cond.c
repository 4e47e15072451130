/* sync/cond.c - conditions.  A waiter queues here before it lets its mutex go, so no
 * signal given under the mutex is missed.  Tests: tests/lock_test.c. */
#include "core/task.h"
#include "sync/mutex.h"
#include "core/waiters.h"
#include "sync/far/far.h"

/* Holds: a node is in waiters from before its mutex is unlocked until it is signalled
 * or cut. */
struct cond {
    struct latch latch; /* guards waiters */
    struct list waiters;
};
_Static_assert(sizeof(struct cond) <= sizeof(tutti_cond), "grow tutti_cond");

static struct cond *cond_of(tutti_cond *c)
{
    return (struct cond *)(void *)c;
}

static int cond_park(struct cond *d, struct context *c, tutti_mutex *m)
{
    struct wait_node n;
    latch_lock(&d->latch);
    uint64_t ticket = wait_prepare(c, "condition", d);
    wait_node_init(&n, c, ticket, 0);
    waiters_add(&d->waiters, &n);
    latch_unlock(&d->latch);
    tutti_mutex_unlock(m); /* wakes others, but never waits itself */
    int rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
    if (likely(rc >= 0))
        return 0;
    latch_lock(&d->latch);
    waiters_remove(&n);
    latch_unlock(&d->latch);
    return rc;
}

int tutti_cond_wait(tutti_cond *public, tutti_mutex *m)
{
    if (unlikely(!public || !m))
        return why_null(__func__);
    struct context *c = context_self();
    if (far_is(public, FAR_COND))
        return far_cond_wait(public, m, c);
    if (unlikely(!mutex_mine(mutex_of(m), c)))
        return why_set(-EPERM, "%s waits for condition %p with mutex %p, which it does not "
                       "hold", task_name(c), (void *)public, (void *)m);
    int rc = context_check(c);
    if (unlikely(rc < 0))
        return rc;
    rc = cond_park(cond_of(public), c, m);
    int locked = tutti_mutex_lock(m);
    if (unlikely(locked < 0)) /* only when the executor is lost in fork() */
        return locked;
    return rc < 0 ? wait_failed(rc) : 0;
}

void tutti_cond_signal(tutti_cond *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    if (far_is(public, FAR_COND)) {
        far_cond_signal(public);
        return;
    }
    struct cond *d = cond_of(public);
    latch_lock(&d->latch);
    struct wait_node *n = waiters_claim(&d->waiters);
    latch_unlock(&d->latch);
    if (n)
        wait_wake(n->who, 0);
}

void tutti_cond_broadcast(tutti_cond *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    if (far_is(public, FAR_COND)) {
        far_cond_broadcast(public);
        return;
    }
    struct cond *d = cond_of(public);
    struct list woken;
    list_init(&woken);
    latch_lock(&d->latch);
    waiters_claim_all(&d->waiters, &woken);
    latch_unlock(&d->latch);
    waiters_wake(&woken);
}
