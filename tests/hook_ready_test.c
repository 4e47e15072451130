/* tests/hook_ready_test.c - libtutti-hook: poll, select, epoll and sleeping. */
#include "hook_common.h"
#include <sched.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <threads.h>
#include <time.h>

static int write_word(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(write(pair.fd[1], "word", 4), 4);
    return 0;
}

/* --- poll --------------------------------------------------------------------------- */

static int poll_for_word(void *unused)
{
    (void)unused;
    struct pollfd p[] = { { -1, POLLIN, 9 }, { pair.fd[0], POLLIN, 9 } };
    errno = 77;
    CHECK_INT(poll(p, 2, 0), 0);
    CHECK_INT(poll(p, 2, -1), 1);
    CHECK_INT(errno, 77);
    CHECK_INT(p[0].revents, 0);
    CHECK_INT(p[1].revents, POLLIN);
    return 0;
}

TEST(poll_parks)
{
    pair_pipe();
    pair_on("loop://", poll_for_word, write_word);
}

static int ppoll_for_word(void *unused)
{
    (void)unused;
    struct pollfd p = { pair.fd[0], POLLIN, 0 };
    struct timespec span = { 60, 0 };
    CHECK_INT(ppoll(&p, 1, &span, NULL), 1);
    CHECK_INT(p.revents, POLLIN);
    return 0;
}

TEST(ppoll_parks)
{
    pair_pipe();
    pair_on("loop://", ppoll_for_word, write_word);
}

/* More descriptors than have room on the stack, the same one several times among them. */
static int poll_many(void *unused)
{
    (void)unused;
    struct pollfd p[300];
    int quiet[2];
    CHECK_INT(pipe(quiet), 0);
    for (int i = 0; i < 300; i++)
        p[i] = (struct pollfd){ i % 3 ? quiet[0] : pair.fd[0], POLLIN, 0 };
    CHECK_INT(poll(p, 300, -1), 100);
    CHECK_INT(p[297].revents, POLLIN);
    CHECK_INT(p[298].revents, 0);
    return 0;
}

TEST(poll_of_many_parks)
{
    pair_pipe();
    pair_on("loop://", poll_many, write_word);
}

static int poll_in_time(void *unused)
{
    (void)unused;
    struct pollfd p = { pair.fd[0], POLLIN, 0 };
    tutti_time began = tutti_now();
    CHECK_INT(poll(&p, 1, 20), 0);
    CHECK(tutti_now() - began >= 20 * TUTTI_MS);
    began = tutti_now();
    CHECK_INT(poll(NULL, 0, 20), 0);
    CHECK(tutti_now() - began >= 20 * TUTTI_MS);
    struct timespec bad = { 0, 1000000000 };
    CHECK_INT(ppoll(&p, 1, &bad, NULL), -1);
    CHECK_INT(errno, EINVAL);
    p.fd = 0x7fffffff;
    CHECK_INT(poll(&p, 1, -1), 1);
    CHECK_INT(p.revents, POLLNVAL);
    close(pair.fd[1]);
    p = (struct pollfd){ pair.fd[0], 0, 0 };
    CHECK_INT(poll(&p, 1, -1), 1);
    CHECK_INT(p.revents, POLLHUP);
    p = (struct pollfd){ open("/etc/passwd", O_RDONLY), POLLIN, 0 };
    CHECK_INT(poll(&p, 1, -1), 1);
    CHECK_INT(p.revents, POLLIN);
    return 0;
}

TEST(poll_keeps_time_and_errors)
{
    pair_pipe();
    alone(poll_in_time);
}

/* --- select -------------------------------------------------------------------------- */

static int select_for_word(void *unused)
{
    (void)unused;
    fd_set r, w;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(pair.fd[0], &r);
    struct timeval tv = { 60, 0 };
    CHECK_INT(select(pair.fd[0] + 1, &r, &w, NULL, &tv), 1);
    CHECK(FD_ISSET(pair.fd[0], &r));
    CHECK(tv.tv_sec < 60);
    return 0;
}

TEST(select_parks)
{
    pair_pipe();
    pair_on("loop://", select_for_word, write_word);
}

/* Of descriptors that there cannot be nothing is read, and nothing is written: what lies
 * behind the set is not of it. */
static struct {
    fd_set set;
    volatile long count[1000];
} behind;
static int select_for_more(void *unused)
{
    (void)unused;
    FD_ZERO(&behind.set);
    FD_SET(pair.fd[0], &behind.set);
    CHECK_INT(select(40000, &behind.set, NULL, NULL, NULL), 1);
    return 0;
}
static int count_and_write(void *unused)
{
    for (int i = 0; i < 5; i++) {
        behind.count[5]++;
        tutti_sleep_until(tutti_after(TUTTI_MS));
    }
    return write_word(unused);
}
TEST(select_for_more_than_the_set_has_touches_nothing_else)
{
    pair_pipe();
    pair_on("loop://", select_for_more, count_and_write);
    CHECK_INT(behind.count[5], 5);
}

