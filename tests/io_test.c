/* Descriptors, files and sockets in blocking style, on every backend and from plain threads:
 * what arrives, how a wait ends early, and what is left behind. */
#include "cut.h"
#include "io.h"
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

static char address[200];

static int listen_somewhere(const char *where)
{
    int l = tutti_listen(where);
    if (l < 0)
        check_fail(__FILE__, __LINE__, "%s", tutti_why());
    CHECK_INT(tutti_address_local(l, address, sizeof address), 0);
    return l;
}

/* --- bytes arrive ----------------------------------------------------------------- */

static int echo(int fd)
{
    char buf[5000];
    int n;
    while ((n = tutti_read(fd, buf, sizeof buf)) > 0)
        if ((n = tutti_write_all(fd, buf, (size_t)n)) < 0)
            break;
    tutti_close(fd);
    return n;
}

static int serve(void *listener)
{
    TUTTI_SCOPE(clients, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int rc = tutti_serve(&clients, (int)(intptr_t)listener, echo);
    CHECK(rc == -ECANCELED);
    return tutti_scope_close(&clients);
}

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
    return ended[0] = tutti_read((int)(intptr_t)fd, &byte, 1);
}
static int wait_one(void *fd)
{
    atomic_fetch_add(&waiting, 1);
    return ended[1] = tutti_fd_wait((int)(intptr_t)fd, POLLIN, TUTTI_NEVER);
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
static void until_parked(tutti_scope *s, unsigned n)
{
    tutti_scope_stats st = { .size = sizeof st };
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(s, &st), 0);
    } while (st.parked < n);
}

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
    char byte;
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

/* --- addresses ----------------------------------------------------------------------- */

ON_IO(addresses_that_are_none_are_named)
{
    static const char *const bad[][2] = {
        { "", "begins with" },          { "tcp", "begins with" },
        { "http://x", "begins with" },  { "tcp:", "no port" },
        { "tcp:host", "no port" },      { "tcp:host:", "no port" },
        { "tcp:::1:80", "brackets" },   { "unix:", "no path" },
        { "tcp:127.0.0.1:http-not-a-service", "port" },
    };
    char text[400];
    (void)s;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(tutti_dial(bad[i][0]) == -EINVAL || i == 8);
        CHECK(tutti_listen(bad[i][0]) < 0);
        if (i < 8)
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

/* --- files ----------------------------------------------------------------------------- */

static int temporary(void)
{
    char path[] = "/tmp/tutti-io-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(tutti_close(fd), 0);
    fd = tutti_open(path, O_RDWR, 0);
    CHECK(fd >= 0);
    CHECK_INT(unlink(path), 0);
    return fd;
}

ON_IO(files_are_read_and_written_in_place)
{
    char buf[16] = "";
    int fd = temporary();
    (void)s;
    CHECK_INT(tutti_pwrite(fd, "0123456789", 10, 0), 10);
    CHECK_INT(tutti_pwrite(fd, "ab", 2, 4), 2);
    CHECK_INT(tutti_fsync(fd), 0);
    CHECK_INT(tutti_pread(fd, buf, 4, 3), 4);
    CHECK_STR(buf, "3ab6");
    CHECK_INT(tutti_pread(fd, buf, 4, 10), 0);
    CHECK_INT(tutti_pread(fd, buf, 4, -1), -EINVAL);
    CHECK_INT(tutti_read(fd, buf, 16), 10);
    CHECK_INT(tutti_read(fd, buf, 16), 0);
    CHECK_INT(tutti_write(fd, "z", 1), 1);
    CHECK_INT(tutti_pread(fd, buf, 16, 9), 2);
    CHECK_INT(tutti_close(fd), 0);
    CHECK_INT(tutti_open("/nonexistent/file", O_RDONLY, 0), -ENOENT);
    CHECK_HAS(tutti_why(), "/nonexistent/file");
}

struct sender {
    int to, file;
};
static int send_it(void *arg)
{
    struct sender *k = arg;
    CHECK_INT((int)tutti_sendfile(k->to, k->file, 1000, 600000), 500000 - 1000);
    CHECK_INT(tutti_close(k->to), 0);
    return 0;
}

ON_IO(a_file_is_sent_through_a_socket_that_fills)
{
    static unsigned char piece[500000];
    int ends[2], n;
    for (int blocking = 0; blocking < 2; blocking++) {
        struct sender k = { 0, temporary() };
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = (unsigned char)(i % 253);
        CHECK_INT(tutti_pwrite(k.file, piece, sizeof piece, 0), (int)sizeof piece);
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0, ends),
                  0);
        k.to = ends[1];
        tutti_scope sending;
        tutti_scope_open(&sending, tutti_scope_executor(s), TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&sending, send_it, &k), 0);
        size_t at = 1000;
        while ((n = tutti_read(ends[0], piece, 3333)) > 0)
            for (int i = 0; i < n; i++, at++)
                CHECK(piece[i] == (unsigned char)(at % 253));
        CHECK_INT(n, 0);
        CHECK_INT((int)at, 500000);
        CHECK_INT(tutti_scope_close(&sending), 0);
        CHECK_INT(tutti_close(ends[0]), 0);
        CHECK_INT(tutti_close(k.file), 0);
    }
}

