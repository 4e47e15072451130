/* rcu.c - read-copy-update in small: a reader counts itself in, the writer publishes a
 * new version, waits until no reader is inside, and frees the old one.
 *
 * bug 1  heap|race: no wait for the readers  @use @free
 * bug 2  race: the new version is published relaxed  @fill @use
 * bug 3  heap|race: entering is not visible before the version is read
 *        @use @free
 * bug 4  heap|race: leaving is relaxed  @use @free */
#include "bug.h"

struct version {
    int a, b;
};
static _Atomic(struct version *) current;
static atomic_int inside[2];

static void read_version(int me)
{
    atomic_store_explicit(&inside[me], 1, memory_order_relaxed);
    atomic_thread_fence(ORDER(3, relaxed, seq_cst));
    struct version *v = atomic_load_explicit(&current, memory_order_acquire);
    assert(v->a == v->b); /* @use */
    atomic_store_explicit(&inside[me], 0, ORDER(4, relaxed, release));
}

static void *reader(void *arg)
{
    read_version(arg != NULL);
    return arg;
}

static void *writer(void *arg)
{
    struct version *new = malloc(sizeof *new);
    new->a = new->b = 2; /* @fill */
    struct version *old = atomic_load_explicit(&current, memory_order_relaxed);
    atomic_store_explicit(&current, new, ORDER(2, relaxed, release));
    atomic_thread_fence(memory_order_seq_cst);
    for (int i = 0; i < 2 && BUG != 1; i++)
        while (atomic_load_explicit(&inside[i], memory_order_acquire))
            sched_yield();
    free(old); /* @free */
    return arg;
}

int main(void)
{
    struct version *first = malloc(sizeof *first);
    first->a = first->b = 1;
    current = first;
    TOGETHER(reader, reader, writer);
    free(current);
}
