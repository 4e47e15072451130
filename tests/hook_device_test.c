/* tests/hook_device_test.c - libtutti-hook: read and write on what is neither pipe nor socket:
 * eventfds, timers, files, terminals. */
#include "hook_common.h"
#include <limits.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <termios.h>
#include <tutti/monitor.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

enum { BIG = 1 << 20 };
static char big[BIG], back[BIG];

static void big_fill(void)
{
    for (int i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 251);
}

static int read_events(void *unused)
{
    (void)unused;
    uint64_t count = 0;
    CHECK_INT(read(pair.fd[0], &count, sizeof count), sizeof count);
    CHECK_INT(count, 3);
    return 0;
}

static int write_events(void *unused)
{
    (void)unused;
    uint64_t three = 3;
    let_others();
    CHECK_INT(write(pair.fd[1], &three, sizeof three), sizeof three);
    return 0;
}

TEST(an_eventfd_parks)
{
    pair.fd[0] = pair.fd[1] = eventfd(0, 0);
    pair_on("loop://", read_events, write_events);
}

static int write_full_events(void *unused)
{
    (void)unused;
    uint64_t most = UINT64_MAX - 1, one = 1;
    CHECK_INT(write(pair.fd[1], &most, sizeof most), sizeof most);
    CHECK_INT(write(pair.fd[1], &one, sizeof one), sizeof one); /* parks */
    return 0;
}

static int drain_events(void *unused)
{
    (void)unused;
    uint64_t count;
    let_others();
    CHECK_INT(read(pair.fd[0], &count, sizeof count), sizeof count);
    return 0;
}

TEST(a_full_eventfd_parks_its_writer)
{
    pair.fd[0] = pair.fd[1] = eventfd(0, 0);
    pair_on("loop://", write_full_events, drain_events);
}

static int read_timer(void *unused)
{
    (void)unused;
    uint64_t times = 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec in = { { 0, 0 }, { 0, 5000000 } };
    timerfd_settime(fd, 0, &in, NULL);
    CHECK_INT(read(fd, &times, sizeof times), sizeof times);
    CHECK_INT(times, 1);
    return 0;
}

TEST(a_timerfd_parks)
{
    alone(read_timer);
}

static int read_file(void *unused)
{
    (void)unused;
    char text[32] = "", name[] = "/tmp/hook-test-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    struct iovec v[] = { { (void *)(uintptr_t)"hel", 3 }, { (void *)(uintptr_t)"lo", 2 } };
    CHECK_INT(writev(fd, v, 2), 5);
    CHECK_INT(fsync(fd), 0);
    CHECK_INT(fdatasync(fd), 0);
    CHECK_INT(lseek(fd, 1, SEEK_SET), 1);
    CHECK_INT(read(fd, text, sizeof text), 4);
    CHECK_STR(text, "ello");
    CHECK_INT(read(fd, text, sizeof text), 0);
    CHECK_INT(fsync(-1), -1);
    CHECK_INT(errno, EBADF);
    return 0;
}

TEST(files_are_as_ever_and_fsync_reports)
{
    alone(read_file);
}

/* In place of the library's own: which calls are blamed. */
static int blamed;

int tutti_site_blamed(const void *site)
{
    CHECK(site != NULL);
    return blamed;
}

static uint64_t parks(tutti_executor *ex)
{
    tutti_executor_stats stats = { .size = sizeof stats };
    CHECK_INT(tutti_executor_stat(ex, &stats), 0);
    return stats.parked;
}

static int use_file(void *executor)
{
    char text[8] = "", name[] = "/tmp/hook-test-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    for (blamed = 0; blamed < 2; blamed++) {
        uint64_t before = parks(executor);
        CHECK_INT(pwrite(fd, "....", 4, 0), 4);
        CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
        CHECK_INT(write(fd, "word", 4), 4);
        CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
        CHECK_INT(read(fd, text, sizeof text), 4);
        CHECK_STR(text, "word");
        CHECK_INT(parks(executor) - before, blamed ? 3 : 0);
    }
    close(fd);
    return 0;
}

static void use_places(int fd)
{
    char text[8] = "";
    struct iovec v[] = { { text, 2 }, { text + 2, 2 } };
    CHECK_INT(pwrite(fd, "word", 4, 2), 4);
    CHECK_INT(pread(fd, text, 4, 2), 4);
    CHECK_STR(text, "word");
    CHECK_INT(pwritev(fd, v, 2, 0), 4);
    memset(text, 0, sizeof text);
    CHECK_INT(preadv(fd, v, 2, 0), 4);
    CHECK_STR(text, "word");
    CHECK_INT(pread(-1, text, 4, 0), -1);
    CHECK_INT(errno, EBADF);
}

