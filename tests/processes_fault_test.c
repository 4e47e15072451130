/* tests/processes_fault_test.c - when the n-th request of processes:// for memory, a mapping,
 * a descriptor, a thread or a process fails, for every n, at home and in the workers: a code
 * comes back with words, nothing hangs, no descriptor and no process is left behind, and what
 * is opened next works. */
#include "base/memory.h"
#include "descriptors.h"
#include "processes.h"
#include <tutti/patterns.h>

struct in {
    int dies, value;
    char more[100]; /* too much to lie in the request itself */
};
TUTTI_TASK(plus, "fault.plus", struct in, int);
static int plus(const struct in *in, int *out)
{
    if (in->dies)
        raise(in->dies);
    *out = in->value + 1;
    return 0;
}
TUTTI_TASK_BYTES(echo, "fault.echo");
static int echo(tutti_bytes in, tutti_out *out)
{
    return tutti_put(out, in.data, in.size);
}

/* In a worker, before its `main`. */
__attribute__((constructor)) static void worker_faults(void)
{
    if (getenv("FAULT_WORKER") && getenv("TUTTI_DEPTH")) /* which workers have */
        fault_arm(atoi(getenv("FAULT_WORKER")), false);
}

/* One task of each kind; two that die, so that a zygote is started. */
static int run(void)
{
    static char large[300000];
    tutti_executor *ex;
    tutti_scope s;
    tutti_future f;
    struct in in = { .value = 1 }, many[40] = { { .value = 0 } };
    int out, worst = 0, codes[40], outs[40];
    int rc = tutti_executor_open(&ex, "processes://2?grace-ms=2000");
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < 6; i++) {
        in.dies = i == 1 || i == 3 || i == 4 ? SIGKILL : 0;
        rc = plus_call(&s, &in, &out);
        if (in.dies ? rc != -TUTTI_ECRASH && rc >= 0 : rc == 0 && out != 2)
            check_fail(__FILE__, __LINE__, "%d: %d, %d", i, rc, out);
        worst = rc < 0 && rc != -TUTTI_ECRASH ? rc : worst;
    }
    rc = tutti_submit(&s, &echo_task, (tutti_bytes){ large, sizeof large }, &f);
    if (rc == 0) {
        tutti_bytes got;
        rc = tutti_future_await(f, &got);
        CHECK(rc < 0 || got.size == sizeof large);
    }
    worst = rc < 0 ? rc : worst;
    rc = tutti_map(&s, &plus_task, many, outs, 40, codes);
    worst = rc < 0 ? rc : worst;
    for (int i = 0; i < 40 && rc == 0; i++)
        CHECK(codes[i] < 0 || outs[i] == 1);
    rc = tutti_scope_close(&s);
    worst = rc < 0 && rc != -TUTTI_ECRASH ? rc : worst;
    CHECK_INT(tutti_executor_close(ex), 0);
    return worst;
}

static void nothing_left(int before, const char *what, long n)
{
    int status;
    if (waitpid(-1, &status, WNOHANG) != -1)
        check_fail(__FILE__, __LINE__, "%s %ld: a process is left", what, n);
    if (descriptors() != before)
        check_fail(__FILE__, __LINE__, "%s %ld: %d descriptors, not %d", what, n,
                   descriptors(), before);
}

static bool wanting(int rc)
{
    return rc == -ENOMEM || rc == -EAGAIN || rc == -EMFILE || rc == -TUTTI_ELOST;
}

static void at_home(bool stays)
{
    processes_needed();
    run(); /* what is made once and kept */
    int before = descriptors();
    long seen = 0;
    /* Where not all is to be tested the later ones, which are many alike, by steps. */
    long start = getenv("TUTTI_TEST_ALL") ? 0 : check_seed() % 4;
    for (long n = 1; n == 1 || seen >= n - 1; n += start ? start + n / 20 : 1) {
        fault_arm(n, stays);
        int rc = run();
        seen = fault_arm(0, false);
        if (rc < 0 && !wanting(rc))
            check_fail(__FILE__, __LINE__, "request %ld: %d: %s", n, rc, tutti_why());
        if (rc < 0 && !*tutti_why())
            check_fail(__FILE__, __LINE__, "request %ld: %d without words", n, rc);
        nothing_left(before, "request", n);
    }
    CHECK_INT(run(), 0);
}

TEST(each_request_at_home_may_fail)
{
    at_home(false);
}

TEST(each_and_all_later_ones_may_fail)
{
    at_home(true);
}

TEST(each_request_in_a_worker_may_fail)
{
    processes_needed();
    run();
    int before = descriptors();
    for (int n = 1; n <= 16; n++) {
        char text[12];
        snprintf(text, sizeof text, "%d", n);
        setenv("FAULT_WORKER", text, 1);
        int rc = run();
        if (rc < 0 && !wanting(rc))
            check_fail(__FILE__, __LINE__, "request %d: %d: %s", n, rc, tutti_why());
        unsetenv("FAULT_WORKER");
        nothing_left(before, "request of a worker", n);
    }
    CHECK_INT(run(), 0);
}

TEST_MAIN
