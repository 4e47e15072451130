/* tests/fork_cut_test.c - forks that are cut off, made on plain threads, met by fork(2), or
 * joined wrongly. */
#include "fork_common.h"
#include <tutti/sync.h>

static tutti_event gate;

/* --- being cut off ------------------------------------------------------------------------ */

static atomic_int begun;
TUTTI_FORK_1(long, endless, int);
static long endless(tutti_at at, int n)
{
    atomic_fetch_add(&begun, 1);
    if (n == 0)
        return 1;
    endless_fork(&at, n - 1);
    long b = endless(at, n - 1);
    return endless_join(&at) + b;
}
/* Some 2^60 calls, so only being cut off can end it. */
static int run_endless(void *arg)
{
    int want = *(int *)arg;
    endless(tutti_fork_here(), 60);
    CHECK_INT(tutti_fork_check(), want);
    CHECK_INT(tutti_check(), want);
    return want;
}
static int canceller(void *arg)
{
    urls_until(&begun, 1000);
    tutti_scope_cancel(arg);
    return 0;
}
static int run_cancelled(void *unused)
{
    (void)unused;
    int want = -ECANCELED;
    atomic_store(&begun, 0);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, run_endless, &want), 0);
    CHECK_INT(tutti_go(&s, canceller, &s), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(fib(tutti_fork_here(), 10), 55); /* what comes after is whole */
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}
TEST(a_scope_that_is_cancelled_ends_what_was_forked_in_it)
{
    on("threads://2", run_cancelled, NULL);
    on("threads://4", run_cancelled, NULL);
}
static int run_expired(void *unused)
{
    (void)unused;
    atomic_store(&begun, 0);
    TUTTI_SCOPE(s, NULL, tutti_after(20 * TUTTI_MS), 0);
    endless(tutti_fork_here(), 60);
    CHECK_INT(tutti_fork_check(), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    CHECK_INT(fib(tutti_fork_here(), 10), 55);
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}
ON_URLS(a_deadline_ends_what_was_forked_under_it)
{
    on(url, run_expired, NULL);
}
TEST(a_task_cancelled_alone_ends_what_it_forked)
{
    int want = -ECANCELED;
    tutti_executor *ex = urls_open("threads://3");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    atomic_store(&begun, 0);
    tutti_future alone;
    CHECK_INT(tutti_spawn(&s, run_endless, &want, NULL, &alone), 0);
    urls_until(&begun, 1000);
    tutti_future_cancel(alone); /* from here: its calls keep all workers busy */
    CHECK_INT(tutti_future_await(alone, NULL), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}
/* Calls that are parked hear of it as other waits do. */
TUTTI_FORK_1(int, hears, int);
static int hears(tutti_at at, int n)
{
    if (n == 0) {
        atomic_fetch_add(&begun, 1);
        return tutti_event_wait(&gate);
    }
    hears_fork(&at, n - 1);
    int a = hears(at, n - 1), b = hears_join(&at);
    return a == b || b == 0 ? a : -EINVAL; /* 0: it never began */
}
static int run_hears(void *unused)
{
    (void)unused;
    CHECK_INT(hears(tutti_fork_here(), 5), -ECANCELED);
    return 0;
}
ON_URLS(calls_that_wait_are_cut_off)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_event_clear(&gate);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    atomic_store(&begun, 0);
    CHECK_INT(tutti_go(&s, run_hears, NULL), 0);
    urls_until(&begun, 32);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- plain threads, fork() -------------------------------------------------------------- */

TEST(a_plain_thread_may_fork_too)
{
    int n = 20;
    run_fib(&n);
    CHECK_INT(wide(tutti_fork_here(), 600, 2), 600l * 599 * 598 / 6);
}
static void fork_in_region(tutti_at at)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        for (int i = 0; i < 2; i++)
            fib_join(&at); /* taken in the parent, maybe */
        int rc = tutti_fork_check();
        CHECK_INT(fib(tutti_fork_here(), 15), 610);
        _exit(rc == 0 || rc == -TUTTI_ELOST ? 0 : 1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
}
static int run_fork(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    for (int i = 0; i < 20; i++) {
        fib_fork(&at, 18);
        fib_fork(&at, 18);
        fib(at, 16);
        fork_in_region(at);
        CHECK_INT(fib_join(&at), 2584);
        CHECK_INT(fib_join(&at), 2584);
    }
    return 0;
}
ON_URLS(the_child_of_a_fork_in_the_middle_never_hangs)
{
    on(url, run_fork, NULL);
}

/* --- bad use ------------------------------------------------------------------------------ */

static int join_without_fork(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    return (int)fib_join(&at);
}
static int join_of_another(void *unused)
{
    (void)unused;
    tutti_task_name_set("confused");
    tutti_at at = tutti_fork_here();
    fib_fork(&at, 3);
    return (int)take_join(&at);
}
static int fork_without_join(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    fib_fork(&at, 3);
    return 0;
}
static int scope_closed_between(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_at at = tutti_fork_here();
    fib_fork(&at, 3);
    tutti_scope_close(&s);
    return (int)fib_join(&at);
}
static tutti_fn *wrong;
static void do_wrong(const char *url)
{
    on(url, wrong, NULL);
}
static void dies_of(tutti_fn *fn, const char *url, const char *words)
{
    char text[4096];
    wrong = fn;
    CHECK_INT(urls_dies(do_wrong, url, text, sizeof text), SIGABRT);
    CHECK_HAS(text, words);
}
ON_URLS(mistakes_are_named)
{
    dies_of(join_without_fork, url, "a join without a fork");
    dies_of(join_of_another, url, "confused: a join of take");
    dies_of(fork_without_join, url, "forked calls that were not joined");
    dies_of(scope_closed_between, url, "closed a scope before it joined");
}

TEST_MAIN
