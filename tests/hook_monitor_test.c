/* What nothing tells beforehand of: a read of a regular file, or a wait for a child, that
 * blocks its thread is seen by the monitor, named with its call site, and the next call from
 * there goes to a rescue thread.  The real monitor; nothing is timed.  What makes the read
 * block is the memory that it reads into: a page that is missing until the test provides it. */
#include "hook_common.h"
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <tutti/monitor.h>

enum { PAGE = 4096 };

/* --- memory that comes when it is told to --------------------------------------------- */

struct missing {
    char *at;
    int fault;
};

static struct missing missing_make(void)
{
    struct missing m = { NULL, (int)syscall(SYS_userfaultfd, O_CLOEXEC) };
    struct uffdio_api api = { .api = UFFD_API };
    if (m.fault < 0 || ioctl(m.fault, UFFDIO_API, &api))
        check_skip("faults of the kernel cannot be held here (vm.unprivileged_userfaultfd)");
    m.at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(m.at != MAP_FAILED);
    struct uffdio_register r = { .range = { (uintptr_t)m.at, PAGE },
                                 .mode = UFFDIO_REGISTER_MODE_MISSING };
    CHECK_INT(ioctl(m.fault, UFFDIO_REGISTER, &r), 0);
    return m;
}

/* Whoever is held up by it goes on. */
static void missing_provide(struct missing *m)
{
    static const char zeroes[PAGE] __attribute__((aligned(PAGE)));
    struct uffdio_copy c = { .dst = (uintptr_t)m->at, .src = (uintptr_t)zeroes, .len = PAGE };
    CHECK_INT(ioctl(m->fault, UFFDIO_COPY, &c), 0);
}

/* --- the library that reads ----------------------------------------------------------------- */

static int file;

/* Not static, nor folded into its callers: the places that are blamed. */
ssize_t hook_monitor_reads(void *to);
__attribute__((noinline)) ssize_t hook_monitor_reads(void *to)
{
    CHECK_INT(lseek(file, 0, SEEK_SET), 0);
    ssize_t n = read(file, to, 4);
    return n < 0 ? -errno : n;
}

ssize_t hook_monitor_preads(void *to);
__attribute__((noinline)) ssize_t hook_monitor_preads(void *to)
{
    ssize_t n = pread(file, to, 4, 0);
    return n < 0 ? -errno : n;
}

ssize_t hook_monitor_preads_pieces(void *to);
__attribute__((noinline)) ssize_t hook_monitor_preads_pieces(void *to)
{
    struct iovec v[2] = { { to, 2 }, { (char *)to + 2, 2 } };
    ssize_t n = preadv(file, v, 2, 0);
    return n < 0 ? -errno : n;
}

static ssize_t (*vendor)(void *to);
static const char *vendor_name;

static int read_into(void *missing)
{
    struct missing *m = missing;
    CHECK_INT(vendor(m->at), 4);
    CHECK(!memcmp(m->at, "word", 4));
    return 0;
}

/* --- the first time ------------------------------------------------------------------------- */

static _Atomic bool named;

static void look_for(void *unused, const tutti_culprit *c)
{
    (void)unused;
    if (strncmp(c->site, vendor_name, strlen(vendor_name)))
        return;
    CHECK_INT(c->busy, 0);
    CHECK(c->site_at != NULL);
    CHECK_INT(tutti_site_blamed(c->site_at), 1);
    atomic_store(&named, true);
}

/* Lets the reader go on when it has been named. */
static void *provide_when_named(void *missing)
{
    while (!atomic_load(&named)) {
        tutti_culprits(look_for, NULL);
        usleep(1000);
    }
    missing_provide(missing);
    return NULL;
}

static atomic_int turns;
static int waits_its_turn(void *unused)
{
    (void)unused;
    return atomic_fetch_add(&turns, 1) < 0;
}

/* --- the second ------------------------------------------------------------------------------ */

/* On the same thread as the reader: it comes here only if that does not block it. */
static int provide(void *missing)
{
    missing_provide(missing);
    return 0;
}

