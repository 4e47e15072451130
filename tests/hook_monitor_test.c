/* What cannot be hooked: a read of a regular file that blocks its thread is seen by the
 * monitor, named with its call site, and the next call from there goes to a rescue thread.
 * The real monitor; nothing is timed.  What makes the read block is the memory that it reads
 * into: a page that is missing until the test provides it. */
#include "hook_common.h"
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
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

/* Not static, nor folded into its callers: the place that is blamed. */
ssize_t hook_monitor_vendor(void *to);
__attribute__((noinline)) ssize_t hook_monitor_vendor(void *to)
{
    CHECK_INT(lseek(file, 0, SEEK_SET), 0);
    ssize_t n = read(file, to, 4);
    return n < 0 ? -errno : n;
}

static int read_into(void *missing)
{
    struct missing *m = missing;
    CHECK_INT(hook_monitor_vendor(m->at), 4);
    CHECK(!memcmp(m->at, "word", 4));
    return 0;
}

/* --- the first time ------------------------------------------------------------------------- */

static _Atomic bool named;

static void look_for(void *unused, const tutti_culprit *c)
{
    (void)unused;
    if (strncmp(c->site, "hook_monitor_vendor", 19))
        return;
    CHECK_INT(c->busy, 0);
    CHECK(c->site_at != NULL);
    CHECK_INT(tutti_site_blamed(c->site_at), 1);
    CHECK_HAS(c->function, "read_into");
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
}

TEST(a_call_that_blocked_is_made_elsewhere_the_next_time)
{
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

TEST_MAIN
