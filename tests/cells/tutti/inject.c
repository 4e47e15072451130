/* inject.c - two tasks from outside, of which the first blocks its thread until the
 * second has run: the worker that took the first out of turn must not let the other
 * sleep. */
#include "cell.h"
#include <semaphore.h>

static sem_t ran;

static int first(void *unused)
{
    (void)unused;
    sem_wait(&ran);
    return 0;
}

static int second(void *unused)
{
    (void)unused;
    sem_post(&ran);
    return 0;
}

int main(void)
{
    tutti_scope scope;
    sem_init(&ran, 0, 0);
    tutti_executor *ex = cell_threads(2);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&scope, first, NULL) == 0);
    assert(tutti_go(&scope, second, NULL) == 0);
    assert(tutti_scope_close(&scope) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
