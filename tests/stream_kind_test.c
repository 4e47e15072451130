/* Streams over what is no stream socket: files on a disk, which are always ready and yet may
 * block, terminals, which give a line at a time and cannot be asked not to block, packets,
 * pipes that block, calls of the program's. */
#include "io.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <tutti/stream.h>

static void check_line(tutti_stream *t, const char *want)
{
    tutti_bytes b;
    CHECK_INT(tutti_stream_line(t, &b), 1);
    CHECK_INT(b.size, strlen(want));
    CHECK(!memcmp(b.data, want, b.size));
}

/* --- files ------------------------------------------------------------------------- */

enum { LINES = 6000 };

static void write_lines(int fd)
{
    TUTTI_STREAM(out, fd);
    for (int i = 0; i < LINES; i++)
        CHECK_INT(tutti_stream_print(&out, "line %d\n", i), 0);
    CHECK_INT(tutti_stream_flush(&out), 0);
    CHECK_INT(tutti_stream_print(&out, "the last"), 0); /* closing sends it */
    CHECK_INT(tutti_stream_close(&out), 0);
}

static void read_lines(int fd)
{
    char want[32];
    tutti_bytes b;
    TUTTI_STREAM(in, fd);
    for (int i = 0; i < LINES; i++) {
        snprintf(want, sizeof want, "line %d", i);
        check_line(&in, want);
    }
    check_line(&in, "the last");
    CHECK_INT(tutti_stream_line(&in, &b), 0);
}

/* In memory, where the kernel cannot be asked to write without waiting. */
ON_IO(over_a_file_in_memory)
{
    (void)s;
    int fd = memfd_create("stream", MFD_CLOEXEC);
    CHECK(fd >= 0);
    write_lines(dup(fd));
    CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
    read_lines(fd);
}

ON_IO(over_a_file_on_a_disk)
{
    char path[] = "stream-kind-XXXXXX";
    (void)s;
    int fd = mkostemp(path, O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_INT(unlink(path), 0);
    write_lines(dup(fd));
    CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
    CHECK_INT(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0); /* some is not in memory */
    read_lines(fd);
}

/* It never waits for anything, and yet others have their turns. */
static atomic_int turns;
static int take_turns(void *unused)
{
    (void)unused;
    while (tutti_yield() == 0)
        atomic_fetch_add(&turns, 1);
    return 0;
}

static int read_without_waiting(void *unused)
{
    tutti_bytes b;
    int fd = memfd_create("stream", MFD_CLOEXEC);
    (void)unused;
    CHECK_INT(ftruncate(fd, 16 << 20), 0);
    TUTTI_SCOPE(others, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&others, take_turns, NULL), 0);
    TUTTI_STREAM(in, fd);
    while (tutti_stream_some(&in, &b) > 0)
        ;
    CHECK(atomic_load(&turns) > 10);
    return 0;
}

TEST(a_stream_that_never_waits_lets_others_run)
{
    CHECK_INT(tutti_run("loop://?io=epoll", read_without_waiting, NULL), 0);
}

ON_IO(over_a_full_disk_the_error_comes)
{
    (void)s;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    TUTTI_STREAM(out, fd);
    CHECK_INT(tutti_stream_print(&out, "lost"), 0);
    CHECK_INT(tutti_stream_flush(&out), -ENOSPC);
    CHECK_INT(tutti_stream_print(&out, "too late"), -ENOSPC);
    CHECK_INT(tutti_stream_close(&out), -ENOSPC);
}

/* --- terminals --------------------------------------------------------------------- */

struct terminal {
    int far, near;
};

static void terminal_open(struct terminal *t)
{
    struct termios mode;
    t->far = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (t->far < 0 || grantpt(t->far) || unlockpt(t->far))
        check_skip("no terminals here");
    t->near = open(ptsname(t->far), O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(t->near >= 0);
    CHECK_INT(tcgetattr(t->near, &mode), 0);
    mode.c_oflag &= ~(tcflag_t)OPOST;
    mode.c_lflag &= ~(tcflag_t)ECHO;
    CHECK_INT(tcsetattr(t->near, TCSANOW, &mode), 0);
}

enum { MUCH = 100000 };

static void *look_at(void *arg)
{
    char buf[1000];
    size_t all = 0;
    while (all < MUCH) {
        ssize_t n = read((int)(intptr_t)arg, buf, sizeof buf);
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++, all++)
            CHECK_INT(buf[i], (char)('a' + all % 26));
    }
    return NULL;
}

