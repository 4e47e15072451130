/* group.c - a wait group that the one who waited frees, and a barrier of three: who
 * waits sees what all have done. */
#include "cell.h"
#include <stdlib.h>

static tutti_group *group;
static tutti_barrier barrier;
static int done[2], came[3];
static atomic_int firsts;

static void meet(long me)
{
    came[me] = 1;
    int r = tutti_barrier_wait(&barrier);
    assert(r == 0 || r == 1);
    atomic_fetch_add_explicit(&firsts, r, memory_order_relaxed);
    assert(came[0] && came[1] && came[2]);
}

static void *doer(void *arg)
{
    done[(long)arg] = 1;
    tutti_group_done(group);
    meet((long)arg);
    return arg;
}

static void *waiter(void *arg)
{
    assert(tutti_group_wait(group) == 0);
    assert(done[0] && done[1]);
    free(group);
    meet((long)arg);
    return arg;
}

int main(void)
{
    group = calloc(1, sizeof *group);
    tutti_group_add(group, 2);
    tutti_barrier_init(&barrier, 3);
    CELL_RUN(doer, doer, waiter);
    assert(atomic_load_explicit(&firsts, memory_order_relaxed) == 1);
    return 0;
}
