/* How waits for descriptors end early, on every backend and from plain threads: deadlines,
 * tutti_close under those who wait, cuts at each of them; and what is left behind. */
#include "cut.h"
#include "io_echo.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <tutti/sync.h>

/* --- how waits end ------------------------------------------------------------------ */

ON_IO(a_deadline_ends_a_read_that_takes_nothing)
{
    int ends[2];
    char byte = 0;
    (void)s;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (int i = 0; i < 3; i++) {
        TUTTI_SCOPE(hurry, NULL, tutti_after(5 * TUTTI_MS), 0);
        CHECK_INT(tutti_read(ends[0], &byte, 1), -ETIMEDOUT);
        CHECK_INT(tutti_fd_wait(ends[0], POLLIN, TUTTI_NEVER), -ETIMEDOUT);
    }
    CHECK_INT(tutti_fd_wait(ends[0], POLLIN, tutti_after(TUTTI_MS)), 0);
    CHECK_INT(write(ends[1], "x", 1), 1);
    CHECK_INT(tutti_fd_wait(ends[0], POLLIN, TUTTI_NEVER), POLLIN);
    CHECK_INT(tutti_read(ends[0], &byte, 1), 1);
    CHECK_INT(byte, 'x');
    CHECK_INT(tutti_close(ends[0]), 0);
    CHECK_INT(tutti_close(ends[1]), 0);
}

static _Atomic int waiting;
static _Atomic int ended[3];
static int read_one(void *fd)
{
    char byte;
    atomic_fetch_add(&waiting, 1);
    int rc = tutti_read((int)(intptr_t)fd, &byte, 1);
    ended[0] = rc;
    return rc;
}
static int wait_one(void *fd)
{
    atomic_fetch_add(&waiting, 1);
    int rc = tutti_fd_wait((int)(intptr_t)fd, POLLIN, TUTTI_NEVER);
    ended[1] = rc;
    return rc;
}
static int wait_any(void *fd)
{
    tutti_case k[] = { tutti_on_fd((int)(intptr_t)fd, POLLIN), tutti_on_time(TUTTI_NEVER) };
    atomic_fetch_add(&waiting, 1);
    int rc = tutti_wait(k, 2);
    ended[2] = rc == 0 ? k[0].code : rc;
    return 0;
}

/* Parked: all of *s that began. */
ON_IO(closing_a_descriptor_ends_all_waits_for_it_and_no_others)
{
    int ends[2], next[2];
    (void)s;
    if (UNDER_TSAN)
        check_skip("closing under who waits is a race on purpose");
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    tutti_scope old, young;
    tutti_scope_open(&old, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&old, read_one, fd_arg(ends[0])), 0);
    CHECK_INT(tutti_go(&old, wait_one, fd_arg(ends[0])), 0);
    CHECK_INT(tutti_go(&old, wait_any, fd_arg(ends[0])), 0);
    until_parked(&old, 3);
    CHECK_INT(tutti_close(ends[0]), 0);
    /* The number's next life. */
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, next), 0);
    CHECK_INT(next[0], ends[0]);
    tutti_scope_open(&young, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&young, wait_one, fd_arg(next[0])), 0);
    until_parked(&young, 1);
    tutti_scope_expire(&old, tutti_after(urls_patience())); /* a hang is a failure */
    tutti_scope_stats st = { .size = sizeof st };
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(&old, &st), 0);
    } while (st.live);
    CHECK_INT(ended[0], -ECANCELED);
    CHECK_INT(ended[1], -ECANCELED);
    CHECK_INT(ended[2], -ECANCELED);
    CHECK_INT(write(next[1], "y", 1), 1);
    CHECK_INT(tutti_scope_close(&young), 0);
    CHECK_INT(ended[1], POLLIN);
    tutti_scope_close(&old);
    CHECK_INT(tutti_close(next[0]), 0);
    CHECK_INT(tutti_close(next[1]), 0);
    CHECK_INT(tutti_close(ends[1]), 0);
    CHECK_INT(tutti_close(ends[0]), -EBADF);
}

