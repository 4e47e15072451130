/* tests/processes_life_test.c - the life of worker processes: what they call when they begin
 * and end, that none outlives its home, and fork(). */
#include "processes.h"

TUTTI_TASK(triple, "processes.triple", int, long);
static int triple(const int *in, long *out)
{
    *out = *in * 3L;
    return 0;
}

TUTTI_TASK(who, "processes.who", tutti_none, int);
static int who(const tutti_none *in, int *out)
{
    (void)in;
    *out = getpid();
    return 0;
}

static tutti_executor *open_two(void)
{
    return processes_open_bounded("processes://2");
}

/* --- fork(), and the end of home -------------------------------------------------- */

TEST(a_child_of_fork_is_told_that_the_executor_is_its_parents)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_ref ref;
    tutti_future f;
    int in = 2, status;
    long out;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK(tutti_share(&s, 10, 1, TUTTI_READ, &ref));
    CHECK_INT(triple_submit(&s, &in, &f), 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        CHECK(!tutti_ref_view(&ref));
        CHECK_INT(triple_submit(&s, &in, NULL), -TUTTI_ELOST);
        CHECK_INT(tutti_future_await(f, NULL), -TUTTI_ELOST);
        CHECK_INT(tutti_executor_close(ex), -TUTTI_ELOST);
        if (CHECK_TSAN)
            _exit(0); /* it allows no thread after the fork() of a program with threads */
        tutti_executor *own = open_two(); /* afresh */
        tutti_scope mine;
        tutti_scope_open(&mine, own, TUTTI_NEVER, 0);
        CHECK_INT(triple_call(&mine, &in, &out), 0);
        CHECK_INT(out, 6);
        CHECK_INT(tutti_scope_close(&mine), 0);
        CHECK_INT(tutti_executor_close(own), 0);
        _exit(0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    CHECK_INT(triple_take(f, &out), 0);
    CHECK_INT(out, 6);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* Its workers' ids through a pipe; then it is killed with a task running. */
static void die_at_home(int to)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_none none = { 0 };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 2; i++) {
        int pid;
        CHECK_INT(who_call(&s, &none, &pid), 0);
        CHECK_INT(write(to, &pid, sizeof pid), sizeof pid);
    }
    raise(SIGKILL);
}

TEST(no_worker_outlives_its_home)
{
    int ends[2], pid, status;
    char byte;
    processes_needed();
    CHECK_INT(pipe(ends), 0);
    pid_t home = fork();
    if (home == 0)
        die_at_home(ends[1]);
    close(ends[1]);
    CHECK_INT(waitpid(home, &status, 0), home);
    CHECK_INT(read(ends[0], &pid, sizeof pid), sizeof pid);
    while (kill(pid, 0) == 0) /* the watchdog ends what never ends */
        usleep(1000);
    while (read(ends[0], &byte, 1) > 0)
        ;
}

/* --- what workers call ----------------------------------------------------------- */

static int inits, order;

static int first_init(void)
{
    inits = 1;
    return getenv("HOOK_FAILS") ? -EPROTO : 0;
}

static void first_fini(void)
{
    if (getenv("HOOK_SPEAKS"))
        dprintf(STDOUT_FILENO, "first fini %d\n", order++);
}

static int second_init(void)
{
    inits += 10 * inits;
    return 0;
}

static void second_fini(void)
{
    if (getenv("HOOK_SPEAKS"))
        dprintf(STDOUT_FILENO, "second fini %d\n", order++);
}
TUTTI_WORKER(first, first_init, first_fini);
TUTTI_WORKER(second, second_init, second_fini);
TUTTI_WORKER(neither, NULL, NULL);
TUTTI_TASK(initiated, "processes.initiated", tutti_none, int);
static int initiated(const tutti_none *in, int *out)
{
    (void)in;
    *out = inits;
    return 0;
}

/* Each worker of a child, which prints what they do. */
static void hooks_used(void)
{
    tutti_executor *ex = processes_open_bounded("processes://1?recycle=1");
    tutti_scope s;
    tutti_none none = { 0 };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 5; i++) { /* also of those that a zygote has forked */
        int out = 0;
        CHECK_INT(initiated_call(&s, &none, &out), 0);
        CHECK_INT(out, 11);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(each_worker_calls_init_and_fini)
{
    char text[4000];
    size_t have = 0;
    ssize_t n;
    int ends[2], status;
    processes_needed();
    CHECK_INT(inits, 0); /* not at home */
    CHECK_INT(pipe(ends), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        setenv("HOOK_SPEAKS", "1", 1);
        alarm(30);
        hooks_used();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + have, sizeof text - 1 - have)) > 0)
        have += (size_t)n;
    text[have] = 0;
    close(ends[0]);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    int times = 0;
    for (char *at = text; (at = strstr(at, "second fini 0\nfirst fini 1\n")); at++)
        times++;
    CHECK(times >= 5);
}

TEST(an_init_that_fails_is_told_with_its_name)
{
    tutti_executor *ex;
    tutti_scope s;
    tutti_none none = { 0 };
    int out;
    setenv("HOOK_FAILS", "1", 1);
    ex = processes_open_bounded("processes://1?output=inherit");
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(initiated_call(&s, &none, &out), -TUTTI_ELOST);
    CHECK_HAS(tutti_why(), "first");
    CHECK_HAS(tutti_why(), tutti_strerror(-EPROTO));
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
