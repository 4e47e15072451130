/* empty.c - who waits until a scope is empty, or finds that it is, sees what its tasks
 * did, on whichever worker they ended. */
#include "cell.h"

static int ran[2];

static int task(void *arg)
{
    ran[(long)arg] = 1;
    return 0;
}

int main(void)
{
    tutti_executor *ex = cell_threads(2);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, task, (void *)0) == 0);
    assert(tutti_go(&s, task, (void *)1) == 0);
    tutti_case empty = tutti_on_empty(&s);
    assert(tutti_wait(&empty, 1) == 0);
    assert(ran[0] == 1 && ran[1] == 1);
    assert(tutti_scope_close(&s) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