ON_IO(bad_descriptors_are_told)
{
    char byte = 0;
    (void)s;
    CHECK_INT(tutti_read(-1, &byte, 1), -EBADF);
    CHECK_HAS(tutti_why(), "tutti_read: ");
    CHECK_INT(tutti_write(900, &byte, 1), -EBADF);
    CHECK_INT(tutti_fd_wait(-1, POLLIN, TUTTI_NEVER), -EBADF);
    CHECK_INT(tutti_fd_wait(900, POLLIN, TUTTI_NEVER), -EBADF);
    CHECK_INT(tutti_accept(900), -EBADF);
    CHECK_INT(tutti_accept(0) < 0, 1);
    CHECK_INT(tutti_pread(900, &byte, 1, 0), -EBADF);
    CHECK_INT(tutti_fsync(900), -EBADF);
    CHECK_INT((int)tutti_sendfile(900, 0, 0, 1), -EBADF);
    CHECK_INT(tutti_close(-1), -EBADF);
}

/* --- a socket of the program's own ----------------------------------------------------- */

ON_IO(a_socket_of_ones_own_is_connected)
{
    (void)s;
    char text[64];
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int l = tutti_listen("tcp:127.0.0.1:0"), fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(tutti_address_local(l, text, sizeof text), 0);
    a.sin_port = htons((uint16_t)atoi(strrchr(text, ':') + 1));
    CHECK_INT(tutti_connect(fd, &a, sizeof a), 0);
    CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(tutti_connect(fd, &a, sizeof a), -EISCONN);
    CHECK_INT(tutti_connect(fd, &a, 4096), -EINVAL);
    CHECK_INT(tutti_connect(fd, NULL, 0), -EINVAL);
    CHECK_INT(tutti_connect(-1, &a, sizeof a), -EBADF);
    CHECK_INT(tutti_close(fd), 0);
    CHECK_INT(tutti_close(l), 0);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(tutti_connect(fd, &a, sizeof a), -ECONNREFUSED);
    CHECK_INT(tutti_close(fd), 0);
}
/* --- cut off anywhere --------------------------------------------------------------------- */

static int client(void *unused)
{
    char buf[100];
    (void)unused;
    int fd = tutti_dial(address), rc = fd;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = tutti_write_all(fd, "hello", 5);
        rc = rc < 0 ? rc : tutti_read(fd, buf, sizeof buf);
    }
    if (fd >= 0)
        tutti_close(fd);
    return rc;
}

static bool scenario_cut(tutti_executor *ex, uint64_t after)
{
    tutti_scope work, other;
    int l = listen_somewhere("tcp:127.0.0.1:0");
    struct cutter k = { ex, &work, after, false };
    tutti_scope_open(&other, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&work, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&other, cut_after, &k), 0);
    CHECK_INT(tutti_go(&work, serve, fd_arg(l)), 0);
    tutti_future done[2];
    for (int i = 0; i < 2; i++)
        CHECK_INT(tutti_spawn(&work, client, NULL, NULL, &done[i]), 0);
    int rc = tutti_future_await(done[0], NULL);
    int all = tutti_future_await(done[1], NULL);
    k.enough = true;
    tutti_close(l);
    tutti_scope_close(&work);
    CHECK_INT(tutti_scope_close(&other), 0);
    return rc >= 0 && all >= 0;
}

static void cut_everywhere(tutti_scope *s)
{
    tutti_executor *ex = tutti_scope_executor(s);
    scenario_cut(ex, 1000);
    int before = descriptors();
    for (uint64_t after = 0;; after++) {
        CHECK(after < 300);
        bool through = scenario_cut(ex, after);
        CHECK_INT(descriptors(), before);
        if (through)
            break;
    }
}
TEST(cut_off_at_each_wait_nothing_is_left_open__epoll)
{
    io_run(cut_everywhere, "loop://?io=epoll", true);
}
TEST(cut_off_at_each_wait_nothing_is_left_open__uring)
{
    io_run(cut_everywhere, "loop://?io=uring", true);
}

