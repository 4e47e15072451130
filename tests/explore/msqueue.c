/* msqueue.c - the queue of Michael and Scott: a list with a dummy in front; head and
 * tail are swung by compare and exchange, and who finds the tail behind helps.
 *
 * bug 1  assert: enqueue stores the link without competing: an item is lost
 * bug 2  heap|race: the old dummy is freed while another still reads it
 *        @next @free
 * bug 3  race: the link is published relaxed  @value @take
 * bug 4  livelock: nobody helps a tail that is behind, and one forgot it  @behind */
#include "bug.h"

struct node {
    _Atomic(struct node *) next;
    int value;
};
static _Atomic(struct node *) head, tail;
static struct node *kept[2][4];
static atomic_int sum;

static void enqueue(int value)
{
    struct node *node = calloc(1, sizeof *node);
    node->value = value; /* @value */
    for (;;) {
        struct node *last = atomic_load(&tail);       /* @behind */
        struct node *next = atomic_load(&last->next); /* @behind */
        if (next) {
            if (BUG != 4)
                atomic_compare_exchange_strong(&tail, &last, next);
            else
                sched_yield(); /* @behind */
            continue;
        }
        if (BUG == 1)
            atomic_store(&last->next, node);
        else if (!atomic_compare_exchange_strong_explicit(&last->next, &next, node,
                                                          ORDER(3, relaxed, seq_cst),
                                                          memory_order_relaxed))
            continue;
        if (BUG == 4 && value == 2)
            return;
        atomic_compare_exchange_strong_explicit(
            &tail, &last, node, ORDER(3, relaxed, seq_cst), memory_order_relaxed);
        return;
    }
}

static struct node *dequeue(int *value)
{
    struct node *first = atomic_load(&head), *next;
    do {
        next = atomic_load(&first->next); /* @next */
        if (!next)
            return NULL;
        struct node *last = first;
        if (BUG != 4)
            atomic_compare_exchange_strong(&tail, &last, next);
    } while (!atomic_compare_exchange_strong(&head, &first, next));
    *value = next->value; /* @take */
    return first;
}

static void *worker(void *arg)
{
    size_t me = (size_t)arg;
    enqueue((int)me + 1);
    for (int i = 0, value; i < 2; i++) {
        struct node *old = dequeue(&value);
        if (!old)
            continue;
        atomic_fetch_add(&sum, value);
        if (BUG == 2)
            free(old); /* @free */
        else
            kept[me][i] = old;
    }
    return NULL;
}

int main(void)
{
    struct node *dummy = calloc(1, sizeof *dummy);
    head = tail = dummy;
    TOGETHER(worker, worker);
    for (int value; (dummy = dequeue(&value)) != NULL; free(dummy))
        atomic_fetch_add(&sum, value);
    assert(sum == 3);
    free(head);
    for (int i = 0; i < 4; i++)
        free(kept[i / 2][i % 2]);
}
