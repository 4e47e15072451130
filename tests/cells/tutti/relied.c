/* relied.c - who wakes a searcher finds nobody asleep, as a worker falls asleep just then and
 * somebody else takes the first for one that searches and relies on it: the task of the
 * last is taken all the same.  The worker is one; its pool has room for two. */
#include "cell.h"
#include "core/task.h"
#include "sched/pool.h"
#include "sched/worker.h"

static struct pool pool;
static struct task task;

static void *sleeper(void *arg)
{
    struct worker *w = worker_attach(&pool, 0, true);
    assert(w && worker_idle(w) == &task.run);
    worker_detach(w);
    return arg;
}

static void *wakes(void *arg)
{
    pool_notify_slow(&pool); /* for a task that another worker has taken by now */
    return arg;
}

static void *starts(void *arg)
{
    pool_inject(&pool, &task, &task, 1);
    pool_notify(&pool);
    return arg;
}

int main(void)
{
    assert(pool_init(&pool, 2, 0, 1 << 16) == 0);
    CELL_RUN(sleeper, wakes, starts);
    return 0;
}
