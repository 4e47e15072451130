/* Sockets and pipes in blocking style, on every backend and from plain threads: what arrives,
 * addresses, bad weather, and where there is no ring.  How waits end: io_end_test.c; files:
 * io_file_test.c. */
#include "io_echo.h"
#include "storm.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <tutti/sync.h>

/* --- bytes arrive ----------------------------------------------------------------- */

enum { MUCH = 3 << 20 };
static int send_much(void *fd)
{
    unsigned char piece[7777];
    for (size_t at = 0; at < MUCH; at += sizeof piece) {
        size_t n = MUCH - at < sizeof piece ? MUCH - at : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (unsigned char)((at + i) % 251);
        CHECK_INT(tutti_write_all((int)(intptr_t)fd, piece, n), 0);
    }
    CHECK_INT(shutdown((int)(intptr_t)fd, SHUT_WR), 0);
    return 0;
}

static void check_echo(tutti_scope *s, int fd)
{
    unsigned char piece[9999];
    size_t at = 0;
    int n;
    CHECK(fd >= 0);
    CHECK_INT(tutti_go(s, send_much, fd_arg(fd)), 0);
    while ((n = tutti_read(fd, piece, sizeof piece)) > 0)
        for (int i = 0; i < n; i++, at++)
            CHECK(piece[i] == (unsigned char)(at % 251));
    CHECK_INT(n, 0);
    CHECK_INT((int)at, MUCH);
    CHECK_INT(tutti_close(fd), 0);
}

static void echo_over(tutti_scope *s, const char *where)
{
    int l = listen_somewhere(where);
    tutti_scope server;
    tutti_scope_open(&server, tutti_scope_executor(s), TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&server, serve, fd_arg(l)), 0);
    check_echo(&server, tutti_dial(address));
    check_echo(&server, tutti_dial(address));
    CHECK_INT(tutti_close(l), 0); /* ends serve() */
    CHECK_INT(tutti_scope_close(&server), 0);
}

ON_IO(what_is_sent_comes_back_over_tcp)
{
    echo_over(s, "tcp:127.0.0.1:0");
    CHECK(!strncmp(address, "tcp:127.0.0.1:", 14));
}

ON_IO(what_is_sent_comes_back_over_a_local_socket)
{
    char path[100], where[200];
    snprintf(path, sizeof path, "/tmp/tutti-io-test-%d", (int)getpid());
    snprintf(where, sizeof where, "unix:%s", path);
    echo_over(s, where);
    CHECK_STR(address, where);
    CHECK_INT(unlink(path), 0);
    snprintf(where, sizeof where, "unix:@tutti-io-test-%d", (int)getpid());
    echo_over(s, where);
    CHECK_STR(address, where);
}

static int write_some(void *fd)
{
    for (int i = 0; i < 3; i++) {
        tutti_yield();
        CHECK_INT(tutti_write((int)(intptr_t)fd, "abc", 3), 3);
    }
    CHECK_INT(tutti_close((int)(intptr_t)fd), 0);
    return 0;
}

/* A pipe of somebody else's, which blocks, stays as it is. */
ON_IO(a_blocking_pipe_is_read_and_written_without_changing_it)
{
    int ends[2], n, got = 0;
    char buf[2];
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(tutti_go(s, write_some, fd_arg(ends[1])), 0);
    while ((n = tutti_read(ends[0], buf, sizeof buf)) > 0) {
        CHECK(buf[0] == "abc"[got % 3]);
        got += n;
        CHECK_INT(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    }
    CHECK_INT(n, 0);
    CHECK_INT(got, 9);
    CHECK_INT(tutti_close(ends[0]), 0);
}

static int drain_slowly(void *fd)
{
    char buf[4096];
    int n, all = 0;
    while ((n = tutti_read((int)(intptr_t)fd, buf, sizeof buf)) > 0) {
        all += n;
        tutti_yield();
    }
    CHECK_INT(n, 0);
    return all == 1 << 20 ? 0 : -EPROTO;
}

ON_IO(a_full_pipe_holds_its_writer_up)
{
    static char much[1 << 20];
    int ends[2];
    tutti_scope reader;
    CHECK_INT(pipe(ends), 0);
    tutti_scope_open(&reader, tutti_scope_executor(s), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&reader, drain_slowly, fd_arg(ends[0])), 0);
    CHECK_INT(tutti_write_all(ends[1], much, sizeof much), 0);
    CHECK_INT(tutti_close(ends[1]), 0);
    CHECK_INT(tutti_scope_close(&reader), 0);
    CHECK_INT(tutti_close(ends[0]), 0);
}

