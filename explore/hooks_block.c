/* explore/hooks_block.c - calls that may block on a descriptor.  The kernel is asked whether
 * the call would block; if so, the thread waits until another has done something to some
 * descriptor, and when nobody else can run that is an error which names the call.  Data
 * between threads of the program (pipes, socket pairs, eventfds) is thus explored; what
 * comes from outside is taken as it comes, and noted.  Descriptors that a schedule leaves
 * open are closed behind it.
 * Calls that wait for things unknown here are errors at once.
 * Tests: tests/cells/ (descriptors.c, unmodelled.c). */
#include "locks.h"
#include "real.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024 };
static bool used, known_at_start[DESCRIPTORS], known;
static char key; /* what all wait for who wait for descriptors */

/* Before each schedule: close what the last one has left open. */
void fds_reset(void)
{
    if (!known) {
        known = true;
        for (int fd = 0; fd < DESCRIPTORS; fd++)
            known_at_start[fd] = real_syscall(SYS_fcntl, fd, 1 /* F_GETFD */, 0, 0, 0, 0) >= 0;
    } else if (used) {
        for (int fd = 0; fd < DESCRIPTORS; fd++)
            if (!known_at_start[fd])
                real_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
    }
    used = false;
}

static struct object *order(void)
{
    return object_of(&key, OBJECT_FD);
}

/* A descriptor has changed: who waits for any looks again. */
static void changed(void)
{
    release_clock(&order()->clock);
    wake_all(&key);
}

static bool ready(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };
    struct timespec now = { 0, 0 };
    return real_syscall(SYS_ppoll, (long)&p, 1, (long)&now, 0, 0, 0) != 0;
}

/* Come back when a call on fd would not block. */
static void before(const char *name, int fd, short events, const void *pc)
{
    used = true;
    point(OP_BLOCKING, NULL, pc);
    trace_value((uint64_t)fd);
    cancel_point();
    long flags = real_syscall(SYS_fcntl, fd, 3 /* F_GETFL */, 0, 0, 0, 0);
    while (!(flags & 04000 /* O_NONBLOCK */) && !ready(fd, events)) {
        ex.me->value = (void *)name;
        block(&key, OP_BLOCKING, 0);
        cancel_point();
    }
    acquire_clock(&order()->clock);
    if (fd > 2)
        gap("data on descriptors: the kernel's, not put back by the explorer");
}

static void after(void)
{
    changed();
}

exported ssize_t read(int fd, void *to, size_t n)
{
    if (ex.on)
        before("read", fd, POLLIN, CALLER);
    ssize_t r = REAL(read)(fd, to, n);
    if (ex.on) {
        if (r > 0)
            race_range(to, (size_t)r, true, CALLER);
        after();
    }
    return r;
}

exported ssize_t write(int fd, const void *from, size_t n)
{
    if (ex.on) {
        before("write", fd, POLLOUT, CALLER);
        race_range(from, n, false, CALLER);
    }
    ssize_t r = REAL(write)(fd, from, n);
    if (ex.on)
        after();
    return r;
}

exported ssize_t recv(int fd, void *to, size_t n, int flags)
{
    if (ex.on && !(flags & MSG_DONTWAIT))
        before("recv", fd, POLLIN, CALLER);
    ssize_t r = REAL(recv)(fd, to, n, flags);
    if (ex.on)
        after();
    return r;
}

exported ssize_t send(int fd, const void *from, size_t n, int flags)
{
    if (ex.on && !(flags & MSG_DONTWAIT))
        before("send", fd, POLLOUT, CALLER);
    ssize_t r = REAL(send)(fd, from, n, flags);
    if (ex.on)
        after();
    return r;
}

exported int accept(int fd, struct sockaddr *a, socklen_t *n)
{
    if (ex.on)
        before("accept", fd, POLLIN, CALLER);
    int r = REAL(accept)(fd, a, n);
    if (ex.on)
        after();
    return r;
}

exported int connect(int fd, const struct sockaddr *a, socklen_t n)
{
    if (ex.on)
        fail(FAIL_UNMODELLED, CALLER, "connect() is not modelled: take sockets to other "
             "processes out of the test");
    return REAL(connect)(fd, a, n);
}

exported int close(int fd)
{
    if (!ex.on)
        return REAL(close)(fd);
    used = true;
    point(OP_BLOCKING, NULL, CALLER);
    int r = REAL(close)(fd);
    after();
    return r;
}

