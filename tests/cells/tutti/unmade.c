/* unmade.c - as blocking.c, where the caller may be cut off before its call has begun, too:
 * then it is made or not, but what it is to work on is dropped once, and freed by one. */
#include "cell.h"
#include <stdlib.h>

static tutti_scope scope;
static atomic_int drops;

static int work(void *arg)
{
    ++*(int *)arg;
    return 7;
}

static void dropped(void *arg)
{
    free(arg);
    atomic_fetch_add(&drops, 1);
}

static void *cancel(void *arg)
{
    tutti_scope_cancel(&scope);
    return arg;
}

int main(void)
{
    pthread_t thread;
    tutti_scope_open(&scope, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    pthread_create(&thread, NULL, cancel, NULL);
    int r = tutti_blocking(work, calloc(1, sizeof(int)), dropped);
    assert(r == 7 || r == -ECANCELED);
    if (r == 7)
        assert(atomic_load(&drops) == 1);
    while (!atomic_load(&drops)) /* abandoned: by the thread that comes to it */
        sched_yield();
    assert(atomic_load(&drops) == 1);
    pthread_join(thread, NULL);
    tutti_scope_close(&scope);
    return 0;
}
