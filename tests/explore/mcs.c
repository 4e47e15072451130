/* mcs.c - the queue lock of Mellor-Crummey and Scott: each waiter spins on its own
 * node.
 *
 * bug 1  livelock: the unlocker leaves although somebody is about to queue  @spin
 * bug 2  race: the hand-over is relaxed  @inside
 * bug 3  livelock: the node is linked before it says that it waits  @spin */
#include "bug.h"

struct node {
    _Atomic(struct node *) next;
    atomic_int waits;
};
static _Atomic(struct node *) tail;
static struct node nodes[2];
static int inside;

static void lock(struct node *me)
{
    atomic_store_explicit(&me->next, NULL, memory_order_relaxed);
    if (BUG != 3)
        atomic_store_explicit(&me->waits, 1, memory_order_relaxed);
    struct node *before = atomic_exchange(&tail, me);
    if (!before)
        return;
    atomic_store(&before->next, me);
    if (BUG == 3)
        atomic_store(&me->waits, 1);
    while (atomic_load_explicit(&me->waits, memory_order_acquire)) /* @spin */
        sched_yield();                                             /* @spin */
}

static void unlock(struct node *me)
{
    struct node *next = atomic_load(&me->next), *last = me;
    if (!next) {
        if (atomic_compare_exchange_strong(&tail, &last, NULL) || BUG == 1)
            return;
        while (!(next = atomic_load(&me->next)))
            sched_yield();
    }
    atomic_store_explicit(&next->waits, 0, ORDER(2, relaxed, release));
}

static void *worker(void *arg)
{
    struct node *me = &nodes[arg != NULL];
    lock(me);
    inside++; /* @inside */
    unlock(me);
    return arg;
}

int main(void)
{
    TOGETHER(worker, worker);
    assert(inside == 2);
}