static int pselect_for_word(void *unused)
{
    (void)unused;
    fd_set r;
    FD_ZERO(&r);
    FD_SET(pair.fd[0], &r);
    CHECK_INT(pselect(pair.fd[0] + 1, &r, NULL, NULL, NULL, NULL), 1);
    return 0;
}

TEST(pselect_parks)
{
    pair_pipe();
    pair_on("loop://", pselect_for_word, write_word);
}

static int select_in_time(void *unused)
{
    (void)unused;
    fd_set r, e;
    struct timeval tv = { 0, 20000 };
    FD_ZERO(&r);
    FD_SET(pair.fd[0], &r);
    e = r;
    tutti_time began = tutti_now();
    CHECK_INT(select(pair.fd[0] + 1, &r, NULL, &e, &tv), 0);
    CHECK(tutti_now() - began >= 20 * TUTTI_MS);
    CHECK_INT(tv.tv_sec + tv.tv_usec, 0);
    CHECK(!FD_ISSET(pair.fd[0], &r) && !FD_ISSET(pair.fd[0], &e));
    tv = (struct timeval){ 0, 20000 };
    CHECK_INT(select(0, NULL, NULL, NULL, &tv), 0);
    CHECK_INT(select(-1, NULL, NULL, NULL, &tv), -1);
    CHECK_INT(errno, EINVAL);
    int gone = dup(pair.fd[0]);
    close(gone);
    FD_SET(gone, &r);
    CHECK_INT(select(gone + 1, &r, NULL, NULL, NULL), -1);
    CHECK_INT(errno, EBADF);
    /* The writer gone is news to readers, none to who asks for exceptions. */
    close(pair.fd[1]);
    tv = (struct timeval){ 0, 20000 };
    FD_ZERO(&e);
    FD_SET(pair.fd[0], &e);
    CHECK_INT(select(pair.fd[0] + 1, NULL, NULL, &e, &tv), 0);
    return 0;
}

TEST(select_keeps_time_and_errors)
{
    pair_pipe();
    alone(select_in_time);
}

/* Above FD_SETSIZE, with sets of the program's own size. */
static int select_high(void *unused)
{
    (void)unused;
    static unsigned long set[4096 / 64];
    int fd = fcntl(pair.fd[0], F_DUPFD, 3000);
    if (getenv("CHECK_EMULATED"))
        check_skip("qemu knows no descriptor above FD_SETSIZE in its own select");
    if (fd < 0)
        check_skip("no descriptors as high as 3000");
    set[fd / 64] = 1UL << fd % 64;
    CHECK_INT(select(fd + 1, (fd_set *)(void *)set, NULL, NULL, NULL), 1);
    CHECK_INT(set[fd / 64], 1UL << fd % 64);
    return 0;
}

TEST(select_of_high_descriptors)
{
    pair_pipe();
    pair_on("loop://", select_high, write_word);
}

/* --- epoll ----------------------------------------------------------------------------- */

static int epoll_for_word(void *unused)
{
    (void)unused;
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u32 = 5 }, got[3];
    int epoll = epoll_create1(0);
    CHECK_INT(epoll_ctl(epoll, EPOLL_CTL_ADD, pair.fd[0], &ev), 0);
    CHECK_INT(epoll_wait(epoll, got, 3, 0), 0);
    CHECK_INT(epoll_wait(epoll, got, 3, -1), 1);
    CHECK_INT(got[0].data.u32, 5);
    CHECK_INT(epoll_pwait(epoll, got, 3, 20, NULL), 0); /* by its edge it is over */
    struct timespec span = { 0, 20000000 };
    CHECK_INT(epoll_pwait2(epoll, got, 3, &span, NULL), 0);
    CHECK_INT(epoll_wait(epoll, got, 0, -1), -1);
    CHECK_INT(errno, EINVAL);
    CHECK_INT(epoll_wait(pair.fd[0], got, 3, -1), -1);
    CHECK_INT(errno, EINVAL);
    CHECK_INT(epoll_wait(-1, got, 3, -1), -1);
    CHECK_INT(errno, EBADF);
    return 0;
}

TEST(epoll_wait_parks)
{
    pair_pipe();
    pair_on("loop://", epoll_for_word, write_word);
}

/* --- signals under a mask ----------------------------------------------------------------- */

static volatile sig_atomic_t signals;

static void on_signal(int s)
{
    (void)s;
    signals++;
}

