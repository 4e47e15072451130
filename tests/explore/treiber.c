/* treiber.c - Treiber's stack over a fixed set of nodes; what is popped is used again,
 * so the top carries a count that makes a top that came back another one.
 *
 * bug 1  assert|race|livelock: no count: the top came back meanwhile (ABA)
 * bug 2  race: a pushed node is published relaxed  @fill @read
 * bug 3  race: a popped top is read relaxed  @fill @read */
#include "bug.h"
#include <stdint.h>

enum { NODES = 3 };
static struct {
    atomic_uint next; /* number of the node below, 0: none */
    int value;
} nodes[NODES + 1];
static _Atomic uint64_t top; /* count and number of the node on top */
static atomic_int owner[NODES + 1];

static uint64_t with(uint64_t old, unsigned node)
{
    uint64_t count = BUG == 1 ? 0 : (old >> 32) + 1;
    return count << 32 | node;
}

static void push(unsigned node, int value)
{
    nodes[node].value = value; /* @fill */
    uint64_t old = atomic_load_explicit(&top, memory_order_relaxed);
    do
        atomic_store_explicit(&nodes[node].next, (unsigned)old, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &top, &old, with(old, node), ORDER(2, relaxed, release), memory_order_relaxed));
}

static unsigned pop(void)
{
    uint64_t old = atomic_load_explicit(&top, ORDER(3, relaxed, acquire));
    while ((unsigned)old) {
        unsigned next =
            atomic_load_explicit(&nodes[(unsigned)old].next, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&top, &old, with(old, next),
                                                  ORDER(3, relaxed, acquire),
                                                  ORDER(3, relaxed, acquire)))
            break;
    }
    return (unsigned)old;
}

static unsigned own(void)
{
    unsigned node = pop();
    if (node) {
        assert(atomic_exchange(&owner[node], 1) == 0);
        assert(nodes[node].value > 0); /* @read */
    }
    return node;
}

static void *taker(void *arg)
{
    own();
    own();
    return arg;
}

static void *returner(void *arg)
{
    unsigned mine = own();
    own();
    if (mine) {
        atomic_store(&owner[mine], 0);
        push(mine, 2);
    }
    return arg;
}

int main(void)
{
    for (unsigned i = 1; i <= NODES; i++)
        push(i, 1);
    TOGETHER(taker, returner);
}