static tutti_scope greeters;
static int greeted;
static int greet(int fd)
{
    greeted++;
    return tutti_close(fd);
}
static int serve_greetings(void *listener)
{
    tutti_scope_open(&greeters, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int rc = tutti_serve(&greeters, (int)(intptr_t)listener, greet);
    return rc == -ECANCELED ? tutti_scope_close(&greeters) : rc;
}

/* Not one with each look at what has come: who is behind busy ones would wait for all. */
static int crowd_comes(void *unused)
{
    enum { CROWD = 20 };
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    int fds[CROWD], l = listen_somewhere("tcp:127.0.0.1:0");
    (void)unused;
    CHECK_INT(getsockname(l, (struct sockaddr *)&at, &size), 0);
    for (int i = 0; i < CROWD; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(fds[i], (struct sockaddr *)&at, size), 0);
    }
    TUTTI_SCOPE(server, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&server, serve_greetings, fd_arg(l)), 0);
    while (!greeted)
        tutti_yield();
    tutti_scope_stats st = { .size = sizeof st };
    CHECK_INT(tutti_scope_stat(&greeters, &st), 0);
    CHECK_INT((int)st.started, CROWD);
    CHECK_INT(tutti_close(l), 0);
    CHECK_INT(tutti_scope_close(&server), 0);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    return 0;
}
TEST(clients_that_came_together_are_accepted_together__epoll)
{
    CHECK_INT(tutti_run("loop://?io=epoll", crowd_comes, NULL), 0);
}
TEST(clients_that_came_together_are_accepted_together__uring)
{
    int rc = tutti_run("loop://?io=uring", crowd_comes, NULL);
    if (rc == -ENOTSUP)
        check_skip(tutti_why());
    CHECK_INT(rc, 0);
}

/* --- addresses ----------------------------------------------------------------------- */

ON_IO(addresses_that_are_none_are_named)
{
    static const char *const bad[][2] = {
        { "", "begins with" },          { "tcp", "begins with" },
        { "http://x", "begins with" },  { "tcp:", "no port" },
        { "tcp:host", "no port" },      { "tcp:host:", "no port" },
        { "tcp:127.0.0.1:65536", "at most 65535" },
        { "tcp:host:99999999999999999999", "at most 65535" },
        { "tcp:::1:80", "brackets" },   { "unix:", "no path" },
        { "tcp:127.0.0.1:http-not-a-service", "port" },
    };
    char text[400];
    (void)s;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bool service = !strcmp(bad[i][1], "port"); /* its words are the name service's */
        CHECK(tutti_dial(bad[i][0]) == -EINVAL || service);
        CHECK(tutti_listen(bad[i][0]) < 0);
        if (!service)
            CHECK_HAS(tutti_why(), bad[i][1]);
    }
    CHECK_INT(tutti_dial(NULL), -EINVAL);
    CHECK_INT(tutti_dial("udp:127.0.0.1:9"), -EINVAL);
    memset(text, 'a', sizeof text);
    memcpy(text, "unix:", 5);
    text[sizeof text - 1] = 0;
    CHECK_INT(tutti_listen(text), -EINVAL);
    memcpy(text, "tcp:", 4);
    memcpy(text + 380, ":1", 3);
    CHECK_INT(tutti_dial(text), -EINVAL);
    CHECK_INT(tutti_dial("unix:/nonexistent/socket"), -ENOENT);
    CHECK_INT(tutti_dial("tcp:127.0.0.1:1"), -ECONNREFUSED);
    CHECK_HAS(tutti_why(), "127.0.0.1:1");
    CHECK_INT(tutti_dial("tcp:no-such-host.invalid:1") < 0, 1);
}

/* The name stands for both families, and one of them has no listener. */
ON_IO(a_name_with_two_addresses_is_tried_by_both)
{
    int l = listen_somewhere("tcp:127.0.0.1:0");
    char name[100];
    (void)s;
    snprintf(name, sizeof name, "tcp:localhost:%s", strrchr(address, ':') + 1);
    int fd = tutti_dial(name);
    if (fd < 0)
        check_fail(__FILE__, __LINE__, "%s", tutti_why());
    int in = tutti_accept(l);
    CHECK(in >= 0);
    CHECK_INT(tutti_address_peer(fd, address, sizeof address), 0);
    CHECK(!strncmp(address, "tcp:127.0.0.1:", 14));
    CHECK_INT(tutti_close(in), 0);
    CHECK_INT(tutti_close(fd), 0);
    CHECK_INT(tutti_close(l), 0);
}

/* --- bad weather ------------------------------------------------------------------------ */