static void hold_back(sigset_t *before)
{
    sigset_t set;
    signal(SIGUSR1, on_signal);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, before);
}

static int wait_for_signal(void *unused)
{
    (void)unused;
    sigset_t mask;
    struct pollfd p = { pair.fd[0], POLLIN, 0 };
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigdelset(&mask, SIGUSR1);
    CHECK_INT(ppoll(&p, 1, NULL, &mask), -1);
    CHECK_INT(errno, EINTR);
    CHECK_INT(signals, 1);
    fd_set r;
    FD_ZERO(&r);
    FD_SET(pair.fd[0], &r);
    CHECK_INT(pselect(pair.fd[0] + 1, &r, NULL, NULL, NULL, &mask), -1);
    CHECK_INT(errno, EINTR);
    CHECK_INT(signals, 2);
    struct epoll_event ev;
    int epoll = epoll_create1(0);
    CHECK_INT(epoll_pwait(epoll, &ev, 1, -1, &mask), -1);
    CHECK_INT(errno, EINTR);
    CHECK_INT(signals, 3);
    return 0;
}

static int send_signals(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        let_others();
        CHECK_INT(signals, i);
        kill(getpid(), SIGUSR1);
        while (signals == i)
            tutti_yield();
    }
    return 0;
}

TEST(a_signal_that_the_mask_lets_through_ends_the_wait)
{
    sigset_t before;
    hold_back(&before);
    pair_pipe();
    pair_on("loop://", wait_for_signal, send_signals);
}

static int read_through_signal(void *unused)
{
    (void)unused;
    char text[8];
    CHECK_INT(read(pair.fd[0], text, 8), 4);
    CHECK_INT(signals, 1);
    return 0;
}

static int signal_then_write(void *unused)
{
    (void)unused;
    let_others();
    raise(SIGUSR1);
    return write_word(NULL);
}

TEST(a_signal_does_not_end_a_parked_call)
{
    signal(SIGUSR1, on_signal);
    pair_pipe();
    pair_on("loop://", read_through_signal, signal_then_write);
}

/* --- sleeping -------------------------------------------------------------------------------- */

static tutti_time lasted(tutti_time *began)
{
    tutti_time now = tutti_now(), was = *began;
    *began = now;
    return now - was;
}

static int sleep_all_ways(void *unused)
{
    (void)unused;
    struct timespec span = { 0, 10000000 }, rest = { 7, 7 }, when;
    tutti_time began = tutti_now();
    errno = 77;
    CHECK_INT(usleep(10000), 0);
    CHECK(lasted(&began) >= 10 * TUTTI_MS);
    CHECK_INT(nanosleep(&span, &rest), 0);
    CHECK(lasted(&began) >= 10 * TUTTI_MS);
    CHECK_INT(thrd_sleep(&span, &rest), 0);
    CHECK(lasted(&began) >= 10 * TUTTI_MS);
    CHECK_INT(clock_nanosleep(CLOCK_REALTIME, 0, &span, &rest), 0);
    CHECK(lasted(&began) >= 10 * TUTTI_MS);
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_sec += when.tv_nsec > 979999999;
    when.tv_nsec = (when.tv_nsec + 20000000) % 1000000000;
    CHECK_INT(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &when, NULL), 0);
    CHECK(lasted(&began) >= 19 * TUTTI_MS);
    CHECK_INT(sleep(0), 0);
    CHECK_INT(errno, 77);
    span.tv_nsec = 1000000000;
    CHECK_INT(nanosleep(&span, NULL), -1);
    CHECK_INT(errno, EINVAL);
    CHECK_INT(clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL), EINVAL);
    span = (struct timespec){ -1, 0 };
    CHECK_INT(nanosleep(&span, NULL), -1);
    return 0;
}

TEST(all_ways_to_sleep_sleep)
{
    alone(sleep_all_ways);
}

enum { SLEEPERS = 100 };

/* Until all have begun, which they never do if one of them stops the thread. */
static int sleep_on(void *unused)
{
    (void)unused;
    pair.steps++;
    while (pair.steps < SLEEPERS)
        CHECK_INT(usleep(1000), 0);
    return 0;
}

static int sleep_together(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < SLEEPERS; i++)
        tutti_go(&s, sleep_on, NULL);
    return tutti_scope_close(&s);
}

TEST(sleepers_sleep_side_by_side)
{
    alone(sleep_together);
}

static volatile int flag;

static int spin(void *unused)
{
    (void)unused;
    while (!flag)
        sched_yield();
    return 0;
}

static int end_spin(void *unused)
{
    (void)unused;
    flag = 1;
    return 0;
}

TEST(sched_yield_lets_the_other_task_run)
{
    pair_on("loop://", spin, end_spin);
}
TEST_MAIN
