/* net/listen.c - listening, accepting, serving.
 *
 * A process that is out of descriptors cannot accept, and the connection stays in the queue,
 * so a listener would be reported ready for ever.  One descriptor is held in reserve from the
 * first listen on (and another, to make it anew from): given up, it makes room to accept the
 * client and turn it away.
 * Tests: tests/io_test.c, tests/io_more_test.c. */
#include "base/latch.h"
#include "base/memory.h"
#include "core/thread.h"
#include "net/address.h"
#include "net/net.h"
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

enum { BACKLOG = 4096, PASSED_MOST = 64 };

/* --- the reserve ---------------------------------------------------------------- */

static struct latch reserve_latch; /* guards both; held over quick system calls alone */
static int reserve = -1;
static int stand_in = -1; /* what becomes the reserve again is made a copy of it, for to open
                             something would be to compete with other threads for the place */

static int reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void reserve_begin(void)
{
    latch_lock(&reserve_latch);
    if (stand_in < 0)
        stand_in = reserve_open();
    if (reserve < 0)
        reserve = reserve_open();
    latch_unlock(&reserve_latch);
}

/* A connection becomes the reserve, which ends it; in one step, where that can be. */
static int reserve_from(int fd)
{
    if (stand_in >= 0 && dup3(stand_in, fd, O_CLOEXEC) == fd)
        return fd;
    close(fd);
    return reserve_open();
}

/* Accept whoever is first and hang up.  False: there was no reserve, or nobody. */
static bool turn_away(int listener)
{
    latch_lock(&reserve_latch);
    if (reserve >= 0)
        close(reserve);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    reserve = fd >= 0 ? reserve_from(fd) : reserve_open();
    latch_unlock(&reserve_latch);
    return fd >= 0;
}

static void reserve_after_fork(void)
{
    reserve_latch = (struct latch){ 0 }; /* the descriptor was copied: it serves here too */
}

__attribute__((constructor)) static void reserve_begin_process(void)
{
    fork_watch(reserve_after_fork);
}

/* --- listening -------------------------------------------------------------------- */

static int listen_at(const struct address *a)
{
    int one = 1, family = a->at.any.sa_family;
    int fd = fault_now() ? (errno = EMFILE, -1)
                         : socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted ones inherit */
    }
    address_both_families(fd, a);
    if (bind(fd, &a->at.any, a->size) < 0 || listen(fd, BACKLOG) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return net_new(fd);
}

int tutti_listen(const char *address)
{
    struct address_text t;
    struct context *c = context_self();
    int rc = context_check(c);
    if (rc == 0)
        rc = address_parse(&t, address);
    if (rc < 0)
        return rc;
    if (t.kind == ADDRESS_UDP)
        return why_set(-EINVAL, "tutti_listen: %.80s: datagrams are received, not listened "
                       "for; see tutti_udp_open", address);
    reserve_begin();
    c->why_code = 0;
    struct address found[ADDRESS_MOST];
    rc = address_resolve(&t, true, found);
    rc = rc < 0 ? rc : address_open(&t, found, rc, listen_at);
    if (rc < 0 && c->why_code != rc)
        why_set(rc, "tutti_listen: %.200s: %s", address, tutti_strerror(rc));
    return rc;
}

/* --- accepting -------------------------------------------------------------------- */

/* One that is there already; -EAGAIN: none, or the listener is somebody's own and blocks. */
static int accept_there(int listener)
{
    int kept = errno, flags = fcntl(listener, F_GETFL), fd = -EAGAIN;
    if (flags >= 0 && flags & O_NONBLOCK) {
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        fd = fd < 0 ? -errno : fd;
    }
    errno = kept;
    return fd;
}

/* more: one has come a moment ago, and others may have with it: on a ring each would be a turn
 * of the worker, and clients behind a busy hundred wait for as many. */
