/* queued.c - a call is cut off while it waits behind another for the only rescue thread that
 * there is: nobody makes it any more, its argument is dropped once, and the thread goes on. */
#include "base/memory.h"
#include "cell.h"
#include <stdlib.h>

static tutti_scope scope;
static tutti_event holding, go_on;
static atomic_int made, drops;

static int hold(void *unused)
{
    (void)unused;
    tutti_event_set(&holding);
    assert(tutti_event_wait(&go_on) == 0);
    return 1;
}

static int work(void *arg)
{
    ++*(int *)arg;
    atomic_fetch_add(&made, 1);
    return 2;
}

static void dropped(void *arg)
{
    free(arg);
    atomic_fetch_add(&drops, 1);
}

static void *holds(void *arg)
{
    assert(tutti_blocking(hold, NULL, NULL) == 1);
    return arg;
}

static void *cancels(void *arg)
{
    tutti_scope_cancel(&scope);
    return arg;
}

int main(void)
{
    pthread_t first, second;
    cell_fences();
    pthread_create(&first, NULL, holds, NULL);
    assert(tutti_event_wait(&holding) == 0);
    tutti_scope_open(&scope, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    pthread_create(&second, NULL, cancels, NULL);
    int *arg = calloc(1, sizeof *arg);
    fault_arm(2, true); /* the call is had, a second thread for it is not */
    int r = tutti_blocking(work, arg, dropped);
    fault_arm(0, false);
    assert(r == -ECANCELED);
    tutti_event_set(&go_on);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    tutti_scope_close(&scope);
    assert(tutti_blocking(hold, NULL, NULL) == 1); /* behind it, or on a thread of its own */
    while (!atomic_load(&drops))
        sched_yield();
    assert(atomic_load(&drops) == 1);
    assert(atomic_load(&made) == 0);
    return 0;
}
