/* spare.c - a worker whose task blocks the thread, until one has run that waits behind
 * it: the monitor notices, a spare worker takes that one, and both are done with when
 * the executor closes. */
#include "cell.h"
#include <semaphore.h>

static sem_t freed;
static atomic_int ended;

static int blocks(void *unused)
{
    (void)unused;
    sem_wait(&freed);
    atomic_fetch_add(&ended, 1);
    return 0;
}

static int quick(void *unused)
{
    (void)unused;
    sem_post(&freed);
    atomic_fetch_add(&ended, 1);
    return 0;
}

int main(void)
{
    cell_monitor = true;
    sem_init(&freed, 0, 0);
    tutti_executor *ex = cell_open("threads://1?spares=1&io=epoll");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, blocks, NULL) == 0);
    assert(tutti_go(&s, quick, NULL) == 0);
    assert(tutti_scope_close(&s) == 0);
    assert(atomic_load(&ended) == 2);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
