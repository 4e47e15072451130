/* tests/hook_stream_test.c - libtutti-hook: read, write and their forms on pipes and sockets.
 * What else they read: tests/hook_device_test.c. */
#include "hook_common.h"
#include "storm.h"
#include <limits.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { BIG = 1 << 20 };
static char big[BIG], back[BIG];

static int write_word(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(write(pair.fd[1], "word", 4), 4);
    return 0;
}

static int read_word(void *unused)
{
    (void)unused;
    char text[8] = "";
    errno = 77;
    CHECK_INT(read(pair.fd[0], text, sizeof text), 4);
    CHECK_STR(text, "word");
    CHECK_INT(errno, 77);
    return 0;
}

TEST(a_read_of_an_empty_pipe_parks)
{
    pair_pipe();
    pair_on("loop://", read_word, write_word);
}

TEST(a_read_of_a_silent_socket_parks)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", read_word, write_word);
}

TEST(a_read_parks_on_a_pool_as_well)
{
    pair_pipe();
    pair_on("threads://1", read_word, write_word);
}

TEST(a_read_on_a_plain_thread_is_libcs_own)
{
    pair_pipe();
    CHECK_INT(write(pair.fd[1], "word", 4), 4);
    read_word(NULL);
}

static int close_writer(void *unused)
{
    (void)unused;
    let_others();
    close(pair.fd[1]);
    return 0;
}

static int read_end(void *unused)
{
    (void)unused;
    char c;
    CHECK_INT(read(pair.fd[0], &c, 1), 0);
    return 0;
}

TEST(a_read_ends_with_the_writer)
{
    pair_pipe();
    pair_on("loop://", read_end, close_writer);
}

TEST(a_read_of_a_socket_ends_with_its_peer)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", read_end, close_writer);
}

static int readv_word(void *unused)
{
    (void)unused;
    char a[3] = "", b[8] = "";
    struct iovec v[] = { { a, 2 }, { NULL, 0 }, { b, 7 } };
    CHECK_INT(readv(pair.fd[0], v, 3), 4);
    CHECK_STR(a, "wo");
    CHECK_STR(b, "rd");
    return 0;
}

TEST(readv_parks)
{
    pair_pipe();
    pair_on("loop://", readv_word, write_word);
}

TEST(readv_of_a_socket_parks)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", readv_word, write_word);
}

static void big_fill(void)
{
    for (int i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 251);
}

static int write_big(void *unused)
{
    (void)unused;
    errno = 77;
    CHECK_INT(write(pair.fd[1], big, BIG), BIG);
    CHECK_INT(errno, 77);
    close(pair.fd[1]);
    return 0;
}

static int read_big(void *unused)
{
    (void)unused;
    size_t all = 0;
    ssize_t n;
    while ((n = read(pair.fd[0], back + all, BIG - all < 50000 ? BIG - all : 50000)) > 0)
        all += (size_t)n;
    CHECK_INT(n, 0);
    CHECK_INT(all, BIG);
    CHECK_INT(memcmp(big, back, BIG), 0);
    return 0;
}

TEST(a_write_of_more_than_a_pipe_holds_is_whole)
{
    pair_pipe();
    big_fill();
    pair_on("loop://", write_big, read_big);
}

TEST(a_write_of_more_than_a_socket_holds_is_whole)
{
    pair_sockets(SOCK_STREAM);
    big_fill();
    pair_on("loop://", write_big, read_big);
}

/* Buffers of odd sizes, some empty, so that partial writes end anywhere. */
static int writev_big(void *unused)
{
    (void)unused;
    static struct iovec v[300];
    size_t at = 0;
    for (int i = 0; i < 300; i++) {
        size_t n = i == 299 ? BIG - at : i % 7 == 3 ? 0 : (size_t)(i * 37 % 4099);
        v[i] = (struct iovec){ big + at, n };
        at += n;
    }
    CHECK_INT(writev(pair.fd[1], v, 300), BIG);
    close(pair.fd[1]);
    return 0;
}

TEST(writev_is_whole)
{
    pair_pipe();
    big_fill();
    pair_on("loop://", writev_big, read_big);
}

TEST(writev_to_a_socket_is_whole)
{
    pair_sockets(SOCK_STREAM);
    big_fill();
    pair_on("loop://", writev_big, read_big);
}