static int accept_once(struct context *c, int listener, bool more)
{
    struct poller *p;
    if (fault_now())
        return -EMFILE;
    if (net_ring(c, &p)) {
        int there = more ? accept_there(listener) : -EAGAIN;
        if (there != -EAGAIN)
            return there;
        struct ring_want want = { .opcode = IORING_OP_ACCEPT, .fd = listener,
                                  .op_flags = SOCK_CLOEXEC | SOCK_NONBLOCK };
        return io_do(c, p, &want, "connection to come", CLOCK_NEVER);
    }
    int kept = errno, flags = fcntl(listener, F_GETFL);
    int fd = flags < 0 ? -errno : 0;
    errno = kept;
    if (fd == 0 && !(flags & O_NONBLOCK)) /* somebody's own: it would block */
        fd = net_ready(c, listener, POLLIN, CLOCK_NEVER);
    if (fd >= 0) {
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        fd = fd < 0 ? -errno : fd;
    }
    errno = kept;
    return fd;
}

/* May the next try go better at once?  These are of one connection, not of the listener. */
static bool accept_passing(int code)
{
    switch (code) {
    case -EINTR: case -ECONNABORTED: case -EPROTO: case -EPERM: case -ENETDOWN:
    case -ENOPROTOOPT: case -EHOSTDOWN: case -ENONET: case -EHOSTUNREACH: case -ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* Try again; but where all are refused (a filter of system calls) that would be a spin, so
 * now and then rest a little. */
static int accept_pass(struct context *c, unsigned *passed)
{
    return ++*passed % PASSED_MOST ? context_check(c)
                                   : tutti_sleep_until(tutti_after(10 * TUTTI_MS));
}

static bool accept_scarce(int code)
{
    return code == -EMFILE || code == -ENFILE || code == -ENOBUFS || code == -ENOMEM;
}

/* Not even an epoll to wait with, or no reserve: never spin, and never fail. */
static int accept_rest(int rc)
{
    return accept_scarce(rc) ? tutti_sleep_until(tutti_after(10 * TUTTI_MS)) : rc;
}

/* Out of descriptors or memory.  First wait for a client, since accept(2) complains before
 * it looks for one; if it still complains then (told), turn that one away. */
static int accept_when_scarce(struct context *c, int listener, bool *told)
{
    int rc = 0;
    if (!*told)
        rc = net_ready(c, listener, POLLIN, CLOCK_NEVER);
    else if (turn_away(listener))
        rc = 0;
    else
        rc = -ENOMEM;
    *told = !*told;
    return accept_rest(rc);
}

static int accept_next(int listener, bool more)
{
    struct context *c = context_self();
    bool told = false;
    unsigned passed = 0;
    int rc = context_check(c);
    while (rc >= 0) {
        rc = accept_once(c, listener, more);
        if (likely(rc >= 0))
            return net_new(rc);
        if (accept_passing(rc))
            rc = accept_pass(c, &passed);
        else if (rc == -EAGAIN)
            rc = accept_rest(net_ready(c, listener, POLLIN, CLOCK_NEVER));
        else if (accept_scarce(rc))
            rc = accept_when_scarce(c, listener, &told);
    }
    return net_failed("tutti_accept", rc);
}

int tutti_accept(int listener)
{
    return accept_next(listener, false);
}

/* --- serving ---------------------------------------------------------------------- */

struct client {
    int (*serve)(int fd);
    int fd;
};

static int client_run(void *arg)
{
    struct client k = *(struct client *)arg;
    memory_free(arg);
    return k.serve(k.fd);
}

static void client_drop(void *arg)
{
    struct client *k = arg;
    tutti_close(k->fd);
    memory_free(k);
}

int tutti_serve(tutti_scope *s, int listener, int (*serve)(int fd))
{
    enum { BURST = 64 }; /* then others have their turn */
    int rc = 0;
    if (!serve)
        return why_null(__func__);
    for (unsigned n = 0; rc >= 0; n++) {
        int fd = accept_next(listener, n % BURST != 0);
        struct client *k = fd < 0 ? NULL : memory_alloc(sizeof *k);
        if (fd >= 0 && !k)
            tutti_close(fd); /* that client's bad luck; memory may come back */
        if (k) {
            *k = (struct client){ serve, fd };
            rc = tutti_spawn(s, client_run, k, client_drop, NULL);
        }
        rc = fd < 0 ? fd : rc;
    }
    return rc;
}
