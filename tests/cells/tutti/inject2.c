/* inject2.c - as inject.c, from two threads at once: one task blocks its worker until
 * the other has run, and neither start may rely on the other's wake where there is
 * none. */
#include "cell.h"
#include <semaphore.h>

static sem_t ran;
static tutti_scope scope;

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

static void *start(void *arg)
{
    assert(tutti_go(&scope, arg ? second : first, NULL) == 0);
    return arg;
}

int main(void)
{
    sem_init(&ran, 0, 0);
    tutti_executor *ex = cell_threads(2);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, 0);
    CELL_RUN(start, start);
    assert(tutti_scope_close(&scope) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
