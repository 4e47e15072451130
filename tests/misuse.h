/* tests/misuse.h - every public function, given NULL, a thing that was never opened, or one
 * that is gone: each call must end with an error code and a sentence, or, where it can
 * return none, with an abort and a sentence that says which call in which task it was.
 *
 *     CALL(name, want, code)    one such call; code is the value that is checked for CODE
 *
 * Each runs in a process of its own, first on a plain thread, then in a task. */
#ifndef TESTS_MISUSE_H
#define TESTS_MISUSE_H
#include "check.h"
#include <tutti.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum want {
    CODE,    /* negative, and tutti_why() is not empty */
    NOTHING, /* as the header says: it does nothing, or gives nothing, and comes back */
    ABORT,   /* SIGABRT after a line that begins with "tutti: " and names the task */
    ABORT_OTHER /* the same, of a task or thread that has another name, or none */
};

struct call {
    const char *name;
    enum want want;
    int (*make)(void);
    struct call *next;
};
static struct call *calls;

#define CALL(name_, want_, code_)                                             \
    static int call_##name_(void)                                             \
    {                                                                         \
        return (code_);                                                       \
    }                                                                         \
    static struct call entry_##name_ = { #name_, want_, call_##name_, NULL }; \
    __attribute__((constructor)) static void enter_##name_(void)              \
    {                                                                         \
        entry_##name_.next = calls;                                           \
        calls = &entry_##name_;                                               \
    }
#define VOID(call_) ((void)(call_), 0)
/* A call that gives a pointer: NULL is its error. */
#define POINTER(call_) ((call_) ? 0 : -1)

static int fine(void *unused)
{
    (void)unused;
    return 0;
}
TUTTI_TASK(twice, "misuse.twice", int, int);
static int twice(const int *in, int *out)
{
    *out = 2 * *in;
    return 0;
}
TUTTI_TASK_BYTES(any, "misuse.any");
static int any(tutti_bytes in, tutti_out *out)
{
    return tutti_put(out, in.data, in.size);
}

/* The scope of the running case, opened around each call, so that it is nobody's fault but
 * the call's own. */
static tutti_scope here;

__attribute__((unused)) static tutti_scope *closed(void)
{
    static tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    tutti_scope_close(&s);
    return &s;
}

/* --- running them ---------------------------------------------------------------------- */

enum { RAN_WELL, RAN_CODE, RAN_SILENT };

static int misuse_in_scope(void *arg)
{
    const struct call *c = arg;
    tutti_task_name_set("the.culprit");
    tutti_scope_open(&here, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int rc = c->make();
    const char *why = tutti_why();
    if (rc < 0 && !*why)
        printf("# %s: %d without a sentence\n", c->name, rc);
    fflush(stdout);
    _exit(rc == 0 ? RAN_WELL : rc < 0 && *why ? RAN_CODE : RAN_SILENT);
}

static void misuse_run(struct call *c, const char *url, int log)
{
    struct rlimit none_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none_core);
    dup2(log, STDERR_FILENO);
    alarm(20);
    if (url)
        tutti_run(url, misuse_in_scope, c);
    else
        misuse_in_scope(c);
    _exit(99);
}

static int misuse_fails(struct call *c, const char *url)
{
    char text[1000] = "";
    int log = memfd_create("log", MFD_CLOEXEC), status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        misuse_run(c, url, log);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(pread(log, text, sizeof text - 1, 0) >= 0);
    close(log);
    int good = c->want >= ABORT
                   ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
                         && strstr(text, "tutti: ")
                         && (c->want == ABORT_OTHER || strstr(text, "the.culprit"))
                   : WIFEXITED(status)
                         && WEXITSTATUS(status) == (c->want == CODE ? RAN_CODE : RAN_WELL);
    if (!good)
        printf("# %s on %s: %s %d, and said: %s\n", c->name, url ? url : "a plain thread",
               WIFSIGNALED(status) ? "signal" : "exit",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text);
    return !good;
}

static void misuse_all(const char *url)
{
    int failed = 0, count = 0;
    for (struct call *c = calls; c; c = c->next, count++)
        failed += misuse_fails(c, url);
    printf("# %d calls\n", count);
    CHECK_INT(failed, 0);
}

TEST(on_a_plain_thread)
{
    misuse_all(NULL);
}

TEST(in_a_task_of_a_loop)
{
    misuse_all("loop://");
}

TEST(in_a_task_of_a_pool)
{
    misuse_all("threads://2");
}
#endif
