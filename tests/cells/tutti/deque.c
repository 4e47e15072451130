/* deque.c - sched/deque: the owner pushes and pops, two thieves take halves; each task comes
 * out once, and whoever has it sees what was written into it before. */
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

static void *owner(void *arg)
{
    struct task *t;
    for (int i = 0; i < TASKS; i++) {
        written[i] = i + 1;
        assert(deque_push(&deque, &task[i]));
        if (i % 3 == 2 && (t = deque_pop(&deque)))
            took(t);
    }
    while ((t = deque_pop(&deque)))
        took(t);
    return arg;
}

static void *thief(void *arg)
{
    struct deque *mine = &own[(long)arg - 1];
    for (int i = 0; i < 2; i++) {
        struct task *t = deque_steal(&deque, mine);
        while (t) {
            took(t);
            t = deque_pop(mine);
        }
    }
    return arg;
}

int main(void)
{
    CELL_RUN(owner, thief, thief);
    for (struct task *t; (t = deque_pop(&deque));)
        took(t);
    for (int i = 0; i < TASKS; i++)
        assert(taken[i] == 1);
    return 0;
}
