/* tests/fork_common.h - functions whose calls fork, for the tests of tutti/fork.h. */
#ifndef TESTS_FORK_COMMON_H
#define TESTS_FORK_COMMON_H
#include "urls.h"
#include <tutti/fork.h>

TUTTI_FORK_1(long, fib, int);
static TUTTI_NODE long fib_node(tutti_at at, int n)
{
    fib_fork(&at, n - 1);
    long b = fib(at, n - 2);
    return fib_join(&at) + b;
}
static inline long fib(tutti_at at, int n)
{
    return n < 2 ? n : fib_node(at, n);
}
static long fib_serial(int n)
{
    return n < 2 ? n : fib_serial(n - 1) + fib_serial(n - 2);
}

static int run_fib(void *arg)
{
    int n = *(int *)arg;
    CHECK_INT(fib(tutti_fork_here(), n), fib_serial(n));
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}

/* Run fn(arg) as a task on url. */
static void on(const char *url, tutti_fn *fn, void *arg)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, fn, arg), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TUTTI_FORK_2(long, wide, int, int);
static long wide(tutti_at at, int width, int depth)
{
    if (depth == 0)
        return width;
    long sum = 0;
    for (int i = 0; i < width; i++)
        wide_fork(&at, i, depth - 1);
    for (int i = 0; i < width; i++)
        sum += wide_join(&at);
    return sum;
}

static atomic_int taken;
TUTTI_FORK_1(int, take, int);
static int take(tutti_at at, int n)
{
    (void)at;
    return n ? atomic_fetch_add(&taken, n) : 0;
}
#endif
