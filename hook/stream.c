/* hook/stream.c - read, write and their forms with several buffers, on whatever a descriptor
 * is: a socket, a pipe, a terminal, an eventfd.  Regular files are left to libc, since poll(2)
 * calls them ready whatever they are, and as a rule they are; but a call from a place that
 * the monitor has seen block a worker goes to a rescue thread from then on.
 *
 * The twins that _FORTIFY_SOURCE makes of calls (__read_chk) are here as well: what Debian
 * builds calls those.
 * Tests: tests/hook_stream_test.c. */
#include "hook/hook.h"
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <tutti/monitor.h>

enum { WHOLE = PIPE_BUF }; /* what a pipe that has room takes without waiting */

/* --- buffers ------------------------------------------------------------------- */

struct cursor cursor_at(const struct iovec *v, size_t n)
{
    struct cursor c = { v, n, 0, { NULL, 0 } };
    cursor_advance(&c, 0);
    return c;
}

const struct iovec *cursor_rest(struct cursor *c, size_t *n)
{
    *n = c->left;
    if (!c->in)
        return c->v;
    c->one = (struct iovec){ (char *)c->v->iov_base + c->in, c->v->iov_len - c->in };
    *n = 1;
    return &c->one;
}

void cursor_advance(struct cursor *c, size_t bytes)
{
    c->in += bytes;
    while (c->left && c->in >= c->v->iov_len) {
        c->in -= c->v->iov_len;
        c->v++;
        c->left--;
    }
}

size_t buffers_size(const struct iovec *v, size_t n)
{
    size_t all = 0;
    for (size_t i = 0; i < n; i++)
        if (__builtin_add_overflow(all, v[i].iov_len, &all))
            return SIZE_MAX;
    return all;
}

/* Does the kernel not know how to do this one without waiting? */
static bool cannot_be_asked(int error)
{
    return error == EOPNOTSUPP || error == ENOSYS || error == EINVAL || error == ESPIPE;
}

/* --- terminals ------------------------------------------------------------------- */

struct transfer {
    int fd;
    const struct iovec *v;
    int n;
    ssize_t result;
};

static void readv_run(void *arg)
{
    struct transfer *t = arg;
    t->result = libc()->readv(t->fd, t->v, t->n);
}

static void writev_run(void *arg)
{
    struct transfer *t = arg;
    t->result = libc()->writev(t->fd, t->v, t->n);
}

static ssize_t on_rescue(void (*run)(void *arg), int fd, const struct iovec *v, int n)
{
    struct transfer t = { fd, v, n, -1 };
    int rc = hook_rescue(run, &t);
    return rc < 0 ? hook_fail(rc) : t.result;
}

/* Does it give up by itself after a time between characters (VTIME)? */
static bool tty_is_timed(int fd, bool *at_once)
{
    struct termios mode;
    *at_once = false;
    if (tcgetattr(fd, &mode) < 0 || mode.c_lflag & ICANON)
        return false;
    *at_once = !mode.c_cc[VMIN] && !mode.c_cc[VTIME];
    return mode.c_cc[VTIME] != 0;
}

static ssize_t tty_readv(int fd, const struct iovec *v, int n)
{
    bool at_once, timed = tty_is_timed(fd, &at_once);
    if (at_once || hook_nonblocking(fd))
        return libc()->readv(fd, v, n);
    if (timed)
        return on_rescue(readv_run, fd, v, n);
    struct turn t = { .fd = fd, .events = POLLIN };
    while (!hook_ready(fd, POLLIN)) {
        int rc = hook_turn(&t);
        if (rc < 0)
            return hook_fail(rc);
    }
    return libc()->readv(fd, v, n);
}

/* How much room it has nobody says, so what begins may have to wait. */
static ssize_t tty_writev(int fd, const struct iovec *v, int n)
{
    struct turn t = { .fd = fd, .events = POLLOUT };
    if (hook_nonblocking(fd))
        return libc()->writev(fd, v, n);
    while (!hook_ready(fd, POLLOUT)) {
        int rc = hook_turn(&t);
        if (rc < 0)
            return hook_fail(rc);
    }
    return on_rescue(writev_run, fd, v, n);
}

/* --- reading ----------------------------------------------------------------------- */

/* One attempt that does not wait.  -1 with EAGAIN: it would. */
static ssize_t read_attempt(int fd, const struct iovec *v, int n, enum kind kind)
{
    if (kind == KIND_SOCKET) {
        struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)n };
        return libc()->recvmsg(fd, &m, MSG_DONTWAIT);
    }
    ssize_t got = preadv2(fd, v, n, -1, RWF_NOWAIT);
    if (got >= 0 || !cannot_be_asked(errno))
        return got;
    if (hook_ready(fd, POLLIN) || hook_nonblocking(fd))
        return libc()->readv(fd, v, n);
    errno = EAGAIN;
    return -1;
}

