/* takes.c - a worker takes no tasks for a while, and one is started meanwhile: when it takes
 * some again it is awake or is woken. */
#include "cell.h"
#include "sched/pool.h"
#include "sched/worker.h"

static tutti_scope scope;
static int ran;

static int task(void *unused)
{
    (void)unused;
    ran++;
    return 0;
}

static void *start(void *arg)
{
    assert(tutti_go(&scope, task, NULL) == 0);
    return arg;
}

static void *monitor(void *arg)
{
    struct worker *w = pool_worker(cell_pool, 0);
    worker_set_takes(w, false);
    worker_set_takes(w, true);
    return arg;
}

int main(void)
{
    tutti_executor *ex = cell_threads(1);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, 0);
    CELL_RUN(monitor, start);
    assert(tutti_scope_close(&scope) == 0);
    assert(ran == 1);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
