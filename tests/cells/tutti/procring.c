/* procring.c - a thread starts more tasks on a worker than its ring holds (2 here, see
 * base/small.h) and collects their results itself, while the worker sleeps whenever it
 * has none: each task runs once and its result is its own. */
#include "procs.h"

enum { TASKS = 3 };
static int ran[TASKS];

TUTTI_TASK(twice, "cell.twice", long, long);
static int twice(const long *in, long *out)
{
    ran[*in]++;
    *out = 2 * *in;
    return 0;
}

int main(void)
{
    tutti_scope s;
    tutti_future f[TASKS];
    tutti_executor *ex = procs_open(true, false);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (long i = 0; i < TASKS; i++)
        assert(twice_submit(&s, &i, &f[i]) == 0);
    for (long i = 0; i < TASKS; i++) {
        long out = -1;
        assert(twice_take(f[i], &out) == 0);
        assert(out == 2 * i && ran[i] == 1);
    }
    assert(tutti_scope_close(&s) == 0);
    procs_close();
    return 0;
}
