/* dekker.c - each of two threads raises its flag and goes in if the other's is down.
 *
 * bug 1  race: neither fence: both read the other's flag too early  @inside
 * bug 2  race: one of the two fences is missing  @inside
 * bug 3  race: the fences order nothing but acquire and release  @inside */
#include "bug.h"

static atomic_int flag[2];
static int inside;

static void enter(int me)
{
    atomic_store_explicit(&flag[me], 1, memory_order_relaxed);
    bool weak = BUG == 1 || (BUG == 2 && me == 0);
    atomic_thread_fence(weak       ? memory_order_relaxed
                        : BUG == 3 ? memory_order_acq_rel
                                   : memory_order_seq_cst);
    if (atomic_load_explicit(&flag[!me], memory_order_relaxed) == 0)
        inside++; /* @inside */
}

static void *left(void *arg)
{
    enter(0);
    return arg;
}

static void *right(void *arg)
{
    enter(1);
    return arg;
}

int main(void)
{
    TOGETHER(left, right);
    assert(inside <= 1);
}
