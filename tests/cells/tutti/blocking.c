/* blocking.c - a call on a rescue thread whose caller may be cut off: either the caller
 * gets its code, or it was abandoned; its argument is dropped once. */
#include "cell.h"
#include <stdlib.h>

struct job {
    int seen;
};
static tutti_scope scope;
static tutti_event started;
static atomic_int drops;

static int work(void *arg)
{
    struct job *job = arg;
    tutti_event_set(&started);
    job->seen++;
    return 7;
}

static void dropped(void *arg)
{
    free(arg);
    atomic_fetch_add(&drops, 1);
}

static void *cancel(void *arg)
{
    assert(tutti_event_wait(&started) == 0);
    tutti_scope_cancel(&scope);
    return arg;
}

int main(void)
{
    pthread_t thread;
    tutti_scope_open(&scope, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    pthread_create(&thread, NULL, cancel, NULL);
    struct job *job = calloc(1, sizeof *job);
    int r = tutti_blocking(work, job, dropped);
    assert(r == 7 || r == -ECANCELED);
    if (r == 7)
        assert(atomic_load(&drops) == 1);
    pthread_join(thread, NULL);
    tutti_scope_close(&scope);
    while (!atomic_load(&drops)) /* abandoned: it drops when it has ended */
        sched_yield();
    assert(atomic_load(&drops) == 1);
    return 0;
}
