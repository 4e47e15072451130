/* offer.c - a task starts another and then blocks its thread until that one has run:
 * the other worker, which may be on its way to sleep, must come and take it. */
#include "cell.h"
#include <semaphore.h>

static sem_t ran;
static tutti_scope scope;

static int inner(void *unused)
{
    (void)unused;
    sem_post(&ran);
    return 0;
}

static int outer(void *unused)
{
    (void)unused;
    assert(tutti_go(&scope, inner, NULL) == 0);
    sem_wait(&ran);
    return 0;
}

int main(void)
{
    sem_init(&ran, 0, 0);
    tutti_executor *ex = cell_threads(2);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&scope, outer, NULL) == 0);
    assert(tutti_scope_close(&scope) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