ON_IO(a_storm_of_signals_changes_nothing)
{
    storm_begin();
    echo_over(s, "tcp:127.0.0.1:0");
    storm_end();
    CHECK(storm_signals > 0);
}

static _Atomic int accepted;
static int accept_one(void *listener)
{
    int rc = tutti_accept((int)(intptr_t)listener);
    accepted = rc;
    return rc;
}

/* What the monitor has open for a moment, to read quotas and clocks, is free again soon. */
static bool some_are_lent(int most)
{
    char link[32], to[16];
    for (int fd = 0; fd < most; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, to, sizeof to - 1);
        to[n > 0 ? n : 0] = 0;
        if (!strncmp(to, "/proc/", 6) || !strncmp(to, "/sys/", 5))
            return true;
    }
    return false;
}

/* Until none is left, and none will be. */
static int fill_table(int *filler, int fillers, int most)
{
    int before;
    do {
        before = fillers;
        while ((filler[fillers] = dup(0)) >= 0)
            fillers++;
        CHECK_INT(errno, EMFILE);
    } while (some_are_lent(most) || fillers > before);
    return fillers;
}

/* Out of descriptors: clients are turned away, nobody spins, and the listener serves on. */
ON_IO(a_full_table_turns_clients_away_and_the_listener_stays)
{
    struct rlimit old, low;
    static int filler[4096];
    int l = listen_somewhere("tcp:127.0.0.1:0"), fillers = 0;
    int mine[3];
    for (int i = 0; i < 3; i++) /* to have some to connect with */
        mine[i] = socket(AF_INET, SOCK_STREAM, 0);
    tutti_scope server;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 200;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
    fillers = fill_table(filler, fillers, 200);
    tutti_scope_open(&server, tutti_scope_executor(s), TUTTI_NEVER, TUTTI_KEEP_GOING);
    accepted = -1;
    CHECK_INT(tutti_go(&server, accept_one, fd_arg(l)), 0);
    until_parked(&server, 1);
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    CHECK_INT(getsockname(l, (struct sockaddr *)&at, &size), 0);
    for (int i = 0; i < 2; i++) {
        char byte;
        fillers = fill_table(filler, fillers, 200);
        CHECK_INT(connect(mine[i], (struct sockaddr *)&at, size), 0);
        CHECK(tutti_read(mine[i], &byte, 1) <= 0); /* turned away */
    }
    CHECK_INT(accepted, -1); /* it waits on */
    while (fillers)
        close(filler[--fillers]);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_INT(connect(mine[2], (struct sockaddr *)&at, size), 0);
    tutti_scope_close(&server);
    if (accepted < 0)
        check_fail(__FILE__, __LINE__, "accept: %s", tutti_strerror(accepted));
    CHECK_INT(tutti_close(accepted), 0);
    for (int i = 0; i < 3; i++)
        close(mine[i]);
    CHECK_INT(tutti_close(l), 0);
}

/* --- where the kernel grants no ring ---------------------------------------------------------- */

static int copy_through_a_pipe(void *unused)
{
    int ends[2];
    char byte;
    (void)unused;
    CHECK_INT(tutti_pipe(ends), 0);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, write_some, fd_arg(ends[1])), 0);
    CHECK_INT(tutti_read(ends[0], &byte, 1), 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    return tutti_close(ends[0]);
}

TEST(without_a_grant_epoll_serves_quietly_and_a_forced_ring_is_refused)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof code / sizeof *code, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &filter))
        check_skip("no seccomp filter can be set here");
    tutti_executor *ex;
    CHECK_INT(tutti_executor_open(&ex, "threads://2?io=uring"), -ENOTSUP);
    CHECK(!ex);
    CHECK_HAS(tutti_why(), "\"threads://2?io=uring\": io_uring cannot be had: ");
    CHECK_INT(tutti_executor_open(&ex, "loop://?io=uring-defer"), -ENOTSUP);
    CHECK_INT(tutti_run("threads://2", copy_through_a_pipe, NULL), 0);
    CHECK_INT(tutti_run("loop://?io=epoll", copy_through_a_pipe, NULL), 0);
}

TEST(loops_of_one_thread_share_how_they_wait)
{
    tutti_executor *first, *second;
    CHECK_INT(tutti_executor_open(&first, "loop://?io=epoll"), 0);
    CHECK_INT(tutti_executor_open(&second, "loop://"), 0);
    CHECK_INT(tutti_executor_close(second), 0);
    int rc = tutti_executor_open(&second, "loop://?io=uring");
    CHECK(rc == -EBUSY || rc == -ENOTSUP);
    CHECK_INT(tutti_executor_close(first), 0);
}

TEST_MAIN
