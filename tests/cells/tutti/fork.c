/* fork.c - forked calls on two workers: a small tree, whose leaves one worker may take
 * from the other while they are joined. */
#include "cell.h"
#include <tutti/fork.h>

TUTTI_FORK_1(long, fib, int);
static long fib(tutti_at at, int n)
{
    if (n < 2)
        return n;
    fib_fork(&at, n - 1);
    long b = fib(at, n - 2);
    return fib_join(&at) + b;
}

static int root(void *unused)
{
    (void)unused;
    assert(fib(tutti_fork_here(), 4) == 3);
    return tutti_fork_check();
}

int main(void)
{
    tutti_executor *ex = cell_threads(2);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, root, NULL) == 0);
    assert(tutti_scope_close(&s) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
