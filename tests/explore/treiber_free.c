/* treiber_free.c - a stack whose nodes are freed: they are kept until all have ended.
 *
 * bug 1  heap|race: a popped node is freed while another reads its next
 *        @next @free
 * bug 2  assert: push gives up after one try and the item is lost
 * bug 3  race: next of a node is written after it was published  @late @next */
#include "bug.h"

struct node {
    struct node *next, *kept;
    int value;
};
static _Atomic(struct node *) top;
static atomic_int sum;
static struct node *kept[2];

static void push(int value)
{
    struct node *node = malloc(sizeof *node);
    node->value = value;
    node->next = atomic_load(&top);
    if (BUG == 2) {
        struct node *old = node->next;
        atomic_compare_exchange_strong(&top, &old, node);
        return;
    }
    if (BUG == 3) {
        struct node *old = atomic_exchange(&top, node);
        node->next = old; /* @late */
        return;
    }
    while (!atomic_compare_exchange_strong(&top, &node->next, node))
        ;
}

static struct node *pop(void)
{
    struct node *old = atomic_load(&top);
    while (old && !atomic_compare_exchange_strong(&top, &old, old->next)) /* @next */
        ;
    return old;
}

static void *worker(void *arg)
{
    size_t me = (size_t)arg;
    push(1);
    struct node *node = pop();
    if (node) {
        atomic_fetch_add(&sum, node->value);
        node->kept = kept[me];
        kept[me] = node;
        if (BUG == 1)
            free(node); /* @free */
    }
    return NULL;
}

int main(void)
{
    push(1);
    TOGETHER(worker, worker);
    for (struct node *node; (node = pop()) != NULL; free(node))
        atomic_fetch_add(&sum, node->value);
    assert(sum == 3);
    for (int i = 0; i < 2 && BUG != 1; i++)
        for (struct node *node; (node = kept[i]) != NULL; free(node))
            kept[i] = node->kept;
}