/* The ring has not heard yet of who waits when the number stands for another file.  On one
 * thread; between two it is as with close(2) and read(2) at the same moment. */
static void reuse_at_once(tutti_scope *s)
{
    for (int i = 0; i < 3; i++) {
        int old[2], new[2];
        char got[8] = "";
        tutti_scope tasks;
        CHECK_INT(tutti_pipe(old), 0);
        tutti_scope_open(&tasks, tutti_scope_executor(s), TUTTI_NEVER, 0);
        ended[0] = 1;
        CHECK_INT(tutti_go(&tasks, read_one, fd_arg(old[0])), 0);
        until_parked(&tasks, 1);
        CHECK_INT(tutti_close(old[0]), 0);
        CHECK_INT(pipe2(new, O_CLOEXEC), 0);
        CHECK_INT(new[0], old[0]);
        CHECK_INT(write(new[1], "new", 3), 3);
        CHECK_INT(tutti_scope_close(&tasks), -ECANCELED); /* read_one failed */
        CHECK_INT(ended[0], -ECANCELED);
        CHECK_INT(read(new[0], got, sizeof got), 3);
        CHECK_STR(got, "new");
        CHECK_INT(tutti_close(old[1]), 0);
        CHECK_INT(tutti_close(new[0]), 0);
        CHECK_INT(tutti_close(new[1]), 0);
    }
}

TEST(who_waited_for_a_number_takes_nothing_from_its_next_file__epoll)
{
    io_run(reuse_at_once, "loop://?io=epoll", true);
}
TEST(who_waited_for_a_number_takes_nothing_from_its_next_file__uring)
{
    io_run(reuse_at_once, "loop://?io=uring", true);
}
TEST(who_waited_for_a_number_takes_nothing_from_its_next_file__defer)
{
    io_run(reuse_at_once, "threads://1?io=uring-defer", true);
}

/* Nobody accepts, and there is no room for more of them, so connecting goes on. */
static int listen_to_nobody(struct sockaddr_in *a, int *crowd, int n)
{
    socklen_t size = sizeof *a;
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *a = (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    CHECK_INT(bind(l, (struct sockaddr *)a, sizeof *a), 0);
    CHECK_INT(listen(l, 0), 0);
    CHECK_INT(getsockname(l, (struct sockaddr *)a, &size), 0);
    for (int i = 0; i < n; i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(crowd[i], (struct sockaddr *)a, size);
    }
    return l;
}

static struct sockaddr_in nobody;
static int connect_one(void *fd)
{
    ended[0] = tutti_connect((int)(intptr_t)fd, &nobody, sizeof nobody);
    return 0;
}

ON_IO(closing_a_socket_ends_its_connecting)
{
    enum { CROWD = 4 };
    int crowd[CROWD], l = listen_to_nobody(&nobody, crowd, CROWD);
    for (int i = 0; i < 3; i++) {
        tutti_scope tasks;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        tutti_scope_open(&tasks, tutti_scope_executor(s), TUTTI_NEVER, 0);
        ended[0] = 1;
        CHECK_INT(tutti_go(&tasks, connect_one, fd_arg(fd)), 0);
        until_parked(&tasks, 1);
        CHECK_INT(ended[0], 1);
        CHECK_INT(tutti_close(fd), 0);
        CHECK_INT(tutti_scope_close(&tasks), 0);
        CHECK_INT(ended[0], -ECANCELED);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        tutti_scope_open(&tasks, NULL, tutti_after(5 * TUTTI_MS), TUTTI_KEEP_GOING);
        CHECK_INT(tutti_connect(fd, &nobody, sizeof nobody), -ETIMEDOUT);
        tutti_scope_cancel(&tasks);
        tutti_scope_close(&tasks);
        CHECK_INT(tutti_close(fd), 0);
    }
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    close(l);
}

TEST_MAIN