/* On a thread of its own: without a ring the writer's may block. */
ON_IO(a_terminal_takes_what_is_written)
{
    struct terminal t;
    static char text[MUCH];
    pthread_t reader;
    (void)s;
    for (size_t i = 0; i < MUCH; i++)
        text[i] = (char)('a' + i % 26);
    terminal_open(&t);
    CHECK_INT(pthread_create(&reader, NULL, look_at, fd_arg(t.far)), 0);
    TUTTI_STREAM(out, t.near);
    for (size_t at = 0; at < MUCH; at += 10000)
        CHECK_INT(tutti_stream_write(&out, text + at, 10000), 0);
    CHECK_INT(tutti_stream_flush(&out), 0);
    CHECK_INT(pthread_join(reader, NULL), 0);
    CHECK_INT(tutti_stream_close(&out), 0);
    CHECK_INT(tutti_close(t.far), 0);
}

/* A terminal that takes no more holds up who writes, and on a ring nobody else. */
static int fill_up(void *arg)
{
    static char text[MUCH];
    TUTTI_STREAM(out, (int)(intptr_t)arg);
    for (int i = 0; i < 1000; i++) {
        int rc = tutti_stream_write(&out, text, 10000);
        if (rc < 0)
            return rc;
    }
    check_fail(__FILE__, __LINE__, "it takes without end");
}

TEST(a_terminal_that_is_full_holds_up_its_writer_alone)
{
    struct terminal t;
    tutti_executor *ex;
    if (tutti_executor_open(&ex, "loop://?io=uring") == -ENOTSUP)
        check_skip(tutti_why());
    terminal_open(&t);
    tutti_scope s;
    tutti_scope_open(&s, ex, tutti_after(urls_patience()), TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&s, fill_up, fd_arg(t.near)), 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_sleep_until(tutti_after(TUTTI_MS)), 0);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_close(t.far), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* Two lines are there, and a read gives one: the second does not need a third to come. */
ON_IO(a_terminal_gives_each_line_that_is_there)
{
    struct terminal t;
    (void)s;
    terminal_open(&t);
    TUTTI_STREAM(in, t.near);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_write_all(t.far, "one\ntwo\nthree\n", 14), 0);
        check_line(&in, "one");
        check_line(&in, "two");
        check_line(&in, "three");
    }
    CHECK_INT(tutti_close(t.far), 0);
}

/* --- packets, and pipes that block -------------------------------------------------- */

ON_IO(packets_that_wait_are_all_read)
{
    int ends[2];
    (void)s;
    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    TUTTI_STREAM(in, ends[0]);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(send(ends[1], "one\n", 4, 0), 4);
        CHECK_INT(send(ends[1], "two\n", 4, 0), 4);
        check_line(&in, "one");
        check_line(&in, "two");
    }
    CHECK_INT(tutti_close(ends[1]), 0);
}

static int read_all(void *arg)
{
    read_lines((int)(intptr_t)arg);
    return 0;
}

ON_IO(a_pipe_that_blocks_carries_all)
{
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
    TUTTI_SCOPE(readers, tutti_scope_executor(s), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&readers, read_all, fd_arg(ends[0])), 0);
    write_lines(ends[1]);
    CHECK_INT(tutti_scope_close(&readers), 0);
}

/* --- what is made up of calls ------------------------------------------------------- */

static int fail_with_words(void *ctx, void *buf, size_t n)
{
    (void)buf;
    (void)n;
    return *(int *)ctx ? tutti_fail(-EPROTO, "words of its own") : -EPROTO;
}

static int refuse_with_words(void *ctx, const void *data, size_t n)
{
    return fail_with_words(ctx, (void *)(uintptr_t)data, n);
}

static int give_up(void *ctx)
{
    (void)ctx;
    return 0;
}

TEST(what_carries_a_stream_says_why_it_failed)
{
    static const tutti_stream_ops ops = { sizeof ops, fail_with_words, refuse_with_words,
                                          NULL, NULL, give_up };
    tutti_stream t;
    tutti_bytes b;
    for (int worded = 1; worded >= 0; worded--) {
        tutti_stream_open_over(&t, &ops, &worded);
        CHECK_INT(tutti_stream_some(&t, &b), -EPROTO);
        CHECK_HAS(tutti_why(), worded ? "words of its own" : "tutti_stream_some");
        CHECK_INT(tutti_stream_line(&t, &b), -EPROTO);
        CHECK_HAS(tutti_why(), worded ? "words of its own" : "tutti_stream_line");
        CHECK_INT(tutti_stream_write(&t, "x", 1), -EPROTO);
        CHECK_HAS(tutti_why(), worded ? "words of its own" : "tutti_stream_write");
        CHECK_INT(tutti_stream_close(&t), 0);
    }
}

TEST_MAIN