static void use_names(int fd, const char *name)
{
    char text[8] = "";
    off64_t from = 0, to = 8;
    int again = open(name, O_RDWR);
    CHECK(again >= 0);
    CHECK_INT(flock(again, LOCK_EX), 0);
    CHECK_INT(copy_file_range(again, &from, fd, &to, 4, 0), 4);
    CHECK_INT(from, 4);
    CHECK_INT(sendfile(fd, again, &from, 0), 0);
    CHECK_INT(pread(fd, text, 4, 8), 4);
    CHECK_STR(text, "word");
    CHECK_INT(close(again), 0);
    CHECK_INT(open("/nowhere/at/all", O_RDONLY), -1);
    CHECK_INT(errno, ENOENT);
    CHECK((again = openat(AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL, 0600)) < 0);
    CHECK_INT(errno, EEXIST);
}

static void use_children(void)
{
    int status, pid;
    siginfo_t info;
    for (int way = 0; way < 3; way++) {
        if ((pid = fork()) == 0)
            _exit(way + 1);
        if (way == 0)
            CHECK_INT(waitpid(pid, &status, 0), pid);
        else if (way == 1)
            CHECK_INT(wait(&status), pid);
        else
            CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
        CHECK_INT(way < 2 ? WEXITSTATUS(status) : info.si_status, way + 1);
    }
    CHECK_INT(waitpid(-1, &status, 0), -1);
    CHECK_INT(errno, ECHILD);
}

/* All that may wait or not gives the same on either thread. */
static int use_all(void *executor)
{
    char name[] = "/tmp/hook-test-XXXXXX";
    int fd = mkstemp(name);
    for (blamed = 0; blamed < 2; blamed++) {
        uint64_t before = parks(executor);
        use_places(fd);
        CHECK_INT(parks(executor) - before, blamed ? 5 : 0);
        use_names(fd, name);
        CHECK_INT(parks(executor) - before, blamed ? 12 : 0);
        use_children();
        CHECK_INT(parks(executor) - before, blamed ? 16 : 0);
    }
    unlink(name);
    close(fd);
    return 0;
}

TEST(what_may_wait_or_not_is_the_same_elsewhere)
{
    tutti_executor *ex;
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, use_all, ex), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_file_is_used_elsewhere_by_a_call_that_blocked)
{
    tutti_executor *ex;
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    tutti_go(&s, use_file, ex);
    CHECK_INT(tutti_scope_close(&s), 0);
    tutti_executor_close(ex);
}

/* --- terminals --------------------------------------------------------------------- */

/* fd[0]: the program's side, fd[1]: the other. */
static void pair_tty(int lflag_off, int least, int tenths)
{
    struct termios mode;
    CHECK_INT(openpty(&pair.fd[1], &pair.fd[0], NULL, NULL, NULL), 0);
    tcgetattr(pair.fd[0], &mode);
    mode.c_lflag &= ~(tcflag_t)(ECHO | lflag_off);
    mode.c_oflag &= ~(tcflag_t)OPOST;
    if (lflag_off) {
        mode.c_cc[VMIN] = (cc_t)least;
        mode.c_cc[VTIME] = (cc_t)tenths;
    }
    tcsetattr(pair.fd[0], TCSANOW, &mode);
}

static int type_line(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(write(pair.fd[1], "li", 2), 2);
    let_others();
    CHECK_INT(write(pair.fd[1], "ne\n", 3), 3);
    return 0;
}

static int read_line(void *unused)
{
    (void)unused;
    char text[16] = "";
    CHECK_INT(read(pair.fd[0], text, sizeof text), 5);
    CHECK_STR(text, "line\n");
    return 0;
}

TEST(a_terminal_gives_a_line)
{
    pair_tty(0, 0, 0);
    pair_on("loop://", read_line, type_line);
}

static int read_key(void *unused)
{
    (void)unused;
    char c = 0;
    CHECK_INT(read(pair.fd[0], &c, 1), 1);
    CHECK_INT(c, 'l');
    return 0;
}

TEST(a_raw_terminal_gives_a_key)
{
    pair_tty(ICANON, 1, 0);
    pair_on("loop://", read_key, type_line);
}

static int read_nothing(void *unused)
{
    (void)unused;
    char c;
    CHECK_INT(read(pair.fd[0], &c, 1), 0);
    return 0;
}

TEST(a_terminal_that_never_waits_gives_nothing)
{
    pair_tty(ICANON, 0, 0);
    alone(read_nothing);
}

TEST(a_terminal_with_a_time_limit_keeps_it)
{
    pair_tty(ICANON, 0, 1);
    alone(read_nothing);
}

static int print_much(void *unused)
{
    (void)unused;
    CHECK_INT(write(pair.fd[0], big, 100000), 100000);
    close(pair.fd[0]);
    return 0;
}

/* The program's side gone is EIO on this one. */
static int watch_screen(void *unused)
{
    (void)unused;
    size_t all = 0;
    ssize_t n;
    while ((n = read(pair.fd[1], back + all, 3000)) > 0)
        all += (size_t)n;
    CHECK_INT(n < 0 ? errno : 0, EIO);
    CHECK_INT(all, 100000);
    CHECK_INT(memcmp(big, back, all), 0);
    return 0;
}

TEST(much_output_to_a_terminal_is_whole)
{
    big_fill();
    pair_tty(ICANON, 1, 0);
    pair_on("loop://", print_much, watch_screen);
}

TEST_MAIN
