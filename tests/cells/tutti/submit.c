/* submit.c - tasks with futures on a worker: one is cancelled, awaited and looked at by
 * tutti_scope_next while it runs; each future has one outcome, and a task that was not
 * cut has run. */
#include "cell.h"

static tutti_scope scope;
static tutti_future first;
static int ran[2];
static atomic_int drops;

static int work(void *arg)
{
    ran[(long)arg] = 1;
    tutti_yield();
    return tutti_check() < 0 ? -ECANCELED : 5;
}

static void dropped(void *arg)
{
    (void)arg;
    atomic_fetch_add(&drops, 1);
}

static void *cancel(void *arg)
{
    tutti_future_cancel(first);
    return arg;
}

static void *await(void *arg)
{
    int r = tutti_future_await(first, NULL);
    assert(r == 5 || r == -ECANCELED);
    if (r == 5)
        assert(ran[0] == 1);
    return arg;
}

int main(void)
{
    tutti_executor *ex = cell_threads(1);
    tutti_future f, second;
    int n = 0;
    tutti_scope_open(&scope, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_spawn(&scope, work, (void *)0, dropped, &first) == 0);
    assert(tutti_spawn(&scope, work, (void *)1, NULL, &second) == 0);
    CELL_RUN(cancel, await);
    while (tutti_scope_next(&scope, &f) == 1)
        n++;
    assert(n == 2 && ran[1] == 1);
    assert(tutti_future_take(second, NULL, 0) == 5);
    int r = tutti_scope_close(&scope);
    assert(r == 0 || r == -ECANCELED);
    assert(atomic_load(&drops) <= 1);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
