/* prockeep.c - the keeper alone collects what a worker answers, and sleeps in epoll as long
 * as there is nothing; one task is cut while it is queued, posted, running or done, and has
 * one outcome. */
#include "procs.h"

enum { TASKS = 3 };
static int ran[TASKS];
static tutti_future futures[TASKS];

TUTTI_TASK(twice, "cell.twice", long, long);
static int twice(const long *in, long *out)
{
    ran[*in]++;
    *out = 2 * *in;
    return 0;
}

static void *cancel(void *arg)
{
    tutti_future_cancel(futures[TASKS - 1]);
    return arg;
}

int main(void)
{
    tutti_scope s;
    tutti_executor *ex = procs_open(false, true);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (long i = 0; i < TASKS; i++)
        assert(twice_submit(&s, &i, &futures[i]) == 0);
    pthread_t canceller;
    assert(pthread_create(&canceller, NULL, cancel, NULL) == 0);
    for (long i = 0; i < TASKS; i++) {
        long out = -1;
        int rc = tutti_future_await(futures[i], NULL);
        assert(rc == 0 || (rc == -ECANCELED && i == TASKS - 1));
        assert(ran[i] <= 1 && (rc < 0 || ran[i] == 1));
        if (rc == 0)
            assert(twice_take(futures[i], &out) == 0 && out == 2 * i);
    }
    pthread_join(canceller, NULL);
    int rc = tutti_scope_close(&s);
    assert(rc == 0 || rc == -ECANCELED);
    procs_close();
    return 0;
}
