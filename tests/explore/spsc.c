/* spsc.c - a ring between one producer and one consumer, two indexes and no lock.
 *
 * bug 1  race: the producer publishes its index relaxed  @put @get
 * bug 2  race: the consumer reads that index relaxed  @put @get
 * bug 3  race: the consumer gives a slot back relaxed: overwritten while read
 *        @put @get
 * bug 4  race|assert: the ring counts as full one slot too late
 *        @put @get @check */
#include "bug.h"

enum { SLOTS = 2, ITEMS = 4 };
static atomic_uint head, tail;
static int slots[SLOTS];

static bool send(int item)
{
    unsigned t = atomic_load_explicit(&tail, memory_order_relaxed);
    unsigned h = atomic_load_explicit(&head, memory_order_acquire);
    if (t - h == SLOTS + (BUG == 4))
        return false;
    slots[t % SLOTS] = item; /* @put */
    atomic_store_explicit(&tail, t + 1, ORDER(1, relaxed, release));
    return true;
}

static bool receive(int *item)
{
    unsigned h = atomic_load_explicit(&head, memory_order_relaxed);
    unsigned t = atomic_load_explicit(&tail, ORDER(2, relaxed, acquire));
    if (h == t)
        return false;
    *item = slots[h % SLOTS]; /* @get */
    atomic_store_explicit(&head, h + 1, ORDER(3, relaxed, release));
    return true;
}

static void *producer(void *arg)
{
    for (int i = 1; i <= ITEMS; i++)
        while (!send(i))
            sched_yield();
    return arg;
}

static void *consumer(void *arg)
{
    for (int i = 1, item; i <= ITEMS; i++) {
        while (!receive(&item))
            sched_yield();
        assert(item == i); /* @check */
    }
    return arg;
}

int main(void)
{
    TOGETHER(producer, consumer);
}