/* A thread held up by a page takes no signals; so that the watchdog's finds one. */
static void *stay(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void needs_peeking(void)
{
    if (getenv("CHECK_EMULATED") || access("/proc/self/syscall", R_OK))
        check_skip("it does not show here where a thread is blocked");
    if (CHECK_TSAN) /* linked in, and with a frame of its own, the hook's read is blamed */
        check_skip("the sanitizer keeps the frames of the hook, which is part of the test");
    if (CHECK_ASAN) /* a call returns there, whoever made it */
        check_skip("the sanitizer's own calls stand between the program's and the hook");
}

static void is_made_elsewhere_the_next_time(const char *called, ssize_t (*call)(void *to))
{
    vendor = call;
    vendor_name = called;
    tutti_executor *ex;
    pthread_t other, reachable;
    char name[] = "/tmp/hook-monitor-XXXXXX";
    needs_peeking();
    struct missing first = missing_make(), second = missing_make();
    file = mkstemp(name);
    CHECK(file >= 0 && write(file, "word", 4) == 4);
    unlink(name);
    tutti_watch_loops();
    CHECK_INT(tutti_executor_open(&ex, hook_url("loop://")), 0);
    CHECK_INT(pthread_create(&reachable, NULL, stay, NULL), 0);
    CHECK_INT(pthread_create(&other, NULL, provide_when_named, &first), 0);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, read_into, &first), 0);
    for (int i = 0; i < 10; i++)
        CHECK_INT(tutti_go(&s, waits_its_turn, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(pthread_join(other, NULL), 0);
    CHECK_INT(turns, 10);

    TUTTI_SCOPE(again, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&again, read_into, &second), 0);
    CHECK_INT(tutti_go(&again, provide, &second), 0);
    CHECK_INT(tutti_scope_close(&again), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_read_that_blocked_is_made_elsewhere_the_next_time)
{
    is_made_elsewhere_the_next_time("hook_monitor_reads", hook_monitor_reads);
}

TEST(a_pread_that_blocked_is_made_elsewhere_the_next_time)
{
    is_made_elsewhere_the_next_time("hook_monitor_preads", hook_monitor_preads);
}

TEST(a_preadv_that_blocked_is_made_elsewhere_the_next_time)
{
    is_made_elsewhere_the_next_time("hook_monitor_preads_pieces", hook_monitor_preads_pieces);
}

/* --- a child ----------------------------------------------------------------------------- */

static int child_end[2]; /* it ends when this pipe is closed */

int hook_monitor_waits(int *status);
__attribute__((noinline)) int hook_monitor_waits(int *status)
{
    int pid = fork(), got;
    if (pid == 0) {
        char c;
        close(child_end[1]);
        _exit(read(child_end[0], &c, 1) == 0 ? 7 : 1);
    }
    got = waitpid(pid, status, 0);
    return pid > 0 && got == pid ? 1 : -errno;
}

static int wait_for_one(void *unused)
{
    int status = 0;
    (void)unused;
    CHECK_INT(hook_monitor_waits(&status), 1);
    CHECK_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 7);
    return 0;
}

static int let_child_end(void *unused)
{
    (void)unused;
    return close(child_end[1]);
}

static void *let_child_end_when_named(void *unused)
{
    while (!atomic_load(&named)) {
        tutti_culprits(look_for, NULL);
        usleep(1000);
    }
    let_child_end(NULL);
    return unused;
}

TEST(a_wait_for_a_child_that_blocked_is_made_elsewhere_the_next_time)
{
    tutti_executor *ex;
    pthread_t other;
    needs_peeking();
    vendor_name = "hook_monitor_waits";
    tutti_watch_loops();
    CHECK_INT(tutti_executor_open(&ex, hook_url("loop://")), 0);
    CHECK_INT(pipe(child_end), 0);
    CHECK_INT(pthread_create(&other, NULL, let_child_end_when_named, NULL), 0);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, wait_for_one, NULL), 0);
    for (int i = 0; i < 10; i++)
        CHECK_INT(tutti_go(&s, waits_its_turn, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(pthread_join(other, NULL), 0);
    close(child_end[0]);

    CHECK_INT(pipe(child_end), 0);
    TUTTI_SCOPE(again, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&again, wait_for_one, NULL), 0);
    CHECK_INT(tutti_go(&again, let_child_end, NULL), 0);
    CHECK_INT(tutti_scope_close(&again), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
