/* All that a process has started ends with it, however many that are, however deep, whoever of
 * its threads has started them, and in sessions of their own.  This program is its own child:
 * each process of a tree holds the writing end of one pipe, whose end says that all are gone. */
#include "check.h"
#include <errno.h>
#include <pthread.h>
#include <tutti/io.h>

/* --- in the tree ------------------------------------------------------------------------- */

static void role_ready(void)
{
    if (write(STDOUT_FILENO, "r", 1) != 1)
        _exit(1);
}

static void role_wait(void)
{
    alarm(60); /* should nobody end it */
    for (;;)
        pause();
}

/* n that have left the session, and the group with it. */
static void role_wide(int n)
{
    for (int i = 0; i < n; i++) {
        int pid = fork();
        if (pid == 0) {
            setsid();
            role_wait();
        }
        if (pid < 0)
            break; /* as many as there may be */
    }
    role_ready();
}

/* Each has started the next one. */
static void role_deep(int n)
{
    for (; n > 0; n--)
        if (fork() != 0)
            role_wait();
        else
            setsid();
    role_ready();
}

static void *role_thread(void *unused)
{
    (void)unused;
    role_wide(1);
    role_wait();
    return NULL;
}

__attribute__((constructor)) static void role_begin(void)
{
    const char *role = getenv("PROCESS_TEST_ROLE"), *n = getenv("PROCESS_TEST_N");
    pthread_t thread;
    if (!role)
        return;
    if (!strcmp(role, "wide"))
        role_wide(atoi(n));
    else if (!strcmp(role, "deep"))
        role_deep(atoi(n));
    else if (pthread_create(&thread, NULL, role_thread, NULL))
        _exit(1);
    role_wait();
}

/* --- tests ------------------------------------------------------------------------------- */

/* execve(2) of a program of another architecture is ENOEXEC, also when qemu is asked for it. */
static void needs_execution(void)
{
    if (getenv("CHECK_EMULATED"))
        check_skip("what an emulator runs cannot be executed again without it");
    if (getenv("CHECK_VALGRIND"))
        check_skip("valgrind knows no descriptors of processes");
}

static int tree_ends(void *role)
{
    char *argv[] = { "/proc/self/exe", NULL }, got;
    tutti_process p;
    tutti_scope s;
    setenv("PROCESS_TEST_ROLE", role, 1);
    CHECK_INT(tutti_process_open(&p, argv, TUTTI_PIPE_OUT), 0);
    unsetenv("PROCESS_TEST_ROLE");
    CHECK_INT(tutti_read(p.out, &got, 1), 1);
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_process_wait(&p, NULL), -ECANCELED);
    tutti_scope_close(&s);
    CHECK_INT(tutti_read(p.out, &got, 1), 0);
    tutti_process_close(&p);
    return 0;
}

/* The kernel's list of them does not fit into what is read at a time. */
TEST(many_children_end)
{
    needs_execution();
    setenv("PROCESS_TEST_N", "300", 1);
    CHECK_INT(tutti_run("loop://", tree_ends, "wide"), 0);
}

TEST(a_deep_tree_needs_no_deep_stack)
{
    needs_execution();
    setenv("PROCESS_TEST_N", "40", 1);
    CHECK_INT(tutti_run("loop://?stack=16k", tree_ends, "deep"), 0);
}

TEST(children_of_any_thread_end)
{
    needs_execution();
    CHECK_INT(tutti_run("loop://", tree_ends, "thread"), 0);
}

TEST(signals_want_a_process)
{
    CHECK_INT(tutti_process_signal(NULL, SIGTERM), -EINVAL);
}

TEST_MAIN
