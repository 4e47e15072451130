/* tasks.c - the life of an executor with two workers: tasks start, steal, wait for each
 * other, end; it closes. */
#include "cell.h"

static tutti_event first;
static int done[3];

static int waits(void *unused)
{
    (void)unused;
    assert(tutti_event_wait(&first) == 0);
    assert(done[1] == 1);
    done[0] = 1;
    return 0;
}

static int sets(void *unused)
{
    (void)unused;
    done[1] = 1;
    tutti_event_set(&first);
    return 0;
}

static int yields(void *unused)
{
    (void)unused;
    tutti_yield();
    done[2] = 1;
    return 0;
}

int main(void)
{
    tutti_executor *ex = cell_threads(2);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, waits, NULL) == 0);
    assert(tutti_go(&s, sets, NULL) == 0);
    assert(tutti_go(&s, yields, NULL) == 0);
    assert(tutti_scope_close(&s) == 0);
    assert(done[0] && done[1] && done[2]);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
