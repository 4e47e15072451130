/* deque.c - sched/deque: the owner pushes more than the ring holds (4 here, see
 * base/small.h), pops, and spills when it is full; two thieves take halves, and one of
 * them from the other, too.  Each task comes out once, and whoever has it sees what was
 * written into it before; and what a thief still reads is not refilled under its
 * hands. */
#include "sched/deque.h"
#include "cell.h"
#include "core/task.h"

enum { TASKS = 6 };
static struct deque deque, own[2];
static struct task task[TASKS];
static int written[TASKS];
static atomic_int taken[TASKS];

static void took(struct task *t)
{
    long i = t - task;
    assert(written[i] == i + 1);
    assert(atomic_fetch_add_explicit(&taken[i], 1, memory_order_relaxed) == 0);
}

static void spill(void)
{
    struct task *last;
    uint32_t count;
    struct task *t = deque_spill(&deque, &last, &count);
    for (; t && count; count--, t = (struct task *)(void *)t->run.next) {
        took(t);
        if (t == last)
            assert(count == 1);
    }
}

static void *owner(void *arg)
{
    struct task *t;
    for (int i = 0; i < TASKS; i++) {
        written[i] = i + 1;
        while (!deque_push(&deque, &task[i]))
            spill();
        if (i == 2 && (t = deque_pop(&deque)))
            took(t);
    }
    return arg;
}

static void take(struct deque *from, struct deque *mine)
{
    struct task *t = deque_steal(from, mine);
    while (t) {
        took(t);
        t = deque_pop(mine);
    }
}

static void *thief(void *arg)
{
    long me = (long)arg - 1;
    if (me == 1)
        take(&own[0], &own[1]);
    take(&deque, &own[me]);
    return arg;
}

int main(void)
{
    CELL_RUN(owner, thief, thief);
    for (struct task *t; (t = deque_pop(&deque));)
        took(t);
    for (int i = 0; i < TASKS; i++)
        assert(atomic_load_explicit(&taken[i], memory_order_relaxed) == 1);
    return 0;
}
