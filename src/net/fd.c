/* net/fd.c - reading, writing, waiting for and closing any descriptor.
 *
 * Design: nobody's descriptor is made non-blocking.  A socket is asked with MSG_DONTWAIT,
 * anything else with RWF_NOWAIT; where a file knows neither, it is asked whether it is ready
 * and then read once, and a regular file is read on another thread (net/file.c).
 * Tests: tests/io_test.c. */
#include "base/memory.h"
#include "net/file.h"
#include "net/net.h"
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- what the layer shares ---------------------------------------------------- */

struct ring *net_ring(struct context *c, struct poller **p)
{
    *p = c->carrier->poller(c);
    return *p ? poller_ring(*p) : NULL;
}

int net_failed(const char *call, int code)
{
    return why_set(code, "%s: %s%s", call, tutti_strerror(code),
                   code == -EMFILE ? " (ulimit -n)" : "");
}

int net_new(int fd)
{
    if (fd >= 0)
        poller_forget(fd);
    return fd;
}

int net_ready(struct context *c, int fd, short events, int64_t until)
{
    struct poller *p = c->carrier->poller(c);
    if (likely(p != NULL))
        return io_ready(c, p, fd, events, until, false);
    tutti_case k[] = { tutti_on_fd(fd, events), tutti_on_time(until) };
    int rc = tutti_wait(k, until == CLOCK_NEVER ? 1 : 2);
    if (rc == 0 && k[0].code > 0 && k[0].code & POLLNVAL)
        return -EBADF;
    return rc < 0 ? rc : rc == 0 ? k[0].code : 0;
}

/* --- trying -------------------------------------------------------------------- */

/* -errno, with errno put back: it may be another task's by the time it is read. */
static int told_as_code(ssize_t rc, int kept)
{
    int code = rc < 0 ? -errno : (int)rc;
    errno = kept;
    return code;
}

static bool no_nowait(ssize_t rc)
{
    return rc < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL);
}

static bool nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && flags & O_NONBLOCK;
}

/* What cannot be asked not to block: a terminal, a pipe of an old kernel. */
static bool is_ready(int fd, short events)
{
    struct pollfd p = { fd, events, 0 };
    int kept = errno;
    bool yes = !file_is_regular(fd) && poll(&p, 1, 0) == 1;
    errno = kept;
    return yes;
}

int net_try_read(int fd, void *buf, size_t n, bool told)
{
    int kept = errno;
    ssize_t rc = recv(fd, buf, n, MSG_DONTWAIT);
    if (rc < 0 && errno == ENOTSOCK) {
        struct iovec v = { buf, n };
        rc = preadv2(fd, &v, 1, -1, RWF_NOWAIT);
        if (no_nowait(rc) && (told || nonblocking(fd) || is_ready(fd, POLLIN)))
            rc = read(fd, buf, n);
        else if (no_nowait(rc))
            errno = EAGAIN;
    }
    return told_as_code(rc, kept);
}

/* A pipe that is ready takes PIPE_BUF without blocking; a terminal all that it can, nobody
 * knows how much. */
static ssize_t write_slow(int fd, const void *buf, size_t n, bool told)
{
    if (told || is_ready(fd, POLLOUT))
        return write(fd, buf, n < PIPE_BUF || file_is_regular(fd) ? n : PIPE_BUF);
    errno = EAGAIN;
    return -1;
}

int net_try_write(int fd, const void *buf, size_t n, bool told)
{
    int kept = errno;
    ssize_t rc = send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (rc < 0 && errno == ENOTSOCK) {
        struct iovec v = { (void *)(uintptr_t)buf, n };
        bool free = nonblocking(fd);
        rc = free ? write(fd, buf, n) : pwritev2(fd, &v, 1, -1, RWF_NOWAIT);
        if (!free && (no_nowait(rc)
                      || (told && rc < 0 && errno == EAGAIN && file_is_regular(fd))))
            rc = write_slow(fd, buf, n, told);
    }
    return told_as_code(rc, kept);
}

