/* net/dial.c - connecting to the first of several addresses that answers.
 *
 * Design: one task holds all attempts and waits for any of them, or for the time to begin the
 * next; so a family that leads nowhere costs a quarter of a second, not a minute, and a cut
 * leaves nothing behind.  Tests: tests/io_test.c. */
#include "base/memory.h"
#include "net/address.h"
#include "net/net.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#define NEXT_AFTER (250 * TUTTI_MS)

/* Holds: fds[0..n) are attempts under way, of those addresses; next is the first address not
 * tried. */
struct dial {
    struct address found[ADDRESS_MOST];
    int count, next;
    int fds[ADDRESS_MOST], n;
    int failure; /* of the last that failed */
};

/* Begin to connect: a descriptor, with *done set if it is through; or -errno. */
static int attempt(const struct address *a, bool *done)
{
    int one = 1, family = a->at.any.sa_family, kept = errno;
    int fd = fault_now() ? (errno = EMFILE, -1)
                         : socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = fd < 0 ? -errno : 0;
    if (rc == 0 && family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (rc == 0) {
        *done = connect(fd, &a->at.any, a->size) == 0;
        if (!*done && errno != EINPROGRESS && errno != EINTR)
            rc = -errno;
    }
    if (rc < 0 && fd >= 0)
        close(fd);
    errno = kept;
    return rc < 0 ? rc : net_new(fd);
}

/* A local socket whose listener is busy says so instead of queueing us. */
static int attempt_patiently(const struct address *a, bool *done)
{
    int64_t nap = TUTTI_MS / 4;
    int rc;
    while ((rc = attempt(a, done)) == -EAGAIN && a->at.any.sa_family == AF_UNIX) {
        rc = tutti_sleep_until(tutti_after(nap));
        if (rc < 0)
            return rc;
        nap = nap < 20 * TUTTI_MS ? nap * 2 : nap;
    }
    return rc;
}

/* Begin the next that can begin.  A descriptor that is through, -EAGAIN: none is yet, or the
 * code of a cut. */
static int dial_next(struct dial *d)
{
    while (d->next < d->count) {
        bool done = false;
        int fd = attempt_patiently(&d->found[d->next++], &done);
        if (fd == -ECANCELED || (fd == -ETIMEDOUT && context_check(context_self()) < 0))
            return fd;
        if (fd < 0) {
            d->failure = fd;
            continue;
        }
        if (done)
            return fd;
        d->fds[d->n++] = fd;
        break;
    }
    return -EAGAIN;
}

/* fds[i] has something to say: the descriptor, or -EAGAIN and it is out. */
static int dial_settled(struct dial *d, int i)
{
    int fd = d->fds[i], error = 0, kept = errno;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    errno = kept;
    d->fds[i] = d->fds[--d->n];
    if (!error)
        return fd;
    d->failure = -error;
    tutti_close(fd);
    return -EAGAIN;
}

/* Until one has something to say, or it is time for the next. */
static int dial_wait(struct dial *d)
{
    tutti_case k[ADDRESS_MOST + 1];
    for (int i = 0; i < d->n; i++)
        k[i] = tutti_on_fd(d->fds[i], POLLOUT);
    bool more = d->next < d->count;
    k[d->n] = tutti_on_time(more ? tutti_after(NEXT_AFTER) : TUTTI_NEVER);
    int rc = tutti_wait(k, (size_t)d->n + more);
    return rc < 0 ? rc : rc == d->n ? dial_next(d) : dial_settled(d, rc);
}

static int dial_first(struct dial *d)
{
    int rc = dial_next(d);
    while (rc == -EAGAIN && (d->n > 0 || d->next < d->count))
        rc = d->n > 0 ? dial_wait(d) : dial_next(d);
    for (int i = 0; i < d->n; i++)
        tutti_close(d->fds[i]);
    return rc == -EAGAIN ? d->failure : rc;
}

int tutti_dial(const char *address)
{
    struct address_text t;
    struct dial d = { .failure = -ENOENT };
    int rc = context_check(context_self());
    if (rc == 0)
        rc = address_parse(&t, address);
    if (rc < 0)
        return rc;
    if (t.kind == ADDRESS_UDP)
        return why_set(-EINVAL, "tutti_dial: %.80s: datagrams have no connection; see "
                       "tutti_udp_open", address);
    rc = address_resolve(&t, false, d.found);
    if (rc < 0)
        return rc;
    d.count = rc;
    rc = dial_first(&d);
    return rc >= 0 ? rc : why_set(rc, "tutti_dial: %.200s: %s", address, tutti_strerror(rc));
}
