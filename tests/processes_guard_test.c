/* tests/processes_guard_test.c - nothing that is said to a program by its environment, and
 * nothing that goes wrong in its workers, makes it start processes without end.  Probes are
 * this program executed again, as nobody and with few processes allowed: should a guard
 * fail, that is where it ends. */
#include "processes.h"
#include <dlfcn.h>
#include <grp.h>

enum { NOBODY = 65534, FEW = 40 };

TUTTI_TASK(nothing, "guard.nothing", int, int);
static int nothing(const int *in, int *out)
{
    *out = *in;
    return 0;
}

/* Workers that never come to serve. */
__attribute__((constructor)) static void stillborn(void)
{
    if (getenv("GUARD_STILLBORN"))
        _exit(9);
}

static int bounded(void)
{
    struct rlimit few = { FEW, FEW };
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
        return -1;
    return setrlimit(RLIMIT_NPROC, &few);
}

/* Run the case of that name in this program, executed again with that variable. */
static int probe(const char *name, const char *variable, const char *value)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("GUARD_PROBE", "1", 1);
        setenv(variable, value, 1);
        alarm(30);
        dup2(STDERR_FILENO, STDOUT_FILENO); /* its lines are none of our report's */
        if (bounded() < 0 || access("/proc/self/exe", X_OK) < 0)
            _exit(CHECK_SKIPPED);
        execl("/proc/self/exe", "probe", name, (char *)NULL);
        _exit(CHECK_SKIPPED); /* nobody may not read the build folder */
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHECK_SKIPPED)
        check_skip("nobody may not execute this program");
    return WEXITSTATUS(status);
}

static void is_probe(void)
{
    if (!getenv("GUARD_PROBE"))
        check_skip("a probe of the others");
}

TEST(zz_probe_refused)
{
    tutti_executor *ex;
    is_probe();
    CHECK(!getenv("TUTTI_WORKER")); /* gone, so that nobody inherits it */
    CHECK_INT(tutti_executor_open(&ex, "processes://1"), -EPERM);
    CHECK_HAS(tutti_why(), "TUTTI_WORKER");
    CHECK(!ex);
    CHECK_INT(tutti_executor_open(&ex, "threads://1"), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(zz_probe_deep)
{
    tutti_executor *ex;
    is_probe();
    CHECK_INT(tutti_executor_open(&ex, "processes://1"), -ELOOP);
    CHECK_HAS(tutti_why(), "nested");
}

TEST(a_forged_variable_makes_no_worker)
{
    static const char *const forged[] = {
        "", "1", "3,4,5,0,2a0000000000,1", "0,1,2,0,0,0", "999,999,999,999,ffff,ffff",
        "-1,-1,-1,4294967295,ffffffffffffffff,ffffffffffffffff", "%n%n%n%s%s", "3,4,5"
    };
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++)
        CHECK_INT(probe("zz_probe_refused", "TUTTI_WORKER", forged[i]), 0);
}

TEST(depth_is_bounded)
{
    CHECK_INT(probe("zz_probe_deep", "TUTTI_DEPTH", "4"), 0);
    CHECK_INT(probe("zz_probe_deep", "TUTTI_DEPTH", "99999999999999999999"), 0);
}

TEST(zz_probe_stillborn)
{
    tutti_executor *ex;
    tutti_scope s;
    int in = 1, out;
    is_probe();
    setenv("GUARD_STILLBORN", "1", 1);
    int rc = tutti_executor_open(&ex, "processes://2");
    if (rc < 0)
        return;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(nothing_call(&s, &in, &out), -TUTTI_ELOST);
    CHECK_HAS(tutti_why(), "before they can serve");
    CHECK_INT(nothing_call(&s, &in, &out), -TUTTI_ELOST);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(stillborn_workers_are_given_up)
{
    CHECK_INT(probe("zz_probe_stillborn", "GUARD_NOTHING", "1"), 0);
}

/* More workers than processes that may be had: an error, and nothing left behind. */
TEST(zz_probe_limit)
{
    tutti_executor *ex;
    is_probe();
    int rc = tutti_executor_open(&ex, "processes://100");
    if (rc == 0)
        check_skip("this user may have any number of processes");
    CHECK_INT(rc, -EAGAIN);
    CHECK(*tutti_why());
    CHECK(!ex);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
}

TEST(no_more_processes_is_an_error)
{
    CHECK_INT(probe("zz_probe_limit", "GUARD_NOTHING", "1"), 0);
}

TEST(tasks_of_a_library_loaded_while_running_are_found)
{
    union {
        void *found;
        int (*plus)(const char *url, int n);
    } plugin = { NULL };
    if (chdir("/") < 0)
        check_skip("no way to /");
    tutti_executor *ex = processes_open_bounded("processes://1"); /* before it is loaded */
    void *library = dlopen(GUARD_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    CHECK(library);
    plugin.found = dlsym(library, "plugin_plus");
    CHECK(plugin.found);
    CHECK_INT(plugin.plus("processes://1", 5), 1005);
    const tutti_task *t = tutti_task_find("plugin.plus");
    tutti_scope s;
    tutti_future f;
    int in = 7, out = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_submit(&s, t, (tutti_bytes){ &in, sizeof in }, &f), 0);
    CHECK_INT(tutti_future_take(f, &out, sizeof out), 0);
    CHECK_INT(out, 1007);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
