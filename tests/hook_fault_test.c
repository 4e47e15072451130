/* libtutti-hook when the n-th thing that it asks for is refused, for every n: memory, a wait, a
 * rescue thread, a connection.  A call fails with errno as libc's would, or goes through;
 * nothing hangs, no descriptor is left, and all works again afterwards.  The library's
 * objects are in this program, and the linker leads what they ask for here (meson.build). */
#include "descriptors.h"
#include "hook_common.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <tutti/io.h>

/* --- what is refused -------------------------------------------------------------------- */

static long fault_at, fault_seen; /* all on one thread */
static bool fault_stays;

static bool refused(void)
{
    fault_seen += fault_at != 0;
    return fault_at && (fault_seen == fault_at || (fault_stays && fault_seen > fault_at));
}

#define WRAPPED(type_, name_, parameters_, arguments_, failed_)               \
    type_ __real_##name_ parameters_;                                         \
    type_ __wrap_##name_ parameters_;                                         \
    type_ __wrap_##name_ parameters_                                          \
    {                                                                         \
        return refused() ? failed_ : __real_##name_ arguments_;               \
    }
WRAPPED(void *, malloc, (size_t n), (n), NULL)
WRAPPED(int, tutti_wait, (tutti_case *k, size_t n), (k, n), -ENOMEM)
WRAPPED(int, tutti_connect, (int fd, const void *a, size_t n), (fd, a, n), -ENOBUFS)
WRAPPED(int, tutti_sleep_until, (tutti_time t), (t), -ENOMEM)

int __real_tutti_blocking(int (*run)(void *), void *arg, void (*drop)(void *));
int __wrap_tutti_blocking(int (*run)(void *), void *arg, void (*drop)(void *));
int __wrap_tutti_blocking(int (*run)(void *), void *arg, void (*drop)(void *))
{
    if (!refused())
        return __real_tutti_blocking(run, arg, drop);
    if (drop)
        drop(arg); /* as the library's own does, whatever happens */
    return -EAGAIN;
}

/* --- what is done --------------------------------------------------------------------------- */

enum { PIPES = 9 };

static int keep(int rc)
{
    return rc < 0 ? -errno : 0;
}

static int tell(void *fd)
{
    let_others();
    return keep((int)write((int)(intptr_t)fd, "word", 4));
}

/* More of them than a wait has room for on the stack. */
static int poll_many(void)
{
    int ends[PIPES][2], rc = 0;
    struct pollfd p[PIPES];
    char got[4];
    for (int i = 0; i < PIPES; i++) {
        CHECK_INT(pipe2(ends[i], O_CLOEXEC), 0);
        p[i] = (struct pollfd){ ends[i][0], POLLIN, 0 };
    }
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    rc = tutti_go(&s, tell, (void *)(intptr_t)ends[PIPES - 1][1]);
    rc = rc < 0 ? rc : keep(poll(p, PIPES, -1));
    rc = rc < 0 ? rc : keep((int)read(ends[PIPES - 1][0], got, 4));
    tutti_scope_close(&s);
    for (int i = 0; i < PIPES; i++)
        CHECK_INT(close(ends[i][0]) | close(ends[i][1]), 0);
    return rc;
}

static int accept_one(void *listener)
{
    int fd = accept((int)(intptr_t)listener, NULL, NULL);
    int rc = fd < 0 ? -errno : keep((int)write(fd, "hi", 2));
    if (fd >= 0)
        close(fd);
    return rc;
}

static int connect_and_accept(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    char got[2];
    int l = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(l >= 0 && fd >= 0 && bind(l, (struct sockaddr *)&a, size) == 0 && listen(l, 5) == 0);
    CHECK_INT(getsockname(l, (struct sockaddr *)&a, &size), 0);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    int rc = tutti_go(&s, accept_one, (void *)(intptr_t)l);
    rc = rc < 0 ? rc : keep(connect(fd, (struct sockaddr *)&a, size));
    rc = rc < 0 ? rc : keep((int)read(fd, got, 2));
    if (rc < 0)
        tutti_scope_cancel(&s);
    int closed = tutti_scope_close(&s);
    CHECK_INT(close(fd) | close(l), 0);
    return rc < 0 ? rc : closed;
}

static int look_up(void)
{
    struct addrinfo *found = NULL;
    int rc = getaddrinfo("localhost", "80", NULL, &found);
    if (rc == 0)
        freeaddrinfo(found);
    return rc ? -EAGAIN : 0;
}

static int sync_file(void)
{
    char name[] = "/tmp/hook-fault-XXXXXX";
    int fd = mkstemp(name), rc;
    CHECK(fd >= 0 && unlink(name) == 0);
    rc = keep(fsync(fd));
    CHECK_INT(close(fd), 0);
    return rc;
}

static int all_of_it(void *unused)
{
    static int (*const each[])(void) = { poll_many, connect_and_accept, look_up, sync_file };
    int rc = 0;
    (void)unused;
    for (int i = 0; i < 4; i++) {
        int one = each[i]();
        rc = rc < 0 ? rc : one;
    }
    int slept = usleep(100);
    return rc < 0 ? rc : keep(slept);
}

/* --- every n ---------------------------------------------------------------------------------- */

static int with_fault(tutti_executor *ex, long n)
{
    tutti_scope s;
    tutti_scope_open(&s, ex, tutti_after(20 * TUTTI_SEC), 0);
    fault_seen = 0;
    fault_at = n;
    CHECK_INT(tutti_go(&s, all_of_it, NULL), 0);
    int rc = tutti_scope_close(&s);
    fault_at = 0;
    return rc;
}

static void every_fault(bool stays)
{
    tutti_executor *ex;
    int rc = tutti_executor_open(&ex, hook_url("loop://"));
    CHECK_INT(rc, 0);
    CHECK_INT(with_fault(ex, 0), 0); /* opens what stays open */
    int before = descriptors();
    fault_stays = stays;
    for (long n = 1;; n++) {
        rc = with_fault(ex, n);
        if (rc == -ETIMEDOUT || rc == -ECANCELED || (rc < 0 && fault_seen < n))
            check_fail(__FILE__, __LINE__, "request %ld%s: %d (%s)", n, stays ? " and on" : "",
                       rc, tutti_why());
        bool through = fault_seen < n;
        for (int i = 0; i < 4000 && descriptors() != before; i++)
            usleep(1000); /* the monitor has a file open now and then */
        CHECK_INT(descriptors(), before);
        CHECK_INT(with_fault(ex, 0), 0);
        if (through) {
            CHECK(n > 8); /* something was asked for at all */
            break;
        }
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(each_request_fails_once)
{
    every_fault(false);
}

TEST(each_request_and_all_after_it_fail)
{
    every_fault(true);
}

TEST_MAIN