/* --- by way of the ring ---------------------------------------------------------- */

static int ring_transfer(struct context *c, struct poller *p, int fd, void *buf, size_t n,
                         bool out)
{
    struct ring_want want = { .opcode = out ? IORING_OP_SEND : IORING_OP_RECV, .fd = fd,
                              .addr = (uintptr_t)buf, .len = (uint32_t)n,
                              .op_flags = out ? MSG_NOSIGNAL : 0 };
    const char *what = out ? "descriptor to write" : "descriptor to read";
    int rc = io_do(c, p, &want, what, CLOCK_NEVER);
    if (rc == -ENOTSOCK) {
        want.opcode = out ? IORING_OP_WRITE : IORING_OP_READ;
        want.off = UINT64_MAX; /* where the file stands */
        want.op_flags = 0;
        rc = io_do(c, p, &want, what, CLOCK_NEVER);
    }
    return rc;
}

/* --- the calls --------------------------------------------------------------------- */

/* Without a ring, or where the ring says -EAGAIN of a non-blocking file. */
static int transfer_by_readiness(struct context *c, int fd, void *buf, size_t n, bool out)
{
    bool told = false;
    for (;;) {
        int rc = out ? net_try_write(fd, buf, n, told) : net_try_read(fd, buf, n, told);
        if (rc == -EINTR)
            continue;
        if (rc != -EAGAIN)
            return rc;
        if (file_is_regular(fd))
            return file_transfer(fd, buf, n, -1, out);
        rc = net_ready(c, fd, out ? POLLOUT : POLLIN, CLOCK_NEVER);
        if (rc < 0)
            return rc;
        told = true;
    }
}

static int transfer(int fd, void *buf, size_t n, bool out)
{
    struct context *c = context_self();
    struct poller *p;
    int rc = context_check(c);
    if (unlikely(rc < 0))
        return rc;
    n = n < NET_MOST ? n : NET_MOST;
    if (!net_ring(c, &p))
        return transfer_by_readiness(c, fd, buf, n, out);
    do {
        rc = ring_transfer(c, p, fd, buf, n, out);
    } while (rc == -EINTR);
    return rc == -EAGAIN ? transfer_by_readiness(c, fd, buf, n, out) : rc;
}

int tutti_read(int fd, void *buf, size_t n)
{
    int rc = transfer(fd, buf, n, false);
    return likely(rc >= 0) ? rc : net_failed("tutti_read", rc);
}

int tutti_write(int fd, const void *buf, size_t n)
{
    int rc = transfer(fd, (void *)(uintptr_t)buf, n, true);
    return likely(rc >= 0) ? rc : net_failed("tutti_write", rc);
}

int tutti_write_all(int fd, const void *buf, size_t n)
{
    const char *at = buf;
    while (n > 0) {
        int rc = tutti_write(fd, at, n);
        if (rc < 0)
            return rc;
        at += rc;
        n -= (size_t)rc;
    }
    return 0;
}

int tutti_fd_wait(int fd, short poll_events, tutti_time until)
{
    struct context *c = context_self();
    int rc = context_check(c);
    if (rc == 0)
        rc = fd < 0 ? -EBADF : net_ready(c, fd, poll_events, until);
    return rc >= 0 ? rc : net_failed("tutti_fd_wait", rc);
}

int tutti_close(int fd)
{
    int kept = errno;
    poller_forget(fd); /* before the number can stand for another file */
    connect_forget(fd);
    int rc = close(fd) < 0 && errno != EINTR ? -errno : 0;
    errno = kept;
    return rc < 0 ? net_failed("tutti_close", rc) : 0;
}

int tutti_pipe(int ends[2])
{
    int kept = errno;
    int rc = fault_now() ? -EMFILE : pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
    errno = kept;
    if (rc < 0)
        return net_failed("tutti_pipe", rc);
    net_new(ends[0]);
    net_new(ends[1]);
    return 0;
}
