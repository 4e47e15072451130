/* Files in blocking style, on every backend and from plain threads: read and written in place,
 * sent through sockets; and FIFOs, of which each end waits for the other. */
#include "io.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

/* --- FIFOs -------------------------------------------------------------------------- */

static char fifo[64];

static void fifo_make(void)
{
    snprintf(fifo, sizeof fifo, "stream-kind-%d.fifo", (int)getpid());
    CHECK_INT(mkfifo(fifo, 0600), 0);
}

static atomic_int opened;

static int open_late(void *arg)
{
    CHECK_INT(tutti_sleep_until(tutti_after(20 * TUTTI_MS)), 0);
    CHECK_INT(atomic_load(&opened), 0); /* the other end waits for us */
    int fd = tutti_open(fifo, (int)(intptr_t)arg, 0);
    CHECK(fd >= 0);
    if ((int)(intptr_t)arg == O_WRONLY)
        CHECK_INT(tutti_write_all(fd, "hello", 5), 0);
    return tutti_close(fd);
}

ON_IO(opening_a_fifo_waits_for_the_other_end)
{
    char got[8] = "";
    fifo_make();
    for (int mode = O_RDONLY; mode <= O_WRONLY; mode++) {
        atomic_store(&opened, 0);
        TUTTI_SCOPE(others, tutti_scope_executor(s), TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&others, open_late,
                           fd_arg(mode == O_RDONLY ? O_WRONLY : O_RDONLY)), 0);
        int fd = tutti_open(fifo, mode, 0);
        CHECK(fd >= 0);
        atomic_store(&opened, 1);
        CHECK_INT(tutti_scope_close(&others), 0);
        if (mode == O_RDONLY) {
            CHECK_INT(tutti_read(fd, got, sizeof got), 5);
            CHECK_STR(got, "hello");
            CHECK_INT(tutti_read(fd, got, sizeof got), 0);
        }
        CHECK_INT(tutti_close(fd), 0);
    }
    CHECK_INT(unlink(fifo), 0);
}

ON_IO(a_fifo_that_need_not_be_waited_for_is_open_at_once)
{
    (void)s;
    fifo_make();
    int in = tutti_open(fifo, O_RDONLY | O_NONBLOCK, 0);
    CHECK(in >= 0);
    int out = tutti_open(fifo, O_WRONLY, 0), both = tutti_open(fifo, O_RDWR, 0);
    CHECK(out >= 0);
    CHECK(both >= 0);
    CHECK_INT(fcntl(out, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(tutti_close(in), 0);
    CHECK_INT(tutti_close(out), 0);
    in = tutti_open(fifo, O_RDONLY, 0);
    CHECK(in >= 0);
    CHECK_INT(fcntl(in, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(tutti_close(in), 0);
    CHECK_INT(tutti_close(both), 0);
    CHECK_INT(tutti_open(fifo, O_WRONLY | O_NONBLOCK, 0), -ENXIO);
    CHECK_INT(unlink(fifo), 0);
}

/* A rescue thread that was abandoned goes on waiting: give it an end to find. */
static void let_go(void)
{
    int fd = open(fifo, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    usleep(50000);
    CHECK_INT(close(fd), 0);
}

ON_IO(opening_a_fifo_is_cut_off)
{
    (void)s;
    fifo_make();
    for (int mode = O_RDONLY; mode <= O_WRONLY; mode++) {
        TUTTI_SCOPE(limit, NULL, tutti_after(10 * TUTTI_MS), TUTTI_KEEP_GOING);
        CHECK_INT(tutti_open(fifo, mode, 0), -ETIMEDOUT);
        let_go();
    }
    CHECK_INT(unlink(fifo), 0);
}

/* What has no places has none on a ring either. */
ON_IO(reading_at_a_place_of_a_pipe_is_refused)
{
    int ends[2];
    char c;
    (void)s;
    CHECK_INT(tutti_pipe(ends), 0);
    CHECK_INT(tutti_write(ends[1], "x", 1), 1);
    CHECK_INT(tutti_pread(ends[0], &c, 1, 0), -ESPIPE);
    CHECK_INT(tutti_pwrite(ends[1], "y", 1, 0), -ESPIPE);
    CHECK_INT(tutti_read(ends[0], &c, 1), 1);
    CHECK_INT(c, 'x');
    CHECK_INT(tutti_pread(-1, &c, 1, 0), -EBADF);
    CHECK_INT(tutti_close(ends[0]), 0);
    CHECK_INT(tutti_close(ends[1]), 0);
}

TEST_MAIN
