/* limit.c - a scope that holds one task at a time: starts from outside wait for their
 * turn, and who waits until it is empty is woken. */
#include "cell.h"

static tutti_scope scope;
static int inside, ran;

static int task(void *unused)
{
    (void)unused;
    assert(inside++ == 0);
    tutti_yield();
    ran++;
    inside--;
    return 0;
}

static void *starter(void *arg)
{
    assert(tutti_go(&scope, task, NULL) == 0);
    return arg;
}

int main(void)
{
    pthread_t thread;
    tutti_executor *ex = cell_threads(2);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, 0);
    tutti_scope_limit(&scope, 1);
    pthread_create(&thread, NULL, starter, NULL);
    assert(tutti_go(&scope, task, NULL) == 0);
    tutti_case empty = tutti_on_empty(&scope);
    assert(tutti_wait(&empty, 1) == 0);
    pthread_join(thread, NULL);
    assert(tutti_scope_close(&scope) == 0);
    assert(ran == 2);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