exported int eventfd_read(int fd, eventfd_t *value)
{
    return read(fd, value, sizeof *value) == sizeof *value ? 0 : -1;
}

exported int eventfd_write(int fd, eventfd_t value)
{
    return write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}

/* --- waiting for several: ask without waiting, else wait for a change or the time --- */

static uint64_t until_ms(int ms)
{
    return ms < 0 ? 0 : ex.time + (uint64_t)ms * 1000000 + 1;
}

/* False: the time is up. */
static bool wait_more(const char *name, uint64_t until)
{
    if (until && until <= ex.time)
        return false;
    ex.me->value = (void *)name;
    bool late = block(&key, OP_BLOCKING, until) != 0;
    cancel_point();
    return !late;
}

exported int poll(struct pollfd *p, nfds_t n, int ms)
{
    if (!ex.on)
        return REAL(poll)(p, n, ms);
    used = true;
    point(OP_BLOCKING, NULL, CALLER);
    uint64_t until = until_ms(ms);
    for (;;) {
        int r = REAL(poll)(p, n, 0);
        if (r == 0 && ms != 0 && wait_more("poll", until))
            continue;
        acquire_clock(&order()->clock);
        return r;
    }
}

exported int epoll_wait(int fd, struct epoll_event *e, int n, int ms)
{
    if (!ex.on)
        return REAL(epoll_wait)(fd, e, n, ms);
    used = true;
    point(OP_BLOCKING, NULL, CALLER);
    uint64_t until = until_ms(ms);
    for (;;) {
        int r = REAL(epoll_wait)(fd, e, n, 0);
        if (r == 0 && ms != 0 && wait_more("epoll_wait", until))
            continue;
        acquire_clock(&order()->clock);
        return r;
    }
}

exported int epoll_ctl(int fd, int op, int other, struct epoll_event *e)
{
    if (!ex.on)
        return REAL(epoll_ctl)(fd, op, other, e);
    used = true;
    point(OP_BLOCKING, NULL, CALLER);
    int r = REAL(epoll_ctl)(fd, op, other, e);
    after();
    return r;
}

exported int select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *tv)
{
    if (!ex.on)
        return REAL(select)(n, r, w, x, tv);
    if (n == 0 && tv) { /* a way to sleep */
        struct timespec span = { tv->tv_sec, tv->tv_usec * 1000 };
        return sleep_until(time_after(&span), CALLER);
    }
    fail(FAIL_UNMODELLED, CALLER, "select() on descriptors is not modelled: use poll()");
}


/* --- io_uring: refused, so that a program which can goes on with epoll --- */

struct io_uring;
struct io_uring_params;
exported int io_uring_queue_init_params(unsigned n, struct io_uring *r,
                                        struct io_uring_params *p);
int io_uring_queue_init_params(unsigned n, struct io_uring *r, struct io_uring_params *p)
{
    if (!ex.on)
        return REAL(io_uring_queue_init_params)(n, r, p);
    gap("io_uring: refused with ENOSYS, as by a kernel without it");
    return -ENOSYS;
}

exported int io_uring_queue_init(unsigned n, struct io_uring *r, unsigned flags);
int io_uring_queue_init(unsigned n, struct io_uring *r, unsigned flags)
{
    if (!ex.on)
        return REAL(io_uring_queue_init)(n, r, flags);
    gap("io_uring: refused with ENOSYS, as by a kernel without it");
    return -ENOSYS;
}

/* --- what is not modelled at all --- */

#define UNMODELLED(type, name, parameters, arguments)                         \
    exported type name parameters                                             \
    {                                                                         \
        if (ex.on)                                                            \
            fail(FAIL_UNMODELLED, CALLER, #name "() is not modelled: take it " \
                 "out of the test");                                          \
        return REAL(name) arguments;                                          \
    }
UNMODELLED(pid_t, waitpid, (pid_t p, int *s, int o), (p, s, o))
UNMODELLED(pid_t, wait, (int *s), (s))
UNMODELLED(int, pause, (void), ())
UNMODELLED(int, sigsuspend, (const sigset_t *s), (s))
UNMODELLED(int, sigwait, (const sigset_t *s, int *n), (s, n))
UNMODELLED(int, system, (const char *c), (c))
UNMODELLED(FILE *, popen, (const char *c, const char *m), (c, m))
UNMODELLED(ssize_t, recvmsg, (int fd, struct msghdr *m, int f), (fd, m, f))
UNMODELLED(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
UNMODELLED(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
UNMODELLED(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
