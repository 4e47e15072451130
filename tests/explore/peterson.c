/* peterson.c - Peterson's lock for two threads, with sequentially consistent accesses.
 *
 * bug 1  race: acquire and release do not keep a store before a later load  @inside
 * bug 2  race: the turn is given before the wish is shown  @inside */
#include "bug.h"

static atomic_int wish[2], turn;
static int inside;

static void lock(int me)
{
    if (BUG == 2)
        atomic_store(&turn, !me);
    atomic_store_explicit(&wish[me], 1, ORDER(1, release, seq_cst));
    if (BUG != 2)
        atomic_store_explicit(&turn, !me, ORDER(1, release, seq_cst));
    while (atomic_load_explicit(&wish[!me], ORDER(1, acquire, seq_cst)) &&
           atomic_load_explicit(&turn, ORDER(1, acquire, seq_cst)) == !me)
        sched_yield();
}

static void unlock(int me)
{
    atomic_store_explicit(&wish[me], 0, memory_order_release);
}

static void *worker(void *arg)
{
    int me = arg != NULL;
    for (int i = 0; i < 2; i++) {
        lock(me);
        inside++; /* @inside */
        unlock(me);
    }
    return arg;
}

int main(void)
{
    TOGETHER(worker, worker);
    assert(inside == 4);
}
