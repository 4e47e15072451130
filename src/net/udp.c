/* net/udp.c - datagrams, and addresses as values.  Tests: tests/io_more_test.c. */
#include "base/memory.h"
#include "net/address.h"
#include "net/net.h"
#include <poll.h>
#include <unistd.h>

_Static_assert(sizeof(struct address) <= sizeof(tutti_address), "grow tutti_address");

static struct address *address_of(tutti_address *a)
{
    return (struct address *)(void *)a;
}

int tutti_resolve(const char *address, tutti_address *out, size_t most)
{
    struct address_text t;
    struct address found[ADDRESS_MOST];
    int rc = context_check(context_self());
    if (rc == 0 && !out)
        return why_null(__func__);
    rc = rc < 0 ? rc : address_parse(&t, address);
    rc = rc < 0 ? rc : address_resolve(&t, false, found);
    if (rc > 0 && (size_t)rc > most)
        rc = (int)most;
    for (int i = 0; i < rc; i++) {
        memset(&out[i], 0, sizeof out[i]);
        *address_of(&out[i]) = found[i];
    }
    return rc;
}

int tutti_address_text(const tutti_address *a, char *text, size_t n)
{
    const struct address *at = (const void *)a;
    if (!a || !text || !n || !at->size)
        return why_static(-EINVAL, "tutti_address_text: no address, or no room for it");
    return address_tell(at, true, text, n);
}

static int udp_at(const struct address *a)
{
    int fd = fault_now() ? (errno = EMFILE, -1)
                         : socket(a->at.any.sa_family,
                                  SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    address_both_families(fd, a);
    if (bind(fd, &a->at.any, a->size) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return net_new(fd);
}

int tutti_udp_open(const char *address)
{
    struct address_text t;
    struct address found[ADDRESS_MOST];
    int rc = context_check(context_self());
    rc = rc < 0 ? rc : address_parse(&t, address);
    if (rc == 0 && t.kind != ADDRESS_UDP)
        return why_set(-EINVAL, "tutti_udp_open: %.80s does not begin with udp:", address);
    rc = rc < 0 ? rc : address_resolve(&t, true, found);
    if (rc < 0)
        return rc;
    rc = address_open(&t, found, rc, udp_at);
    return rc < 0 ? why_set(rc, "tutti_udp_open: %.200s: %s", address, tutti_strerror(rc))
                  : rc;
}

int tutti_udp_send(int fd, const void *data, size_t n, const tutti_address *to)
{
    const struct address *at = (const void *)to;
    struct context *c = context_self();
    int rc = to ? context_check(c) : why_null(__func__), kept = errno;
    while (rc >= 0) {
        ssize_t sent = sendto(fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL, &at->at.any, at->size);
        rc = sent < 0 ? -errno : 0;
        errno = kept;
        if (rc == 0)
            return 0;
        if (rc == -EAGAIN)
            rc = net_ready(c, fd, POLLOUT, CLOCK_NEVER);
        else if (rc == -EINTR)
            rc = 0;
    }
    return net_failed(__func__, rc);
}

int tutti_udp_receive(int fd, void *buf, size_t n, tutti_address *from)
{
    struct address who = { .size = sizeof who.at };
    struct context *c = context_self();
    int rc = context_check(c), kept = errno;
    while (rc >= 0) {
        who.size = sizeof who.at;
        ssize_t got = recvfrom(fd, buf, n, MSG_DONTWAIT | MSG_TRUNC, &who.at.any, &who.size);
        rc = got < 0 ? -errno : (int)got;
        errno = kept;
        if (rc >= 0) {
            if (from) {
                memset(from, 0, sizeof *from);
                *address_of(from) = who;
            }
            return rc;
        }
        if (rc == -EAGAIN)
            rc = net_ready(c, fd, POLLIN, CLOCK_NEVER);
        else if (rc == -EINTR)
            rc = 0;
    }
    return net_failed(__func__, rc);
}
