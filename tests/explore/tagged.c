/* tagged.c - Treiber's stack whose top is a pointer and a count beside it, changed
 * together by a compare-and-swap of 16 bytes; nodes are used again.
 *
 * bug 1  assert|race|livelock: no count: the top came back meanwhile (ABA)
 * bug 2  race: a pushed node is published relaxed  @fill @read
 * bug 3  race: a popped top is read relaxed  @fill @read
 * bug 4  race: the top is set back by plain stores  @plain */
#include "bug.h"
#include <stdint.h>

typedef unsigned __int128 pair; /* the node, and above it the count */

struct node {
    _Atomic(struct node *) next;
    int value;
};
static struct node nodes[3];
static pair top __attribute__((aligned(16)));
static atomic_int owner[3];

static struct node *node_of(pair p)
{
    return (struct node *)(uintptr_t)p;
}

static pair with(pair old, struct node *node)
{
    uint64_t count = BUG == 1 ? 0 : (uint64_t)(old >> 64) + 1;
    return (pair)count << 64 | (uintptr_t)node;
}

static void push(struct node *node, int value)
{
    node->value = value; /* @fill */
    pair old = __atomic_load_n(&top, __ATOMIC_RELAXED);
    do
        atomic_store_explicit(&node->next, node_of(old), memory_order_relaxed);
    while (!__atomic_compare_exchange_n(&top, &old, with(old, node), 1,
                                        ORDER(2, relaxed, release), __ATOMIC_RELAXED));
}

static struct node *pop(void)
{
    int order = ORDER(3, relaxed, acquire);
    pair old = __atomic_load_n(&top, order);
    while (node_of(old)) {
        struct node *next =
            atomic_load_explicit(&node_of(old)->next, memory_order_relaxed);
        if (__atomic_compare_exchange_n(&top, &old, with(old, next), 1, order, order))
            break;
    }
    return node_of(old);
}

static struct node *own(void)
{
    struct node *node = pop();
    if (node) {
        assert(atomic_exchange(&owner[node - nodes], 1) == 0);
        assert(node->value > 0); /* @read */
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
    struct node *mine = own();
    own();
    if (mine) {
        atomic_store(&owner[mine - nodes], 0);
        push(mine, 2);
    }
    if (BUG == 4)
        ((uint64_t *)&top)[1] = 0; /* @plain */
    return arg;
}

int main(void)
{
    for (int i = 0; i < 3; i++)
        push(&nodes[i], 1);
    TOGETHER(taker, returner);
}
