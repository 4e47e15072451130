/* hook/socket.c - recv and send in all their forms.  Tests: tests/hook_socket_test.c. */
#include "hook/hook.h"
#include <limits.h>
#include <stdlib.h>

/* --- receiving ------------------------------------------------------------------- */

/* One attempt after the other until something came. */
static ssize_t recv_some(struct turn *t, struct msghdr *m, int flags)
{
    int kept = errno;
    for (;;) {
        ssize_t got = libc()->recvmsg(t->fd, m, flags | MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != EAGAIN)
            return -1;
        errno = kept;
        if (got >= 0)
            return got;
        int rc = hook_turn(t);
        if (rc < 0)
            return hook_fail(rc);
    }
}

/* MSG_WAITALL: the rest of a stream, after `got` bytes. */
static ssize_t recv_rest(struct turn *t, struct msghdr *m, int flags, ssize_t got)
{
    int kept = errno;
    struct cursor c = cursor_at(m->msg_iov, m->msg_iovlen);
    cursor_advance(&c, (size_t)got);
    while (c.left) {
        struct msghdr rest = { 0 };
        rest.msg_iov = (struct iovec *)(uintptr_t)cursor_rest(&c, &rest.msg_iovlen);
        ssize_t more = recv_some(t, &rest, flags);
        if (more <= 0)
            break;
        cursor_advance(&c, (size_t)more);
        got += more;
    }
    errno = kept; /* what came counts; an error comes again with the next call */
    return got;
}

struct peek {
    int fd, flags;
    struct msghdr *m;
    ssize_t result;
};

static void peek_run(void *arg)
{
    struct peek *p = arg;
    p->result = libc()->recvmsg(p->fd, p->m, p->flags);
}

/* A look at more than has come: poll(2) has no word for it. */
static ssize_t peek_on_rescue(int fd, struct msghdr *m, int flags)
{
    struct peek p = { fd, flags, m, -1 };
    int rc = hook_rescue(peek_run, &p);
    return rc < 0 ? hook_fail(rc) : p.result;
}

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

static ssize_t recv_parking(int fd, struct msghdr *m, int flags)
{
    struct turn t = { .fd = fd, .events = flags & MSG_OOB ? POLLPRI : POLLIN,
                      .option = SO_RCVTIMEO };
    size_t room = m->msg_controllen;
    if (!(flags & MSG_WAITALL))
        return recv_some(&t, m, flags);
    if (flags & MSG_PEEK && !hook_nonblocking(fd))
        return peek_on_rescue(fd, m, flags);
    ssize_t got = recv_some(&t, m, flags);
    /* What came with descriptors ends there, as the kernel has it. */
    if (got <= 0 || (room && m->msg_controllen)
        || (size_t)got >= buffers_size(m->msg_iov, m->msg_iovlen) || !is_stream(fd))
        return got;
    return recv_rest(&t, m, flags, got);
}

/* Calls that never wait, or that only libc knows. */
static bool recv_is_plain(int flags)
{
    return flags & (MSG_DONTWAIT | MSG_ERRQUEUE);
}

HOOK ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    if (!HOOK_CALLER() || recv_is_plain(flags))
        return libc()->recvmsg(fd, m, flags);
    return recv_parking(fd, m, flags);
}

HOOK ssize_t recv(int fd, void *to, size_t size, int flags)
{
    if (!HOOK_CALLER() || recv_is_plain(flags))
        return libc()->recv(fd, to, size, flags);
    struct iovec v = { to, size };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
    return recv_parking(fd, &m, flags);
}

static ssize_t recvfrom_parking(int fd, void *to, size_t size, int flags,
                                struct sockaddr *from, socklen_t *from_size)
{
    struct iovec v = { to, size };
    struct msghdr m = { .msg_name = from, .msg_namelen = from ? *from_size : 0,
                        .msg_iov = &v, .msg_iovlen = 1 };
    ssize_t got = recv_parking(fd, &m, flags);
    if (got >= 0 && from)
        *from_size = m.msg_namelen;
    return got;
}

HOOK ssize_t recvfrom(int fd, void *restrict to, size_t size, int flags,
                      __SOCKADDR_ARG from, socklen_t *restrict from_size)
{
    if (!HOOK_CALLER() || recv_is_plain(flags) || (from.__sockaddr__ && !from_size))
        return libc()->recvfrom(fd, to, size, flags, from, from_size);
    return recvfrom_parking(fd, to, size, flags, from.__sockaddr__, from_size);
}

/* The first is waited for, and the others too unless MSG_WAITFORONE; the time counts between
 * two of them only, as the kernel has it. */
static int recvmmsg_parking(int fd, struct mmsghdr *v, unsigned n, int flags,
                            struct timespec *span)
{
    tutti_time until = hook_until(span);
    int each = flags & ~MSG_WAITFORONE;
    unsigned i = 0;
    while (i < n) {
        bool plain = recv_is_plain(each);
        ssize_t got = plain ? libc()->recvmsg(fd, &v[i].msg_hdr, each)
                            : recv_parking(fd, &v[i].msg_hdr, each);
        if (got < 0)
            break;
        v[i++].msg_len = (unsigned)got;
        if (flags & MSG_WAITFORONE)
            each |= MSG_DONTWAIT;
        if (span && tutti_now() >= until)
            break;
    }
    return i || !n ? (int)i : -1;
}

