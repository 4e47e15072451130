/* tests/hook_process_test.c - libtutti-hook: other processes: vfork, fork, system, popen and
 * posix_spawn. */
#include "hook_common.h"
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <tutti/io.h>
#include <time.h>
#include <unistd.h>

/* --- other processes ------------------------------------------------------------------------ */

static int run_true(void *unused)
{
    (void)unused;
    pid_t pid = vfork();
    if (pid == 0) {
        execlp("true", "true", (char *)NULL);
        _exit(9);
    }
    int status = -1;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    return 0;
}

TEST(vfork_works_in_a_task)
{
    alone(run_true);
}

TEST(vfork_works_outside)
{
    run_true(NULL);
}

/* In the child of vfork a close must not end the parent's waits, nor a read park there. */
static volatile int child_was_here;

static int vfork_beside(void *unused)
{
    (void)unused;
    let_others();
    pid_t pid = vfork();
    if (pid == 0) {
        child_was_here = 1; /* in a memory of its own */
        close(pair.fd[0]);
        _exit(3);
    }
    int status;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(WEXITSTATUS(status), 3);
    CHECK_INT(child_was_here, 0);
    let_others();
    CHECK_INT(write(pair.fd[1], "x", 1), 1);
    return 0;
}

static int read_x(void *unused)
{
    (void)unused;
    CHECK_INT(wait_read(), 1);
    return 0;
}

TEST(close_in_a_child_of_vfork_is_the_childs)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", read_x, vfork_beside);
}

static void *vfork_on_thread(void *unused)
{
    (void)unused;
    usleep(20000); /* most times the task has parked by then */
    pid_t pid = vfork();
    if (pid == 0) {
        close(pair.fd[0]); /* with our memory at hand */
        _exit(3);
    }
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    CHECK_INT(write(pair.fd[1], "x", 1), 1);
    return NULL;
}

TEST(close_in_a_child_of_a_threads_vfork_is_the_childs)
{
    pthread_t thread;
    pair_sockets(SOCK_STREAM);
    CHECK_INT(pthread_create(&thread, NULL, vfork_on_thread, NULL), 0);
    alone(read_x);
    pthread_join(thread, NULL);
}

static int fork_beside(void *unused)
{
    (void)unused;
    let_others();
    int p[2];
    CHECK_INT(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) { /* a plain thread: what blocks, blocks */
        struct timespec span = { 0, 1000000 };
        char c;
        close(pair.fd[0]);
        _exit(nanosleep(&span, NULL) || read(p[0], &c, 1) != 1);
    }
    CHECK_INT(write(p[1], "y", 1), 1);
    int status;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    CHECK_INT(write(pair.fd[1], "x", 1), 1);
    return 0;
}

TEST(a_child_of_fork_blocks_as_a_thread_does)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", read_x, fork_beside);
}

static int run_programs(void *unused)
{
    (void)unused;
    extern char **environ;
    char *const argv[] = { (char *)(uintptr_t)"true", NULL };
    pid_t pid;
    int status;
    CHECK_INT(system("true"), 0);
    CHECK_INT(posix_spawnp(&pid, "true", NULL, NULL, argv, environ), 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    FILE *f = popen("echo hello", "r");
    char text[16] = "";
    CHECK(f && fgets(text, sizeof text, f));
    CHECK_STR(text, "hello\n");
    CHECK_INT(pclose(f), 0);
    return 0;
}

TEST(system_popen_and_spawn_work_in_a_task)
{
    alone(run_programs);
}

TEST_MAIN