/* A signal that kills by default must not come of what a peer does. */
ON_IO(a_peer_that_is_gone_raises_no_signal)
{
    static const char much[500000];
    int file = temporary(), ends[2];
    sigset_t before, after;
    (void)s;
    signal(SIGPIPE, SIG_DFL);
    CHECK_INT(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    CHECK_INT(tutti_pwrite(file, much, sizeof much, 0), (int)sizeof much);
    for (int blocking = 0; blocking < 2; blocking++) {
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0, ends),
                  0);
        CHECK_INT(tutti_close(ends[0]), 0);
        CHECK_INT((int)tutti_sendfile(ends[1], file, 0, sizeof much), -EPIPE);
        CHECK_INT(tutti_write(ends[1], much, 1), -EPIPE);
        CHECK_INT(tutti_write_all(ends[1], much, sizeof much), -EPIPE);
        CHECK_INT(tutti_close(ends[1]), 0);
    }
    CHECK_INT(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    CHECK_INT(sigismember(&after, SIGPIPE), sigismember(&before, SIGPIPE));
    CHECK_INT(tutti_close(file), 0);
}

/* --- bad weather ------------------------------------------------------------------------ */

ON_IO(a_storm_of_signals_changes_nothing)
{
    storm_begin();
    echo_over(s, "tcp:127.0.0.1:0");
    storm_end();
    CHECK(storm_signals > 0);
}

static int accept_one(void *listener)
{
    return ended[0] = tutti_accept((int)(intptr_t)listener);
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
    while ((filler[fillers] = dup(0)) >= 0)
        fillers++;
    CHECK_INT(errno, EMFILE);
    tutti_scope_open(&server, tutti_scope_executor(s), TUTTI_NEVER, TUTTI_KEEP_GOING);
    ended[0] = -1;
    CHECK_INT(tutti_go(&server, accept_one, fd_arg(l)), 0);
    until_parked(&server, 1);
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    CHECK_INT(getsockname(l, (struct sockaddr *)&at, &size), 0);
    for (int i = 0; i < 2; i++) {
        char byte;
        /* What the monitor had open to read the quotas is free again now. */
        while (fillers < 4096 && (filler[fillers] = dup(0)) >= 0)
            fillers++;
        CHECK_INT(connect(mine[i], (struct sockaddr *)&at, size), 0);
        CHECK(tutti_read(mine[i], &byte, 1) <= 0); /* turned away */
    }
    CHECK_INT(ended[0], -1); /* it waits on */
    while (fillers)
        close(filler[--fillers]);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    CHECK_INT(connect(mine[2], (struct sockaddr *)&at, size), 0);
    tutti_scope_close(&server);
    if (ended[0] < 0)
        check_fail(__FILE__, __LINE__, "accept: %s", tutti_strerror(ended[0]));
    CHECK_INT(tutti_close(ended[0]), 0);
    for (int i = 0; i < 3; i++)
        close(mine[i]);
    CHECK_INT(tutti_close(l), 0);
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
    int before = io_descriptors();
    for (uint64_t after = 0;; after++) {
        CHECK(after < 300);
        bool through = scenario_cut(ex, after);
        CHECK_INT(io_descriptors(), before);
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
TEST_MAIN
