/* mpmc.c - a bounded queue for many producers and consumers: each slot carries a
 * sequence number that says whose turn it is.
 *
 * bug 1  race: a filled slot is published relaxed  @put @get
 * bug 2  race: the consumer reads the slot's number relaxed  @put @get
 * bug 3  race|assert: two producers may take one slot  @put @get @sum
 * bug 4  race: an emptied slot is given back relaxed  @put @get */
#include "bug.h"

enum { SLOTS = 2 };
static struct {
    atomic_uint turn;
    int item;
} slots[SLOTS];
static atomic_uint tail, head;
static atomic_int sum;

static bool put(int item)
{
    unsigned t = atomic_load_explicit(&tail, memory_order_relaxed);
    unsigned turn = atomic_load_explicit(&slots[t % SLOTS].turn, memory_order_acquire);
    if (turn != t)
        return false;
    if (BUG == 3)
        atomic_store(&tail, t + 1);
    else if (!atomic_compare_exchange_strong(&tail, &t, t + 1))
        return false;
    slots[t % SLOTS].item = item; /* @put */
    atomic_store_explicit(&slots[t % SLOTS].turn, t + 1, ORDER(1, relaxed, release));
    return true;
}

static bool get(int *item)
{
    unsigned h = atomic_load_explicit(&head, memory_order_relaxed);
    unsigned turn =
        atomic_load_explicit(&slots[h % SLOTS].turn, ORDER(2, relaxed, acquire));
    if (turn != h + 1 || !atomic_compare_exchange_strong(&head, &h, h + 1))
        return false;
    *item = slots[h % SLOTS].item; /* @get */
    atomic_store_explicit(&slots[h % SLOTS].turn, h + SLOTS,
                          ORDER(4, relaxed, release));
    return true;
}

static void *producer(void *arg)
{
    for (int i = 1; i <= 2; i++)
        for (int try = 0; try < 4 && !put(i); try++)
            sched_yield();
    return arg;
}

static void *consumer(void *arg)
{
    for (int try = 0, item; try < 4; try++)
        if (get(&item))
            assert((atomic_fetch_add(&sum, item), item == 1 || item == 2)); /* @sum */
    return arg;
}

int main(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        slots[i].turn = i;
    TOGETHER(producer, producer, consumer);
}
