/* procboth.c - two threads each start a task and wait for it, beside the keeper: one of
 * them collects for both, and hands that over when it has its own. */
#include "procs.h"

static tutti_executor *executor;
static int ran[2];

TUTTI_TASK(twice, "cell.twice", long, long);
static int twice(const long *in, long *out)
{
    ran[*in]++;
    *out = 2 * *in;
    return 0;
}

static void *user(void *arg)
{
    long in = (long)arg, out = -1;
    tutti_scope s;
    tutti_scope_open(&s, executor, TUTTI_NEVER, 0);
    assert(twice_call(&s, &in, &out) == 0);
    assert(out == 2 * in && ran[in] == 1);
    assert(tutti_scope_close(&s) == 0);
    return arg;
}

int main(void)
{
    executor = procs_open(true, true);
    CELL_RUN(user, user);
    procs_close();
    return 0;
}
