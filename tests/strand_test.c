/* strand_test.c - forked calls when memory is out: those there is no room for are dropped
 * and told of, the others run.  The rest of src/sched/strand.c is in fork_join_test.c. */
#include "base/memory.h"
#include "urls.h"
#include <stdatomic.h>
#include <time.h>
#include <tutti/fork.h>
#include <tutti/sync.h>

static int in_the_dark; /* memory is out when the forks have been made */
TUTTI_FORK_1(long, one, int);
static long one(tutti_at at, int n)
{
    (void)at;
    return n;
}
TUTTI_FORK_1(long, many, int);
static long many(tutti_at at, int n)
{
    long sum = 0;
    if (in_the_dark)
        fault_arm(1, true);
    for (int i = 0; i < n; i++)
        one_fork(&at, 1);
    fault_arm(0, false);
    one_fork(&at, 1); /* and one more, of which it does not matter whether it fits */
    sum += one_join(&at) * 0;
    for (int i = 0; i < n; i++)
        sum += one_join(&at);
    return sum;
}

static int run_many(void *unused)
{
    (void)unused;
    in_the_dark = 0;
    CHECK_INT(many(tutti_fork_here(), 100), 100);
    in_the_dark = 1;
    tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    long got = many(tutti_fork_here(), 600);
    CHECK_INT(got, 251); /* the first segment's */
    CHECK_INT(tutti_fork_check(), -ENOMEM);
    CHECK_INT(tutti_scope_close(&s), -ENOMEM);
    in_the_dark = 0;
    CHECK_INT(many(tutti_fork_here(), 600), 600);
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}

/* A scope that is opened beside lost calls loses its own, and says so itself. */
static int run_many_scopes(void *unused)
{
    (void)unused;
    long got = 0;
    tutti_scope outer, inner;
    tutti_scope_open(&outer, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_at at = tutti_fork_here();
    fault_arm(1, true);
    for (int i = 0; i < 300; i++)
        one_fork(&at, 1);
    tutti_scope_open(&inner, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    one_fork(&at, 1);
    CHECK_INT(one_join(&at), 0);
    CHECK_INT(tutti_fork_check(), -ENOMEM);
    CHECK_INT(tutti_scope_close(&inner), -ENOMEM);
    fault_arm(0, false);
    for (int i = 0; i < 300; i++)
        got += one_join(&at);
    CHECK_INT(got, 251);
    CHECK_INT(tutti_fork_check(), -ENOMEM);
    CHECK_INT(tutti_scope_close(&outer), -ENOMEM);
    return 0;
}
ON_URLS(without_memory_each_scope_is_told_of_the_calls_that_it_lost)
{
    CHECK_INT(tutti_run(url, run_many_scopes, NULL), 0);
}

ON_URLS(without_memory_the_calls_that_fit_run)
{
    CHECK_INT(tutti_run(url, run_many, NULL), 0);
}

/* A plain thread asks for its strand; the first time that may fail. */
TEST(without_memory_a_plain_thread_gets_no_place)
{
    fault_arm(1, true);
    tutti_at at = tutti_fork_here();
    fault_arm(0, false);
    CHECK(!at);
    CHECK_STR(tutti_why(), tutti_strerror(-ENOMEM));
    at = tutti_fork_here();
    CHECK_INT(one(at, 3), 3);
}

/* --- no memory for stacks --------------------------------------------------------- */

/* Leaves that wait until all have begun. */
enum { DEPTH = 7, LEAVES = 1 << DEPTH };
static atomic_int arrived;
static tutti_event gate;
TUTTI_FORK_1(int, gated, int);
static int gated(tutti_at at, int n)
{
    if (n == 0) {
        if (atomic_fetch_add(&arrived, 1) + 1 == LEAVES)
            tutti_event_set(&gate);
        return tutti_event_wait(&gate) == 0;
    }
    gated_fork(&at, n - 1);
    int b = gated(at, n - 1);
    return gated_join(&at) + b;
}
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static int run_gated(void *unused)
{
    (void)unused;
    tutti_event_clear(&gate);
    arrived = 0;
    tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    tutti_at at = tutti_fork_here();
    fault_arm(1, true);
    int got = gated(at, DEPTH);
    fault_arm(0, false);
    CHECK(got < LEAVES);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), -ENOMEM);
    CHECK_HAS(tutti_why(), tutti_strerror(-ENOMEM)); /* there was none for better words */
    double before = cpu_seconds();
    CHECK_INT(tutti_sleep_until(tutti_after(500 * TUTTI_MS)), 0);
    CHECK(cpu_seconds() - before < 0.2); /* who had no stack then is idle now */
    return 0;
}
/* They cannot all have a stack, and none can end before all have one. */
ON_URLS(calls_that_wait_for_each_other_without_memory_for_stacks_fail)
{
    CHECK_INT(tutti_run(url, run_gated, NULL), 0);
}
/* There are fewer stacks than calls that wait, but those that have one end by themselves. */
static int run_patient(void *unused);
ON_URLS(calls_that_wait_for_a_time_without_memory_for_stacks_are_whole)
{
    CHECK_INT(tutti_run(url, run_patient, NULL), 0);
}
TUTTI_FORK_1(int, sleeps, int);
static int sleeps(tutti_at at, int n)
{
    if (n == 0)
        return tutti_sleep_until(tutti_after(5 * TUTTI_MS)) == 0;
    sleeps_fork(&at, n - 1);
    int b = sleeps(at, n - 1);
    return sleeps_join(&at) + b;
}
static int run_patient(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    CHECK_INT(sleeps(at, 3), 8); /* so many stacks, at the most, are there from now on */
    fault_arm(1, true);
    int got = sleeps(at, DEPTH - 1);
    fault_arm(0, false);
    CHECK_INT(tutti_fork_check(), 0);
    CHECK_INT(got, LEAVES / 2);
    return 0;
}

TEST_MAIN
