/* deque.c - the work-stealing deque of Chase and Lev: the owner pushes and takes at
 * the bottom, a thief steals at the top; each item goes to exactly one of them.
 *
 * bug 1  assert: take() reads top before its claim is visible
 * bug 2  assert: steal() reads bottom before top
 * bug 3  race: push() publishes before the item is written  @put @get
 * bug 4  assert: take() does not compete for the last item
 * bug 5  assert: steal() advances top without competing */
#include "bug.h"

enum { SLOTS = 4, ITEMS = 3 };
static atomic_long top, bottom;
static int slots[SLOTS];
static atomic_int got[ITEMS + 1];

static void push(int item)
{
    long b = atomic_load_explicit(&bottom, memory_order_relaxed);
    slots[b % SLOTS] = item; /* @put */
    atomic_thread_fence(ORDER(3, relaxed, release));
    atomic_store_explicit(&bottom, b + 1, memory_order_relaxed);
}

static int take(void)
{
    long b = atomic_load_explicit(&bottom, memory_order_relaxed) - 1;
    atomic_store_explicit(&bottom, b, memory_order_relaxed);
    atomic_thread_fence(ORDER(1, relaxed, seq_cst));
    long t = atomic_load_explicit(&top, memory_order_relaxed);
    int item = 0;
    if (t <= b) {
        item = slots[b % SLOTS];
        if (t < b)
            return item;
        if (BUG == 4)
            atomic_store(&top, t + 1);
        else if (!atomic_compare_exchange_strong(&top, &t, t + 1))
            item = 0;
    }
    atomic_store_explicit(&bottom, b + 1, memory_order_relaxed);
    return item;
}

static int steal(void)
{
    long t = atomic_load_explicit(&top, memory_order_acquire);
    atomic_thread_fence(ORDER(2, relaxed, seq_cst));
    long b = atomic_load_explicit(&bottom, memory_order_acquire);
    if (t >= b)
        return 0;
    int item = slots[t % SLOTS]; /* @get */
    if (BUG == 5)
        atomic_store(&top, t + 1);
    else if (!atomic_compare_exchange_strong(&top, &t, t + 1))
        return 0;
    return item;
}

static void keep(int item)
{
    if (item)
        assert(atomic_fetch_add(&got[item], 1) == 0);
}

static void *owner(void *arg)
{
    for (int i = 1; i <= ITEMS; i++)
        push(i);
    for (int i = 0; i < ITEMS; i++)
        keep(take());
    return arg;
}

static void *thief(void *arg)
{
    keep(steal());
    keep(steal());
    return arg;
}

int main(void)
{
    TOGETHER(owner, thief);
    for (int item; (item = take()) != 0;)
        keep(item);
    for (int i = 1; i <= ITEMS; i++)
        assert(got[i] == 1);
}