/* from: where the program called. */
static ssize_t read_parking(int fd, const struct iovec *v, int n, const void *from)
{
    int kept = errno;
    enum kind kind = hook_kind(fd);
    if (kind == KIND_FILE && tutti_site_blamed(from))
        return on_rescue(readv_run, fd, v, n);
    if (kind == KIND_FILE || n <= 0 || n > IOV_MAX || buffers_size(v, (size_t)n) == 0)
        return libc()->readv(fd, v, n);
    if (kind == KIND_TTY)
        return tty_readv(fd, v, n);
    struct turn t = { .fd = fd, .events = POLLIN,
                      .option = kind == KIND_SOCKET ? SO_RCVTIMEO : 0 };
    for (;;) {
        ssize_t got = read_attempt(fd, v, n, kind);
        if (got < 0 && errno == EINTR)
            continue; /* it has not slept, so nobody waits to hear of the signal */
        if (got < 0 && errno != EAGAIN)
            return -1;
        errno = kept;
        if (got >= 0)
            return got;
        int rc = hook_turn(&t);
        if (rc < 0)
            return hook_fail(rc);
    }
}

HOOK ssize_t read(int fd, void *to, size_t size)
{
    if (!HOOK_CALLER() || size > SSIZE_MAX)
        return libc()->read(fd, to, size);
    struct iovec v = { to, size };
    return read_parking(fd, &v, 1, __builtin_return_address(0));
}

HOOK ssize_t readv(int fd, const struct iovec *v, int n)
{
    return HOOK_CALLER() ? read_parking(fd, v, n, __builtin_return_address(0))
                         : libc()->readv(fd, v, n);
}

/* --- writing ------------------------------------------------------------------------ */

static int write_flags(int fd, enum kind kind)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (kind == KIND_SOCKET && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0
        && type == SOCK_SEQPACKET)
        return MSG_DONTWAIT | MSG_EOR; /* as write(2) does */
    return MSG_DONTWAIT;
}

/* One attempt that does not wait.  -1 with EAGAIN: it would. */
static ssize_t write_attempt(int fd, const struct iovec *v, size_t n, enum kind kind,
                             int flags)
{
    if (kind == KIND_SOCKET) {
        struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = n };
        return libc()->sendmsg(fd, &m, flags);
    }
    ssize_t put = pwritev2(fd, v, (int)n, -1, RWF_NOWAIT);
    if (put >= 0 || !cannot_be_asked(errno))
        return put;
    if (hook_nonblocking(fd))
        return libc()->writev(fd, v, (int)n);
    if (!hook_ready(fd, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    if (buffers_size(v, n) <= WHOLE)
        return libc()->writev(fd, v, (int)n);
    return libc()->write(fd, v->iov_base, v->iov_len < WHOLE ? v->iov_len : WHOLE);
}

/* A write that may block ends when all is out: what has gone counts before an error. */
static ssize_t write_parking(int fd, const struct iovec *v, int n, const void *from)
{
    int kept = errno;
    enum kind kind = hook_kind(fd);
    if (kind == KIND_FILE && tutti_site_blamed(from))
        return on_rescue(writev_run, fd, v, n);
    if (kind == KIND_FILE || n <= 0 || n > IOV_MAX || buffers_size(v, (size_t)n) == 0)
        return libc()->writev(fd, v, n);
    if (kind == KIND_TTY)
        return tty_writev(fd, v, n);
    struct cursor c = cursor_at(v, (size_t)n);
    struct turn t = { .fd = fd, .events = POLLOUT,
                      .option = kind == KIND_SOCKET ? SO_SNDTIMEO : 0 };
    int flags = write_flags(fd, kind), rc;
    ssize_t done = 0;
    while (c.left) {
        size_t count;
        const struct iovec *rest = cursor_rest(&c, &count);
        ssize_t put = write_attempt(fd, rest, count, kind, flags);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno != EAGAIN)
            return done ? done : -1;
        errno = kept;
        if (put > 0) {
            cursor_advance(&c, (size_t)put);
            done += put;
        } else if ((rc = hook_turn(&t)) < 0) {
            return done ? done : hook_fail(rc);
        }
    }
    return done;
}

HOOK ssize_t write(int fd, const void *from, size_t size)
{
    if (!HOOK_CALLER() || size > SSIZE_MAX)
        return libc()->write(fd, from, size);
    struct iovec v = { (void *)(uintptr_t)from, size };
    return write_parking(fd, &v, 1, __builtin_return_address(0));
}

HOOK ssize_t writev(int fd, const struct iovec *v, int n)
{
    return HOOK_CALLER() ? write_parking(fd, v, n, __builtin_return_address(0))
                         : libc()->writev(fd, v, n);
}

/* --- twins ---------------------------------------------------------------------------- */

HOOK ssize_t __read_chk(int fd, void *to, size_t size, size_t room);

HOOK ssize_t __read_chk(int fd, void *to, size_t size, size_t room)
{
    if (size > room)
        abort();
    if (!HOOK_CALLER() || size > SSIZE_MAX)
        return libc()->read(fd, to, size);
    struct iovec v = { to, size };
    return read_parking(fd, &v, 1, __builtin_return_address(0));
}
