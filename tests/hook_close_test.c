/* tests/hook_close_test.c - libtutti-hook: a descriptor that is closed, or replaced, ends the
 * waits for it. */
#include "hook_common.h"
#include <pthread.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <tutti/io.h>
#include <unistd.h>

/* --- descriptors that are closed --------------------------------------------------------- */

static int lose_read(void *unused)
{
    (void)unused;
    CHECK_INT(wait_read(), -1);
    CHECK_INT(errno, EBADF);
    return 0;
}

static int lose_poll(void *unused)
{
    (void)unused;
    struct pollfd p[] = { { pair.fd[1], POLLPRI, 0 }, { pair.fd[0], POLLIN, 0 } };
    CHECK_INT(poll(p, 2, -1), 1);
    CHECK_INT(p[0].revents, 0);
    CHECK_INT(p[1].revents, POLLNVAL);
    return 0;
}

static int lose_select(void *unused)
{
    (void)unused;
    CHECK_INT(wait_select(), -1);
    CHECK_INT(errno, EBADF);
    return 0;
}

/* The number comes back at once for another socket, on which there is something to read. */
static int close_and_reuse(void *unused)
{
    (void)unused;
    int other[2], keep = dup(pair.fd[0]);
    let_others();
    close(pair.fd[0]);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    CHECK_INT(other[0], pair.fd[0]);
    CHECK_INT(write(other[1], "x", 1), 1);
    let_others();
    close(keep);
    return 0;
}

static void lost_by(tutti_fn *waits_for, tutti_fn *closes)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", waits_for, closes);
}

TEST(close_ends_a_read_with_ebadf)
{
    lost_by(lose_read, close_and_reuse);
}

TEST(close_ends_a_poll_with_pollnval)
{
    lost_by(lose_poll, close_and_reuse);
}

TEST(close_ends_a_select_with_ebadf)
{
    lost_by(lose_select, close_and_reuse);
}

static int lose_tutti_wait(void *unused)
{
    (void)unused;
    CHECK_INT(tutti_fd_wait(pair.fd[0], POLLIN, TUTTI_NEVER), -ECANCELED);
    return 0;
}

TEST(close_ends_the_waits_of_tutti_itself)
{
    lost_by(lose_tutti_wait, close_and_reuse);
}

static int replace_by_dup2(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(dup2(0x7ffffff, pair.fd[0]), -1); /* closes nothing */
    CHECK_INT(dup2(pair.fd[0], pair.fd[0]), pair.fd[0]);
    let_others();
    CHECK_INT(dup2(STDIN_FILENO, pair.fd[0]), pair.fd[0]);
    return 0;
}

TEST(dup2_ends_a_read_with_ebadf)
{
    lost_by(lose_read, replace_by_dup2);
}

static int replace_by_dup3(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(dup3(STDIN_FILENO, pair.fd[0], O_CLOEXEC), pair.fd[0]);
    return 0;
}

TEST(dup3_ends_a_read_with_ebadf)
{
    lost_by(lose_read, replace_by_dup3);
}

static int close_by_range(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(close_range((unsigned)pair.fd[0], (unsigned)pair.fd[0], 0), 0);
    return 0;
}

TEST(close_range_ends_a_read_with_ebadf)
{
    lost_by(lose_read, close_by_range);
}

static void *close_on_thread(void *unused)
{
    (void)unused;
    usleep(20000); /* most times after the task has parked; right before as well */
    close(pair.fd[0]);
    return NULL;
}

TEST(close_on_another_thread_ends_it_too)
{
    pthread_t thread;
    if (CHECK_TSAN)
        check_skip("to ThreadSanitizer a close under a waiter is a race, and rightly so");
    pair_sockets(SOCK_STREAM);
    CHECK_INT(pthread_create(&thread, NULL, close_on_thread, NULL), 0);
    alone(lose_read);
    pthread_join(thread, NULL);
}

TEST_MAIN
