/* explore/hooks_block.c - calls that may block on one descriptor; hooks_poll.c waits
 * for several.  The kernel is asked whether the call would block; if so, the thread
 * waits until another has done something to some descriptor, and when nobody else can
 * run that is an error which names the call.  Data between threads of the program
 * (pipes, socket pairs, eventfds) is thus explored; what comes from outside is taken as
 * it comes, and noted. Descriptors that a schedule leaves open are closed behind it.
 * Tests: tests/cells/pipes.c, orders_by_fd.c; tests/explore/calls_time.c. */
#include "descriptors.h"
#include "engine.h"
#include "gaps.h"
#include "life.h"
#include "races.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024, RANGES = DESCRIPTORS / 2 };
static bool used;
/* Those that were not open at the start, in ranges, of which no two touch: the first of
 * each, and its last. */
static unsigned unknown[RANGES][2], ranges;
static char key; /* what all wait for who wait for descriptors */

/* Once: what is open now belongs to every schedule. */
void fds_open(void)
{
    unsigned from = 0;
    for (unsigned fd = 0; fd <= DESCRIPTORS; fd++) {
        bool known = fd == DESCRIPTORS
                     || real_syscall(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0;
        if (!known)
            continue;
        if (from < fd) {
            unknown[ranges][0] = from;
            unknown[ranges++][1] = fd - 1;
        }
        from = fd + 1;
    }
}

static void close_all(unsigned from, unsigned to)
{
    if (real_syscall(SYS_close_range, from, to, 0, 0, 0, 0) == 0)
        return;
    for (unsigned fd = from; fd <= to; fd++) /* a kernel before 5.9 */
        real_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* Before each schedule: close what the last one has left open. */
void fds_reset(void)
{
    for (unsigned i = 0; used && i < ranges; i++)
        close_all(unknown[i][0], unknown[i][1]);
    used = false;
    files_reset();
}

void fds_changed(void)
{
    wake_all(&key);
}

void fds_begin(const void *pc)
{
    used = true;
    point(OP_BLOCKING, NULL, pc);
}

bool fds_wait(const char *name, uint64_t until)
{
    if (until && until <= ex.time)
        return false;
    ex.me->value = (void *)name;
    bool late = block(&key, OP_BLOCKING, until) != 0;
    cancel_point();
    return !late;
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
    fds_begin(pc);
    trace_value((uint64_t)fd);
    cancel_point();
    long flags = real_syscall(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);
    bool waited = false;
    while (!(flags & O_NONBLOCK) && !ready(fd, events)) {
        fds_wait(name, 0);
        waited = true;
    }
    if (waited && events == POLLOUT)
        files_room_found(fd);
    if (events == POLLOUT) /* now, for it may be read before this thread goes on */
        files_written(fd);
    if (fd > 2)
        gap("data on descriptors: the kernel's, not put back by the explorer");
}

/* The call has been made. */
static void after(int fd, short events, bool good)
{
    if (good && events == POLLIN) {
        files_read(fd);
        files_room_made(fd);
    }
    fds_changed();
}

static ssize_t read_at(int fd, void *to, size_t n, const void *pc)
{
    before("read", fd, POLLIN, pc);
    ssize_t r = REAL(read)(fd, to, n);
    after(fd, POLLIN, r >= 0);
    if (r > 0)
        race_range(to, (size_t)r, true, pc);
    return r;
}

static ssize_t write_at(int fd, const void *from, size_t n, const void *pc)
{
    before("write", fd, POLLOUT, pc);
    race_range(from, n, false, pc);
    ssize_t r = REAL(write)(fd, from, n);
    after(fd, POLLOUT, r >= 0);
    return r;
}

exported ssize_t read(int fd, void *to, size_t n)
{
    return ex.on ? read_at(fd, to, n, CALLER) : REAL(read)(fd, to, n);
}

exported ssize_t write(int fd, const void *from, size_t n)
{
    return ex.on ? write_at(fd, from, n, CALLER) : REAL(write)(fd, from, n);
}

/* Calls that do to one descriptor what read and write do. */
#define ON_DESCRIPTOR(type, name, events, flags, parameters, arguments)       \
    exported type name parameters                                             \
    {                                                                         \
        if (!ex.on)                                                           \
            return REAL(name) arguments;                                      \
        if (!((flags) & MSG_DONTWAIT))                                        \
            before(#name, fd, events, CALLER);                                \
        else if (events == POLLOUT)                                           \
            files_written(fd);                                                \
        type r = REAL(name) arguments;                                        \
        after(fd, events, r >= 0);                                            \
        return r;                                                             \
    }
ON_DESCRIPTOR(ssize_t, recv, POLLIN, f, (int fd, void *to, size_t n, int f),
              (fd, to, n, f))
ON_DESCRIPTOR(ssize_t, send, POLLOUT, f, (int fd, const void *from, size_t n, int f),
              (fd, from, n, f))
ON_DESCRIPTOR(ssize_t, recvfrom, POLLIN, f, (int fd, void *to, size_t n, int f,
              struct sockaddr *a, socklen_t *l), (fd, to, n, f, a, l))
ON_DESCRIPTOR(ssize_t, sendto, POLLOUT, f, (int fd, const void *from, size_t n, int f,
              const struct sockaddr *a, socklen_t l), (fd, from, n, f, a, l))
ON_DESCRIPTOR(ssize_t, recvmsg, POLLIN, f, (int fd, struct msghdr *m, int f),
              (fd, m, f))
ON_DESCRIPTOR(ssize_t, sendmsg, POLLOUT, f, (int fd, const struct msghdr *m, int f),
              (fd, m, f))
ON_DESCRIPTOR(ssize_t, readv, POLLIN, 0, (int fd, const struct iovec *v, int n),
              (fd, v, n))
ON_DESCRIPTOR(ssize_t, writev, POLLOUT, 0, (int fd, const struct iovec *v, int n),
              (fd, v, n))
ON_DESCRIPTOR(int, accept, POLLIN, 0, (int fd, struct sockaddr *a, socklen_t *l),
              (fd, a, l))
ON_DESCRIPTOR(int, accept4, POLLIN, 0,
              (int fd, struct sockaddr *a, socklen_t *l, int how), (fd, a, l, how))

exported int close(int fd)
{
    if (!ex.on)
        return REAL(close)(fd);
    fds_begin(CALLER);
    files_closing(fd);
    int r = REAL(close)(fd);
    fds_changed();
    return r;
}

exported int socketpair(int domain, int type, int protocol, int fds[2])
{
    int r = REAL(socketpair)(domain, type, protocol, fds);
    if (ex.on && r == 0) {
        used = true;
        files_pair(fds);
    }
    return r;
}

exported int eventfd_read(int fd, eventfd_t *value)
{
    return (ex.on ? read_at(fd, value, sizeof *value, CALLER)
                  : REAL(read)(fd, value, sizeof *value)) == sizeof *value ? 0 : -1;
}

exported int eventfd_write(int fd, eventfd_t value)
{
    if (ex.on)
        before("eventfd_write", fd, POLLOUT, CALLER);
    ssize_t r = REAL(write)(fd, &value, sizeof value);
    if (ex.on)
        after(fd, POLLOUT, r >= 0);
    return r == sizeof value ? 0 : -1;
}

/* --- io_uring: refused, so that a program which can goes on with epoll --- */

struct io_uring;
struct io_uring_params;
exported int io_uring_queue_init_params(unsigned n, struct io_uring *r,
                                        struct io_uring_params *p);
int io_uring_queue_init_params(unsigned n, struct io_uring *r,
                               struct io_uring_params *p)
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
