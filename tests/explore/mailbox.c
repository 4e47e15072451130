/* mailbox.c - one item handed from thread to thread through an atomic pointer.
 *
 * bug 1  race: handed over relaxed  @fill @read
 * bug 2  assert: put into a box that is not empty: the first item is gone
 * bug 3  race|assert: taken without emptying the box at once: two own it
 *        @read @reuse
 * bug 4  race: the giver writes on after it has handed over  @after @read */
#include "bug.h"

struct item {
    int value, owner;
};
static _Atomic(struct item *) box;
static struct item items[2];
static atomic_int taken;

static bool put(struct item *item)
{
    struct item *none = NULL;
    if (BUG == 2) {
        atomic_store(&box, item);
        return true;
    }
    return atomic_compare_exchange_strong_explicit(
        &box, &none, item, ORDER(1, relaxed, acq_rel), memory_order_relaxed);
}

static struct item *take(void)
{
    if (BUG != 3)
        return atomic_exchange_explicit(&box, NULL, memory_order_acq_rel);
    struct item *item = atomic_load(&box);
    if (item)
        atomic_store(&box, NULL);
    return item;
}

static void *giver(void *arg)
{
    for (int i = 0; i < 2; i++) {
        items[i].value = i + 1; /* @fill */
        while (!put(&items[i]))
            sched_yield();
        if (BUG == 4)
            items[i].owner = 1; /* @after */
    }
    return arg;
}

static void *taker(void *arg)
{
    while (atomic_load(&taken) < 2) {
        struct item *item = take();
        if (!item) {
            if (BUG == 2 || BUG == 3)
                return arg;
            sched_yield();
            continue;
        }
        assert(item->value > 0); /* @read */
        item->owner = 2;         /* @read @reuse */
        atomic_fetch_add(&taken, 1);
    }
    return arg;
}

static void *last_taker(void *arg)
{
    struct item *item;
    while ((item = take()) != NULL)
        atomic_fetch_add(&taken, 1);
    return arg;
}

int main(void)
{
    if (BUG == 3) {
        items[0].value = 1;
        box = &items[0];
        TOGETHER(taker, taker);
        return 0;
    }
    TOGETHER(giver, taker);
    if (BUG == 2)
        last_taker(NULL);
    assert(atomic_load(&taken) == 2);
}
