/* net/connect.c - connecting a socket that somebody else made, whose flags are not ours to
 * change.
 *
 * Design: a ring does it, on a worker that has one.  Else a rescue thread blocks in it, on a
 * duplicate of the descriptor, so that a task whose scope is over need not wait for it; when
 * there is no room for a duplicate it waits to the end.  Who was cut off, and tutti_close, shut
 * the socket down, which ends the rescue thread's call; a local socket's goes on until it is
 * let in.  That way is also taken for a socket with SO_SNDTIMEO, which a ring does not know.
 * Tests: tests/io_end_test.c, tests/hook_connect_test.c. */
#include "base/latch.h"
#include "base/memory.h"
#include "core/thread.h"
#include "io/fds.h"
#include "net/net.h"
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Holds: owners counts the caller and the rescue thread; the last one frees.  It is in
 * `attempts` while its caller waits. */
struct attempt {
    _Atomic int owners;
    int fd; /* a duplicate, with two owners */
    _Atomic int begun, over, done; /* the call; nobody wants it; it has returned */
    struct list link;
    struct fd_state *state; /* of the caller's number; NULL: none */
    uint32_t generation;
    socklen_t size;
    struct sockaddr_storage address;
};

static struct latch attempts_latch; /* guards attempts */
static struct list attempts = { &attempts, &attempts };
static _Atomic int attempt_count; /* of those in the list */

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
    int rc = -1;
    /* seq_cst, both: pair with attempt_end: either it sees the call begun and shuts it down,
     * or we see that nobody wants it */
    store_seqcst(&a->begun, 1);
    errno = ECANCELED;
    while (!load_seqcst(&a->over)) {
        rc = connect(a->fd, (const struct sockaddr *)(void *)&a->address, a->size);
        if (rc == 0 || errno != EINTR)
            break;
    }
    int code = rc < 0 ? -errno : 0;
    store_release(&a->done, 1); /* pairs with attempt_end, which may stop looking */
    return code;
}

/* The rescue thread need not go on.  Between its last look and the system call there is nothing
 * yet to be shut down, for a moment. */
static void attempt_end(struct attempt *a)
{
    enum { TRIES = 1000 };
    int kept = errno;
    store_seqcst(&a->over, 1);
    for (int i = 0; i < TRIES && load_seqcst(&a->begun); i++) { /* see attempt_run */
        if (load_acquire(&a->done) /* pairs with attempt_run */
            || shutdown(a->fd, SHUT_RDWR) == 0 || errno != ENOTCONN)
            break;
        sched_yield();
    }
    errno = kept;
}

void connect_forget(int fd)
{
    /* seq_cst: pairs with attempt_enlist; who is not counted yet begins in the new life */
    if (likely(!load_seqcst(&attempt_count)))
        return;
    struct fd_state *s = fd_state(fd);
    latch_lock(&attempts_latch);
    for (struct list *l = attempts.next; l != &attempts; l = l->next) {
        struct attempt *a = list_entry(l, struct attempt, link);
        if (s && a->state == s && fd_stale(s, a->generation))
            attempt_end(a);
    }
    latch_unlock(&attempts_latch);
}

/* While it is enlisted tutti_close finds it. */
static void attempt_enlist(struct attempt *a, int fd)
{
    a->state = fd_state(fd);
    if (!a->state)
        return;
    latch_lock(&attempts_latch);
    add_seqcst(&attempt_count, 1); /* before fd_enter: see connect_forget */
    a->generation = fd_enter(a->state);
    list_push_back(&attempts, &a->link);
    latch_unlock(&attempts_latch);
}

/* Was the descriptor closed meanwhile? */
static bool attempt_delist(struct attempt *a)
{
    if (!a->state)
        return false;
    latch_lock(&attempts_latch);
    list_remove(&a->link);
    sub_relaxed(&attempt_count, 1); /* one look too many does no harm */
    fd_leave(a->state);
    bool closed = fd_stale(a->state, a->generation);
    latch_unlock(&attempts_latch);
    return closed;
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
        attempt_enlist(a, fd);
        int rc = tutti_blocking(attempt_run, a, attempt_drop);
        if (attempt_delist(a))
            rc = -ECANCELED;
        if (rc == -ECANCELED || rc == -ETIMEDOUT)
            attempt_end(a);
        attempt_drop(a);
        return rc;
    }
    a->fd = fd;
    int rc = tutti_blocking(attempt_run, a, NULL);
    memory_free(a);
    return rc;
}

static void attempts_after_fork(void)
{
    attempts_latch = (struct latch){ 0 };
    list_init(&attempts); /* the parent's */
    store_relaxed(&attempt_count, 0); /* one thread */
}

__attribute__((constructor)) static void attempts_begin(void)
{
    fork_watch(attempts_after_fork);
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
