/* seqlock.c - a pair of numbers under a sequence lock: readers retry when the sequence
 * moved or is odd.
 *
 * bug 1  assert: the reader's second look at the sequence may come too early
 * bug 2  assert: the writer's values may become visible before the odd sequence
 * bug 3  assert: an odd sequence is taken for a quiet one
 * bug 4  assert: the sequence becomes even again before the values are written */
#include "bug.h"

static atomic_uint sequence;
static atomic_int first, second;

static void *writer(void *arg)
{
    for (int i = 1; i <= 2; i++) {
        unsigned s = atomic_load_explicit(&sequence, memory_order_relaxed);
        atomic_store_explicit(&sequence, s + 1, memory_order_relaxed);
        atomic_thread_fence(ORDER(2, relaxed, release));
        if (BUG == 4)
            atomic_store_explicit(&sequence, s + 2, memory_order_release);
        atomic_store_explicit(&first, i, memory_order_relaxed);
        atomic_store_explicit(&second, i, memory_order_relaxed);
        if (BUG != 4)
            atomic_store_explicit(&sequence, s + 2, memory_order_release);
    }
    return arg;
}

static void *reader(void *arg)
{
    for (int try = 0; try < 3; try++) {
        unsigned s = atomic_load_explicit(&sequence, memory_order_acquire);
        if (s % 2 && BUG != 3)
            continue;
        int a = atomic_load_explicit(&first, memory_order_relaxed);
        int b = atomic_load_explicit(&second, memory_order_relaxed);
        atomic_thread_fence(ORDER(1, relaxed, acquire));
        if (atomic_load_explicit(&sequence, memory_order_relaxed) == s)
            assert(a == b);
    }
    return arg;
}

int main(void)
{
    TOGETHER(writer, reader);
}
