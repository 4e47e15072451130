/* wake.c - a worker that goes to sleep while tasks come from outside and others are
 * woken from outside: none is forgotten. */
#include "cell.h"

static tutti_event event;
static tutti_scope scope;
static int news, ran;

static int waiter(void *unused)
{
    (void)unused;
    assert(tutti_event_wait(&event) == 0);
    assert(news == 1);
    return 0;
}

static int task(void *unused)
{
    (void)unused;
    ran = 1;
    return 0;
}

static void *set(void *arg)
{
    news = 1;
    tutti_event_set(&event);
    return arg;
}

static void *start(void *arg)
{
    assert(tutti_go(&scope, task, NULL) == 0);
    return arg;
}

int main(void)
{
    tutti_executor *ex = cell_threads(1);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&scope, waiter, NULL) == 0);
    CELL_RUN(set, start);
    assert(tutti_scope_close(&scope) == 0);
    assert(ran == 1);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
