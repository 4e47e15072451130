/* iriw.c - two writers, two readers: the readers must agree which write came first.
 *
 * bug 1  assert: reads that only acquire: each reader may see its own order
 * bug 2  assert: one of the readers reads relaxed */
#include "bug.h"

static atomic_int x, y;
static int first_x, then_y, first_y, then_x;

static void *write_x(void *arg)
{
    atomic_store_explicit(&x, 1, ORDER(1, release, seq_cst));
    return arg;
}

static void *write_y(void *arg)
{
    atomic_store_explicit(&y, 1, ORDER(1, release, seq_cst));
    return arg;
}

static void *read_xy(void *arg)
{
    first_x = atomic_load_explicit(&x, ORDER(1, acquire, seq_cst));
    then_y = atomic_load_explicit(&y, ORDER(1, acquire, seq_cst));
    return arg;
}

static void *read_yx(void *arg)
{
    first_y = atomic_load_explicit(&y, BUG == 1   ? memory_order_acquire
                                       : BUG == 2 ? memory_order_relaxed
                                                  : memory_order_seq_cst);
    then_x = atomic_load_explicit(&x, BUG == 1   ? memory_order_acquire
                                      : BUG == 2 ? memory_order_relaxed
                                                 : memory_order_seq_cst);
    return arg;
}

int main(void)
{
    TOGETHER(write_x, write_y, read_xy, read_yx);
    assert(!(first_x == 1 && then_y == 0 && first_y == 1 && then_x == 0));
}
