/* tests/hook_test.c - libtutti-hook: scopes that end, names, handlers with a stack of their own,
 * and many at once. */
#include "hook_common.h"
#include <netdb.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <tutti/io.h>
#include <time.h>
#include <unistd.h>

/* --- scopes that end ------------------------------------------------------------------ */

/* Each of these waits for ever. */
static int wait_recv(void)
{
    char c;
    return (int)recv(pair.fd[0], &c, 1, 0);
}

static int wait_poll(void)
{
    struct pollfd p = { pair.fd[0], POLLIN, 0 };
    return poll(&p, 1, -1);
}

static int wait_epoll(void)
{
    struct epoll_event ev = { .events = EPOLLIN };
    int epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, pair.fd[0], &ev);
    int rc = epoll_wait(epoll, &ev, 1, -1), kept = errno;
    close(epoll);
    errno = kept;
    return rc;
}

static int wait_sleep(void)
{
    struct timespec long_time = { 1000, 0 }, rest = { 0, 0 };
    int rc = nanosleep(&long_time, &rest), kept = errno;
    CHECK(rest.tv_sec >= 900 && rest.tv_sec <= 1000);
    errno = kept;
    return rc;
}

static int wait_usleep(void)
{
    return usleep(1000000000);
}

static int wait_accept(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(listen(fd, 1), 0);
    int rc = accept(fd, NULL, NULL), kept = errno;
    close(fd);
    errno = kept;
    return rc;
}

static int wait_write(void)
{
    static char much[1 << 18];
    ssize_t n;
    while ((n = write(pair.fd[0], much, sizeof much)) > 0) /* what has gone counts */
        CHECK(n < (ssize_t)sizeof much);
    return (int)n;
}

static int (*const waits[])(void) = { wait_read,  wait_recv,   wait_poll,   wait_select,
                                      wait_epoll, wait_sleep,  wait_usleep, wait_accept,
                                      wait_write };
enum { WAITS = sizeof waits / sizeof waits[0] };

static int waits_with_deadline(void *unused)
{
    (void)unused;
    for (int i = 0; i < WAITS; i++) {
        pair_sockets(SOCK_STREAM);
        TUTTI_SCOPE(s, NULL, soon(), 0);
        CHECK_INT(waits[i](), -1);
        CHECK_INT(errno, ETIMEDOUT);
        CHECK_INT(waits[i](), -1); /* now it does not even begin to wait */
        CHECK_INT(errno, ETIMEDOUT);
        close(pair.fd[0]);
        close(pair.fd[1]);
    }
    return 0;
}

TEST(a_deadline_ends_each_wait)
{
    signal(SIGPIPE, SIG_IGN);
    alone(waits_with_deadline);
}

static int wait_all_ways(void *arg)
{
    CHECK_INT((*(int (*const *)(void))arg)(), -1);
    CHECK_INT(errno, ECANCELED);
    pair.steps++;
    return 0;
}

static int waits_with_cancel(void *unused)
{
    (void)unused;
    pair_sockets(SOCK_STREAM);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < WAITS; i++)
        tutti_go(&s, wait_all_ways, (void *)(uintptr_t)&waits[i]);
    tutti_scope_stats stats = { .size = sizeof stats };
    do
        tutti_sleep_until(tutti_after(TUTTI_MS));
    while (tutti_scope_stat(&s, &stats) == 0 && stats.parked < WAITS);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(pair.steps, WAITS);
    return 0;
}

TEST(a_cancel_ends_each_wait)
{
    alone(waits_with_cancel);
}

static int clean_up(void *unused)
{
    (void)unused;
    char text[8] = "";
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_scope_cancel(&s);
    CHECK_INT(write(pair.fd[1], "bye", 3), 3);
    CHECK_INT(read(pair.fd[0], text, 8), 3);
    CHECK_INT(read(pair.fd[0], text, 8), -1);
    CHECK_INT(errno, ECANCELED);
    CHECK_INT(sleep(3), 3);
    struct timespec span = { 3, 0 };
    CHECK_INT(clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL), ECANCELED);
    struct addrinfo *found;
    CHECK_INT(getaddrinfo("localhost", "80", NULL, &found), EAI_SYSTEM);
    CHECK_INT(errno, ECANCELED);
    CHECK_INT(close(pair.fd[0]), 0);
    return 0;
}

TEST(what_need_not_wait_is_done_after_the_end)
{
    pair_sockets(SOCK_STREAM);
    alone(clean_up);
}

