/* tests/hook_connect_test.c - libtutti-hook: connect, accept and their forms. */
#include "hook_common.h"
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>

/* --- connections ----------------------------------------------------------------------- */

static struct sockaddr_in here;
static int listener;

static void listen_here(int backlog)
{
    socklen_t size = sizeof here;
    here = (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(listener, (struct sockaddr *)&here, sizeof here), 0);
    CHECK_INT(listen(listener, backlog), 0);
    getsockname(listener, (struct sockaddr *)&here, &size);
}

static int accept_one(void *unused)
{
    (void)unused;
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    int fd = accept(listener, (struct sockaddr *)&from, &size);
    CHECK(fd >= 0);
    CHECK_INT(size, sizeof from);
    CHECK_INT(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(write(fd, "hi", 2), 2);
    close(fd);
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    return 0;
}

static int connect_twice(void *unused)
{
    (void)unused;
    let_others();
    for (int i = 0; i < 2; i++) {
        char text[8] = "";
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        errno = 77;
        CHECK_INT(connect(fd, (struct sockaddr *)&here, sizeof here), 0);
        CHECK_INT(errno, 77);
        CHECK_INT(read(fd, text, sizeof text), i ? 0 : 2);
        close(fd);
    }
    return 0;
}

TEST(accept_and_connect_park)
{
    listen_here(4);
    pair_on("loop://", accept_one, connect_twice);
}

static int connect_refused(void *unused)
{
    (void)unused;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    close(listener);
    CHECK_INT(connect(fd, (struct sockaddr *)&here, sizeof here), -1);
    CHECK_INT(errno, ECONNREFUSED);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&here, sizeof here), -1);
    CHECK_INT(errno, EINPROGRESS);
    CHECK_INT(connect(-1, (struct sockaddr *)&here, sizeof here), -1);
    CHECK_INT(errno, EBADF);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&here, sizeof here), 0);
    return 0;
}

TEST(connect_says_what_went_wrong)
{
    listen_here(4);
    alone(connect_refused);
}

/* No room for another descriptor: it takes none. */
static int connect_in_full_table(void *unused)
{
    (void)unused;
    int fd = socket(AF_INET, SOCK_STREAM, 0), taken[100], n = 0;
    while ((taken[n] = dup(fd)) >= 0)
        CHECK(++n < 100);
    CHECK_INT(connect(fd, (struct sockaddr *)&here, sizeof here), 0);
    while (n) /* a leak checker wants some when the program ends */
        close(taken[--n]);
    return 0;
}

TEST(connect_takes_no_descriptor)
{
    struct rlimit few = { 60, 60 };
    listen_here(4);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    alone(connect_in_full_table);
}

/* A time limit, and a scope that ends, while nobody accepts. */
static int connect_in_time(void *unused)
{
    (void)unused;
    struct timeval tv = { 0, 20000 };
    struct sockaddr_in nobody = here;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    CHECK_INT(connect(fd, (struct sockaddr *)&nobody, sizeof nobody), -1);
    CHECK_INT(errno, EINPROGRESS);
    close(fd);
    TUTTI_SCOPE(s, NULL, soon(), 0);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&nobody, sizeof nobody), -1);
    CHECK_INT(errno, ETIMEDOUT);
    close(fd);
    return 0;
}

TEST(connect_keeps_time_limits)
{
    listen_here(0);
    for (int i = 0; i < 4; i++) { /* until the queue of the listener is full */
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fd, (struct sockaddr *)&here, sizeof here);
    }
    alone(connect_in_time);
}

/* A backlog that is full: the next connection waits until somebody is accepted. */
static struct sockaddr_un unix_name;
static socklen_t unix_size;

static int connect_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_INT(connect(fd, (struct sockaddr *)&unix_name, unix_size), 0);
    }
    return 0;
}

static int accept_many(void *unused)
{
    (void)unused;
    let_others();
    for (int i = 0; i < 5; i++)
        CHECK(accept(listener, NULL, NULL) >= 0);
    return 0;
}

TEST(connect_waits_for_a_full_backlog)
{
    unix_name.sun_family = AF_UNIX;
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_INT(bind(listener, (struct sockaddr *)&unix_name, sizeof(sa_family_t)), 0);
    CHECK_INT(listen(listener, 1), 0);
    unix_size = sizeof unix_name;
    getsockname(listener, (struct sockaddr *)&unix_name, &unix_size);
    pair_on("loop://", connect_many, accept_many);
}

/* Many who accept from one listener, on two threads: each connection goes to one. */
enum { CROWD = 40 };

static int accept_in_crowd(void *unused)
{
    (void)unused;
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    close(fd);
    return 0;
}

static int connect_crowd(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < CROWD; i++)
        tutti_go(&s, accept_in_crowd, NULL);
    for (int i = 0; i < CROWD; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK_INT(connect(fd, (struct sockaddr *)&here, sizeof here), 0);
        close(fd);
    }
    return tutti_scope_close(&s);
}

TEST(a_crowd_accepts_from_one_listener)
{
    listen_here(CROWD);
    CHECK_INT(tutti_run("threads://2", connect_crowd, NULL), 0);
}

static int accept_in_time(void *unused)
{
    (void)unused;
    struct timeval tv = { 0, 20000 };
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    CHECK_INT(accept(listener, NULL, NULL), -1);
    CHECK_INT(errno, EAGAIN);
    CHECK_INT(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    CHECK_INT(accept(listener, NULL, NULL), -1);
    CHECK_INT(errno, EAGAIN);
    CHECK_INT(accept(STDIN_FILENO, NULL, NULL), -1);
    CHECK(errno == ENOTSOCK || errno == EINVAL);
    return 0;
}

TEST(accept_keeps_time_limits_and_flags)
{
    listen_here(4);
    alone(accept_in_time);
}

TEST_MAIN