HOOK int recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *span)
{
    bool bad = span && (span->tv_sec < 0 || span->tv_nsec < 0 || span->tv_nsec > 999999999);
    if (!HOOK_CALLER() || recv_is_plain(flags) || bad)
        return libc()->recvmmsg(fd, v, n, flags, span);
    int kept = errno, rc = recvmmsg_parking(fd, v, n, flags, span);
    if (rc >= 0)
        errno = kept;
    return rc;
}

/* --- sending ------------------------------------------------------------------------ */

/* One attempt after the other until something has gone. */
static ssize_t send_some(struct turn *t, const struct msghdr *m, int flags)
{
    int kept = errno;
    for (;;) {
        ssize_t put = libc()->sendmsg(t->fd, m, flags | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno != EAGAIN)
            return -1;
        errno = kept;
        if (put >= 0)
            return put;
        int rc = hook_turn(t);
        if (rc < 0)
            return hook_fail(rc);
    }
}

/* Only a stream sends a part.  What goes beside the bytes went with the first. */
static ssize_t send_parking(int fd, const struct msghdr *m, int flags)
{
    struct turn t = { .fd = fd, .events = POLLOUT, .option = SO_SNDTIMEO };
    ssize_t put = send_some(&t, m, flags), all = put;
    if (put < 0 || (size_t)put >= buffers_size(m->msg_iov, m->msg_iovlen))
        return put;
    int kept = errno;
    struct cursor c = cursor_at(m->msg_iov, m->msg_iovlen);
    cursor_advance(&c, (size_t)put);
    while (c.left && !hook_nonblocking(fd)) {
        struct msghdr rest = { .msg_name = m->msg_name, .msg_namelen = m->msg_namelen };
        rest.msg_iov = (struct iovec *)(uintptr_t)cursor_rest(&c, &rest.msg_iovlen);
        put = send_some(&t, &rest, flags);
        if (put < 0)
            break;
        cursor_advance(&c, (size_t)put);
        all += put;
    }
    errno = kept; /* what has gone counts; an error comes again with the next call */
    return all;
}

/* MSG_FASTOPEN connects, which MSG_DONTWAIT would leave half done. */
static bool send_is_plain(int flags)
{
    return flags & (MSG_DONTWAIT | MSG_FASTOPEN);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    if (!HOOK_CALLER() || send_is_plain(flags))
        return libc()->sendmsg(fd, m, flags);
    return send_parking(fd, m, flags);
}

HOOK ssize_t send(int fd, const void *from, size_t size, int flags)
{
    if (!HOOK_CALLER() || send_is_plain(flags))
        return libc()->send(fd, from, size, flags);
    struct iovec v = { (void *)(uintptr_t)from, size };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
    return send_parking(fd, &m, flags);
}

HOOK ssize_t sendto(int fd, const void *from, size_t size, int flags,
                    __CONST_SOCKADDR_ARG to, socklen_t to_size)
{
    if (!HOOK_CALLER() || send_is_plain(flags))
        return libc()->sendto(fd, from, size, flags, to, to_size);
    struct iovec v = { (void *)(uintptr_t)from, size };
    struct msghdr m = { .msg_name = (void *)(uintptr_t)to.__sockaddr__,
                        .msg_namelen = to.__sockaddr__ ? to_size : 0,
                        .msg_iov = &v, .msg_iovlen = 1 };
    return send_parking(fd, &m, flags);
}

HOOK int sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
    unsigned i = 0;
    if (!HOOK_CALLER() || send_is_plain(flags))
        return libc()->sendmmsg(fd, v, n, flags);
    int kept = errno;
    for (; i < n; i++) {
        ssize_t put = send_parking(fd, &v[i].msg_hdr, flags);
        if (put < 0)
            break;
        v[i].msg_len = (unsigned)put;
    }
    if (i)
        errno = kept;
    return i || !n ? (int)i : -1;
}

/* --- the twins of _FORTIFY_SOURCE ------------------------------------------------------ */

HOOK ssize_t __recv_chk(int fd, void *to, size_t size, size_t room, int flags);
HOOK ssize_t __recvfrom_chk(int fd, void *to, size_t size, size_t room, int flags,
                            struct sockaddr *from, socklen_t *from_size);

HOOK ssize_t __recv_chk(int fd, void *to, size_t size, size_t room, int flags)
{
    if (size > room)
        abort();
    if (!HOOK_CALLER() || recv_is_plain(flags))
        return libc()->recv(fd, to, size, flags);
    struct iovec v = { to, size };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
    return recv_parking(fd, &m, flags);
}

HOOK ssize_t __recvfrom_chk(int fd, void *to, size_t size, size_t room, int flags,
                            struct sockaddr *from, socklen_t *from_size)
{
    if (size > room)
        abort();
    if (!HOOK_CALLER() || recv_is_plain(flags) || (from && !from_size))
        return libc()->recvfrom(fd, to, size, flags, (__SOCKADDR_ARG){ from }, from_size);
    return recvfrom_parking(fd, to, size, flags, from, from_size);
}
