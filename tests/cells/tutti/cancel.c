/* cancel.c - a scope cancelled from outside while a task of it waits, and while what
 * the task waits for comes: one of the two, never neither. */
#include "cell.h"

static tutti_scope scope;
static tutti_event event;
static int news, ended;

static int task(void *unused)
{
    (void)unused;
    int r = tutti_event_wait(&event);
    assert(r == 0 || r == -ECANCELED);
    if (r == 0)
        assert(news == 1);
    ended = 1;
    return 0;
}

static void *cancel(void *arg)
{
    tutti_scope_cancel(&scope);
    return arg;
}

static void *set(void *arg)
{
    news = 1;
    tutti_event_set(&event);
    return arg;
}

int main(void)
{
    tutti_executor *ex = cell_threads(1);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int started = tutti_go(&scope, task, NULL);
    assert(started == 0);
    CELL_RUN(cancel, set);
    int r = tutti_scope_close(&scope);
    assert(r == 0 || r == -ECANCELED);
    (void)ended;
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
