/* waken.c - a spare worker that rests, or is about to, is called in for a task that waits
 * behind one which blocks its worker: it wakes and runs it. */
#include "cell.h"
#include "sched/pool.h"
#include "sched/spare.h"
#include <semaphore.h>

static sem_t began, freed;

static int blocks(void *unused)
{
    (void)unused;
    sem_post(&began);
    sem_wait(&freed);
    return 0;
}

static int quick(void *unused)
{
    (void)unused;
    sem_post(&freed);
    return 0;
}

int main(void)
{
    tutti_scope s;
    sem_init(&began, 0, 0);
    sem_init(&freed, 0, 0);
    tutti_executor *ex = cell_open("threads://1?spares=1&io=epoll");
    struct pool *p = cell_pool;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, blocks, NULL) == 0);
    sem_wait(&began);
    assert(spare_call_in(p));
    while (!spare_alive(p, 1))
        sched_yield();
    spare_send_off(p);
    assert(tutti_go(&s, quick, NULL) == 0);
    while (!spare_call_in(p)) /* it has neither come to rest yet nor taken the task */
        sched_yield();
    assert(tutti_scope_close(&s) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