/* --- names ------------------------------------------------------------------------------- */

static int look_up(void *unused)
{
    (void)unused;
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM }, *found = NULL;
    errno = 77;
    CHECK_INT(getaddrinfo("127.0.0.1", "80", &hints, &found), 0);
    CHECK_INT(errno, 77);
    CHECK(found && found->ai_family == AF_INET);
    char host[64], service[64];
    CHECK_INT(getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, service,
                          sizeof service, NI_NUMERICHOST | NI_NUMERICSERV), 0);
    CHECK_STR(host, "127.0.0.1");
    CHECK_INT(getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, service,
                          sizeof service, NI_NUMERICSERV), 0);
    CHECK_STR(service, "80");
    freeaddrinfo(found);
    CHECK_INT(getaddrinfo("not a number", NULL, &hints, &found), EAI_NONAME);
    CHECK_INT(getaddrinfo("localhost", NULL, NULL, &found), 0);
    freeaddrinfo(found);
    struct hostent *h = gethostbyname("127.0.0.1"), room;
    CHECK(h && h->h_length == 4 && !memcmp(h->h_addr_list[0], "\177\0\0\1", 4));
    char buffer[1024];
    int error;
    CHECK_INT(gethostbyname_r("127.0.0.1", &room, buffer, sizeof buffer, &h, &error), 0);
    CHECK(h == &room && h->h_length == 4);
    CHECK(gethostbyname("no such name.") == NULL);
    CHECK(h_errno != 0);
    return 0;
}

TEST(names_are_looked_up)
{
    alone(look_up);
}

/* Some are done in time and some are not: neither leaves anything behind. */
static int look_up_in_time(void *unused)
{
    (void)unused;
    for (int i = 0; i < 40; i++) {
        struct addrinfo *found = NULL;
        TUTTI_SCOPE(s, NULL, tutti_after(i * 20 * TUTTI_MS / 1000), 0);
        int rc = getaddrinfo("localhost", "80", NULL, &found);
        CHECK(rc == 0 || (rc == EAI_SYSTEM && errno == ETIMEDOUT));
        if (rc == 0)
            freeaddrinfo(found);
    }
    return 0;
}

TEST(a_look_up_may_be_left_behind)
{
    alone(look_up_in_time);
}

/* --- a handler with a stack of its own ---------------------------------------------------- */

static int self_pipe[2];

static void read_in_handler(int s)
{
    (void)s;
    char c;
    if (read(self_pipe[0], &c, 1) != 1) /* there is one: it neither parks nor waits */
        _exit(1);
    pair.steps = (int)tutti_task_here() == 0;
}

static int raise_on_stack(void *unused)
{
    (void)unused;
    CHECK(tutti_task_here() != 0);
    CHECK_INT(write(self_pipe[1], "x", 1), 1);
    raise(SIGUSR1);
    CHECK_INT(pair.steps, 1);
    return 0;
}

TEST(a_handler_on_its_own_stack_is_no_task)
{
    static char room[1 << 16];
    stack_t stack = { .ss_sp = room, .ss_size = sizeof room };
    struct sigaction act = { .sa_handler = read_in_handler, .sa_flags = SA_ONSTACK };
    CHECK_INT(pipe(self_pipe), 0);
    CHECK_INT(sigaltstack(&stack, NULL), 0);
    CHECK_INT(sigaction(SIGUSR1, &act, NULL), 0);
    alone(raise_on_stack);
}

/* --- many at once ----------------------------------------------------------------------------- */

enum { MANY = 500 };
static int pipes[MANY][2];

static int read_own(void *arg)
{
    int *p = arg, value;
    CHECK_INT(read(p[0], &value, sizeof value), sizeof value);
    CHECK_INT(value, p[1]);
    return 0;
}

static int write_all(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < MANY; i++)
        tutti_go(&s, read_own, pipes[i]);
    for (int i = MANY; i-- > 0;)
        CHECK_INT(write(pipes[i][1], &pipes[i][1], sizeof(int)), sizeof(int));
    return tutti_scope_close(&s);
}

static void many_on(const char *url)
{
    for (int i = 0; i < MANY; i++)
        if (pipe(pipes[i]))
            check_skip("not enough descriptors");
    CHECK_INT(tutti_run(url, write_all, NULL), 0);
}

TEST(many_reads_at_once_on_a_loop)
{
    many_on("loop://");
}

TEST(many_reads_at_once_on_threads)
{
    many_on("threads://3");
}

TEST_MAIN
