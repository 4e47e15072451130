/* deque.c - sched/deque: the owner pushes more than the ring holds (4 here, see
 * base/small.h), pops, and spills when it is full; two thieves take halves, and one of
 * them from the other, too.  Each task comes out once, and whoever has it sees what was
 * written into it before; and what a thief still reads is not refilled under its
 * hands. */
#include "sched/deque.h"
#include "cell.h"
#include "core/task.h"

enum { TASKS = 5 };
static struct deque deque, own[2];
static struct task task[TASKS];
static int written[TASKS];

/* A set of tasks, that of t added: each thread keeps its own, where nobody else looks, and
 * returns it, so that the cell has no steps but those of the deque. */
static uintptr_t took(uintptr_t set, const struct task *t)
{
    long i = t - task;
    assert(written[i] == i + 1);
    assert(!(set >> i & 1));
    return set | (uintptr_t)1 << i;
}

static uintptr_t spill(uintptr_t set)
{
    struct task *last;
    uint32_t count;
    struct task *t = deque_spill(&deque, &last, &count);
    for (; t && count; count--, t = (struct task *)(void *)t->run.next) {
        set = took(set, t);
        if (t == last)
            assert(count == 1);
    }
    return set;
}

static void *owner(void *unused)
{
    uintptr_t set = 0;
    struct task *t;
    (void)unused;
    for (int i = 0; i < TASKS; i++) {
        written[i] = i + 1;
        while (!deque_push(&deque, &task[i]))
            set = spill(set);
        if (i == 2 && (t = deque_pop(&deque)))
            set = took(set, t);
    }
    return (void *)set;
}

static uintptr_t take(uintptr_t set, struct deque *from, struct deque *mine)
{
    struct task *t = deque_steal(from, mine);
    while (t) {
        set = took(set, t);
        t = deque_pop(mine);
    }
    return set;
}

static void *thief(void *arg)
{
    long me = (long)arg;
    uintptr_t set = me == 1 ? take(0, &own[0], &own[1]) : 0;
    return (void *)take(set, &deque, &own[me]);
}

int main(void)
{
    pthread_t t[3];
    uintptr_t all = 0;
    assert(pthread_create(&t[0], NULL, owner, NULL) == 0);
    assert(pthread_create(&t[1], NULL, thief, (void *)0) == 0);
    assert(pthread_create(&t[2], NULL, thief, (void *)1) == 0);
    for (int i = 0; i < 3; i++) {
        void *set;
        pthread_join(t[i], &set);
        assert(!(all & (uintptr_t)set));
        all |= (uintptr_t)set;
    }
    for (struct task *left; (left = deque_pop(&deque));)
        all = took(all, left);
    assert(all == (1 << TASKS) - 1);
    return 0;
}