static int nonblocking_stays(void *unused)
{
    (void)unused;
    char c;
    CHECK_INT(read(pair.fd[0], &c, 1), -1);
    CHECK_INT(errno, EAGAIN);
    ssize_t all = 0, n;
    while ((n = write(pair.fd[1], big, 10000)) > 0)
        all += n;
    CHECK_INT(n, -1);
    CHECK_INT(errno, EAGAIN);
    CHECK(all > 0 && all < BIG);
    return 0;
}

static void nonblocking(int fd)
{
    CHECK_INT(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

TEST(a_pipe_that_does_not_block_says_eagain)
{
    pair_pipe();
    nonblocking(pair.fd[0]);
    nonblocking(pair.fd[1]);
    alone(nonblocking_stays);
}

TEST(a_socket_that_does_not_block_says_eagain)
{
    pair_sockets(SOCK_STREAM);
    nonblocking(pair.fd[0]);
    nonblocking(pair.fd[1]);
    alone(nonblocking_stays);
}

static int flags_are_kept(void *unused)
{
    (void)unused;
    char c;
    for (int i = 0; i < 2; i++)
        CHECK_INT(fcntl(pair.fd[i], F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(read(pair.fd[0], &c, 1), 1);
    return 0;
}

/* While the other waits, its descriptors are as they were. */
static int look_at_flags(void *unused)
{
    (void)unused;
    let_others();
    for (int i = 0; i < 2; i++)
        CHECK_INT(fcntl(pair.fd[i], F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(write(pair.fd[1], "x", 1), 1);
    return 0;
}

TEST(no_flag_changes_while_a_call_waits)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", flags_are_kept, look_at_flags);
}

static int bad_descriptors(void *unused)
{
    (void)unused;
    char c;
    close(pair.fd[1]);
    CHECK_INT(read(pair.fd[1], &c, 1), -1);
    CHECK_INT(errno, EBADF);
    CHECK_INT(write(-1, &c, 1), -1);
    CHECK_INT(errno, EBADF);
    CHECK_INT(write(pair.fd[0], &c, 1), -1); /* the reading end */
    CHECK_INT(errno, EBADF);
    CHECK_INT(read(pair.fd[0], (void *)8, 0), 0);
    volatile int fewer = -1;
    CHECK_INT(readv(pair.fd[0], NULL, fewer), -1);
    CHECK_INT(errno, EINVAL);
    return 0;
}

TEST(errors_are_those_of_the_call)
{
    pair_pipe();
    alone(bad_descriptors);
}

static int write_to_nobody(void *unused)
{
    (void)unused;
    CHECK_INT(write(pair.fd[1], "x", 1), -1);
    CHECK_INT(errno, EPIPE);
    return 0;
}

static volatile sig_atomic_t pipes_broken;

static void on_sigpipe(int s)
{
    (void)s;
    pipes_broken++;
}

TEST(a_broken_pipe_raises_sigpipe)
{
    signal(SIGPIPE, on_sigpipe);
    pair_pipe();
    close(pair.fd[0]);
    alone(write_to_nobody);
    pair_sockets(SOCK_STREAM);
    close(pair.fd[0]);
    alone(write_to_nobody);
    CHECK_INT(pipes_broken, 2);
}

/* A write that waits for room, and whose reader goes away, says how much has gone. */
static int write_until_broken(void *unused)
{
    (void)unused;
    ssize_t n = write(pair.fd[1], big, BIG);
    CHECK(n > 0 && n < BIG);
    CHECK_INT(write(pair.fd[1], big, 1), -1);
    CHECK_INT(errno, EPIPE);
    return 0;
}

static int close_reader(void *unused)
{
    (void)unused;
    let_others();
    close(pair.fd[0]);
    return 0;
}

TEST(what_has_gone_counts_before_the_error)
{
    signal(SIGPIPE, SIG_IGN);
    pair_pipe();
    pair_on("loop://", write_until_broken, close_reader);
}

static int sleep_in_storm(void *unused)
{
    (void)unused;
    tutti_time began = tutti_now();
    CHECK_INT(usleep(20000), 0);
    CHECK(tutti_now() - began >= 20 * TUTTI_MS);
    return 0;
}

TEST(a_storm_of_signals_changes_nothing)
{
    big_fill();
    storm_begin();
    for (int i = 0; i < 3; i++) {
        pair_pipe();
        pair_on("loop://", write_big, read_big);
        pair_sockets(SOCK_STREAM);
        pair_on("loop://", writev_big, read_big);
        alone(sleep_in_storm);
    }
    storm_end();
    CHECK(storm_signals > 0);
}

TEST_MAIN
