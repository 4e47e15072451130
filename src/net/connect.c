/* net/connect.c - connecting a socket that somebody else made, whose flags are not ours to
 * change.
 *
 * Design: a ring does it, on a worker that has one.  Else a rescue thread blocks in it, on a
 * duplicate of the descriptor, so that a task whose scope is over need not wait for it;
 * then, as after a signal, the connection may still come about; when there is no room for a
 * duplicate it waits to the end.  That way is also taken for a socket with SO_SNDTIMEO,
 * which a ring does not know.
 * Tests: tests/io_test.c, tests/hook_socket_test.c. */
#include "base/memory.h"
#include "net/net.h"
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Holds: owners counts the caller and the rescue thread; the last one frees. */
struct attempt {
    _Atomic int owners;
    int fd; /* a duplicate, with two owners */
    socklen_t size;
    struct sockaddr_storage address;
};

static void attempt_drop(void *arg)
{
    struct attempt *a = arg;
    if (sub_acqrel(&a->owners, 1) > 1) /* pairs with itself: the other is done with *a */
        return;
    close(a->fd);
    memory_free(a);
}

static int attempt_run(void *arg)
{
    struct attempt *a = arg;
    int rc;
    do
        rc = connect(a->fd, (const struct sockaddr *)(void *)&a->address, a->size);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static int connect_on_rescue(int fd, const void *address, size_t size)
{
    int kept = errno;
    struct attempt *a = memory_zalloc(sizeof *a);
    if (!a)
        return -ENOMEM;
    a->size = (socklen_t)size;
    memcpy(&a->address, address, size);
    store_relaxed(&a->owners, 2); /* nobody else has it yet */
    a->fd = fault_now() ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    errno = kept;
    if (a->fd >= 0) {
        int rc = tutti_blocking(attempt_run, a, attempt_drop);
        attempt_drop(a);
        return rc;
    }
    a->fd = fd;
    int rc = tutti_blocking(attempt_run, a, NULL);
    memory_free(a);
    return rc;
}

static bool is_timed(int fd)
{
    struct timeval tv = { 0, 0 };
    socklen_t size = sizeof tv;
    int kept = errno;
    int rc = getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &size);
    errno = kept;
    return rc < 0 || tv.tv_sec || tv.tv_usec;
}

static int connect_by_ring(struct context *c, struct poller *p, int fd, const void *address,
                           size_t size)
{
    struct ring_want want = { .opcode = IORING_OP_CONNECT, .fd = fd,
                              .addr = (uintptr_t)address, .off = size };
    int rc;
    do
        rc = io_do(c, p, &want, "connection to be made", CLOCK_NEVER);
    while (rc == -EINTR);
    return rc;
}

int tutti_connect(int fd, const void *address, size_t size)
{
    struct context *c = context_self();
    struct poller *p;
    int rc = context_check(c);
    if (rc < 0)
        return rc;
    if (fd < 0 || !address || size > sizeof(struct sockaddr_storage))
        rc = fd < 0 ? -EBADF : -EINVAL;
    else
        rc = !is_timed(fd) && net_ring(c, &p) ? connect_by_ring(c, p, fd, address, size)
                                              : -EAGAIN;
    if (rc == -EAGAIN)
        rc = connect_on_rescue(fd, address, size);
    return rc < 0 ? net_failed("tutti_connect", rc) : 0;
}
