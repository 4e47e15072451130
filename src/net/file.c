/* net/file.c - files: always ready, and yet they block.  With a ring the kernel takes care;
 * without, what the page cache has is read here, and the rest on a thread that may be
 * abandoned in the middle: so that thread works on memory of its own.
 * Tests: tests/io_test.c. */
#include "net/file.h"
#include "base/memory.h"
#include "net/net.h"
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* One call on another thread.  Holds: refs is 2 while both may look at it; `bytes` are n
 * bytes, or a path. */
struct file_call {
    _Atomic int refs;
    enum { FILE_READ, FILE_WRITE, FILE_SYNC, FILE_OPEN } what;
    int fd, flags;
    unsigned mode;
    int64_t offset; /* -1: where the file stands */
    size_t n;
    int result;
    char bytes[];
};

static void call_drop(void *arg)
{
    struct file_call *k = arg;
    /* acq_rel: the last to go sees all that the other did with it */
    if (sub_acqrel(&k->refs, 1) != 1)
        return;
    memory_free(k);
}

/* On the other thread. */
static int call_run(void *arg)
{
    struct file_call *k = arg;
    ssize_t rc = 0;
    do {
        switch (k->what) {
        case FILE_READ:
            rc = k->offset < 0 ? read(k->fd, k->bytes, k->n)
                               : pread(k->fd, k->bytes, k->n, k->offset);
            break;
        case FILE_WRITE:
            rc = k->offset < 0 ? write(k->fd, k->bytes, k->n)
                               : pwrite(k->fd, k->bytes, k->n, k->offset);
            break;
        case FILE_SYNC:
            rc = fsync(k->fd);
            break;
        case FILE_OPEN:
            rc = open(k->bytes, k->flags | O_CLOEXEC, k->mode);
        }
    } while (rc < 0 && errno == EINTR);
    k->result = rc < 0 ? -errno : (int)rc;
    return 0;
}

/* A descriptor that was opened for nobody: the caller was cut off. */
static void call_drop_open(void *arg)
{
    struct file_call *k = arg;
    if (sub_acqrel(&k->refs, 1) != 1) /* as in call_drop */
        return;
    if (k->result >= 0)
        close(k->result);
    memory_free(k);
}

/* Run *k elsewhere; its result, or the cut's code.  copy: where to put what was read. */
static int call_elsewhere(struct file_call *k, void *copy)
{
    tutti_drop *drop = k->what == FILE_OPEN ? call_drop_open : call_drop;
    store_relaxed(&k->refs, 2); /* nobody else knows it yet */
    k->result = -ECANCELED;
    int rc = tutti_blocking(call_run, k, drop);
    if (rc == 0) {
        rc = k->result;
        k->result = -ECANCELED; /* taken */
        if (rc > 0 && copy)
            memcpy(copy, k->bytes, (size_t)rc);
    }
    drop(k);
    return rc;
}

static struct file_call *call_make(int fd, size_t n)
{
    struct file_call *k = memory_alloc(sizeof *k + n);
    if (k)
        *k = (struct file_call){ .fd = fd, .n = n };
    return k;
}

enum { BOUNCE = 1 << 20 }; /* bytes a call on another thread moves at most */

int file_transfer(int fd, void *buf, size_t n, int64_t offset, bool out)
{
    n = n < BOUNCE ? n : BOUNCE;
    struct file_call *k = call_make(fd, n);
    if (!k)
        return -ENOMEM;
    k->what = out ? FILE_WRITE : FILE_READ;
    k->offset = offset;
    if (out)
        memcpy(k->bytes, buf, n);
    return call_elsewhere(k, out ? NULL : buf);
}

bool file_is_regular(int fd)
{
    struct stat st;
    int kept = errno;
    bool yes = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)
                                       || S_ISDIR(st.st_mode));
    errno = kept;
    return yes;
}

/* --- by way of the ring ------------------------------------------------------------ */

static int at_offset(int fd, void *buf, size_t n, int64_t offset, bool out)
{
    struct context *c = context_self();
    struct poller *p;
    struct iovec v = { buf, n };
    int rc = context_check(c), kept = errno;
    if (rc < 0)
        return rc;
    if (offset < 0)
        return -EINVAL;
    n = v.iov_len = n < NET_MOST ? n : NET_MOST;
    if (net_ring(c, &p)) {
        if (lseek(fd, 0, SEEK_CUR) < 0) { /* a ring would read what has no places */
            rc = -errno;
            errno = kept;
            return rc;
        }
        struct ring_want want = { .opcode = out ? IORING_OP_WRITE : IORING_OP_READ,
                                  .fd = fd, .addr = (uintptr_t)buf, .len = (uint32_t)n,
                                  .off = (uint64_t)offset };
        rc = io_do(c, p, &want, out ? "file to write" : "file to read",
                   CLOCK_NEVER);
        return rc;
    }
    ssize_t got = out ? pwritev2(fd, &v, 1, offset, RWF_NOWAIT)
                      : preadv2(fd, &v, 1, offset, RWF_NOWAIT);
    rc = got < 0 ? -errno : (int)got;
    errno = kept;
    return rc == -EAGAIN || rc == -EOPNOTSUPP || rc == -ENOSYS
               ? file_transfer(fd, buf, n, offset, out)
               : rc;
}

int tutti_pread(int fd, void *buf, size_t n, int64_t offset)
{
    int rc = at_offset(fd, buf, n, offset, false);
    return rc >= 0 ? rc : net_failed("tutti_pread", rc);
}

int tutti_pwrite(int fd, const void *buf, size_t n, int64_t offset)
{
    int rc = at_offset(fd, (void *)(uintptr_t)buf, n, offset, true);
    return rc >= 0 ? rc : net_failed("tutti_pwrite", rc);
}

int tutti_fsync(int fd)
{
    struct context *c = context_self();
    struct poller *p;
    int rc = context_check(c);
    if (rc == 0 && net_ring(c, &p)) {
        struct ring_want want = { .opcode = IORING_OP_FSYNC, .fd = fd };
        rc = io_do(c, p, &want, "file to be synced", CLOCK_NEVER);
    } else if (rc == 0) {
        struct file_call *k = call_make(fd, 0);
        if (k)
            k->what = FILE_SYNC;
        rc = k ? call_elsewhere(k, NULL) : -ENOMEM;
    }
    return rc >= 0 ? 0 : net_failed("tutti_fsync", rc);
}

static bool is_fifo(int fd)
{
    struct stat st;
    int kept = errno;
    bool yes = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
    errno = kept;
    return yes;
}

static void close_quietly(int fd)
{
    int kept = errno;
    if (fd >= 0)
        close(fd);
    errno = kept;
}

/* The kernel tries each open without waiting first, and takes what that gives for the answer;
 * but for a FIFO to be read it was to wait for a writer.  So `fd` stays open, lest one that
 * waits for us find nobody, and it is opened once more in earnest, which ends when a writer
 * is there; or one has been there meanwhile, which fd tells.  fd, or negative. */
static int await_writer(struct context *c, struct poller *p, struct ring_want *want, int fd)
{
    struct ring_op opened = { 0 }, seen = { 0 }, *ops[] = { &opened, &seen };
    struct ring_want look = { .opcode = IORING_OP_POLL_ADD, .fd = fd, .op_flags = POLLIN };
    want->sqe_flags = IOSQE_ASYNC;
    uint64_t ticket = wait_prepare(c, "writer of a FIFO", want);
    for (int i = 0; i < 2; i++) {
        ops[i]->who = c;
        ops[i]->ticket = ticket;
    }
    int rc = ring_begin(poller_ring(p), &seen, &look);
    rc = rc < 0 ? rc : ring_begin(poller_ring(p), &opened, want);
    if (rc < 0)
        wait_abandon(c, ticket); /* if not, it has been woken, and goes on all the same */
    else
        rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
    opened.who = seen.who = NULL;
    io_settle(c, p, &opened);
    io_settle(c, p, &seen);
    if (opened.res > 0)
        close_quietly(opened.res);
    else if (rc >= 0 && seen.res <= 0)
        rc = opened.res;
    if (rc >= 0)
        return fd;
    close_quietly(fd);
    return rc;
}

static int open_by_ring(struct context *c, struct poller *p, const char *path, int flags,
                        unsigned mode)
{
    struct ring_want want = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
                              .addr = (uintptr_t)path, .len = mode,
                              .op_flags = (uint32_t)flags | O_CLOEXEC };
    bool waits = !(flags & (O_NONBLOCK | O_PATH));
    int rc = io_do(c, p, &want, "file to be opened", CLOCK_NEVER);
    if (rc >= 0)
        return waits && (flags & O_ACCMODE) == O_RDONLY && is_fifo(rc)
                   ? await_writer(c, p, &want, rc) : rc;
    if (rc != -ENXIO || !waits)
        return rc;
    want.sqe_flags = IOSQE_ASYNC; /* a FIFO that nobody reads */
    return io_do(c, p, &want, "reader of a FIFO", CLOCK_NEVER);
}

int tutti_open(const char *path, int flags, unsigned mode)
{
    struct context *c = context_self();
    struct poller *p;
    int rc = context_check(c);
    if (rc < 0)
        return net_failed("tutti_open", rc);
    if (!path)
        return why_null(__func__);
    if (fault_now()) {
        rc = -EMFILE;
    } else if (net_ring(c, &p)) {
        rc = open_by_ring(c, p, path, flags, mode);
    } else {
        struct file_call *k = call_make(-1, strlen(path) + 1);
        rc = -ENOMEM;
        if (k) {
            k->what = FILE_OPEN;
            k->flags = flags;
            k->mode = mode;
            strcpy(k->bytes, path);
            rc = call_elsewhere(k, NULL);
        }
    }
    return rc >= 0 ? net_new(rc)
                   : why_set(rc, "tutti_open: %.200s: %s", path, tutti_strerror(rc));
}

/* --- sending a file ------------------------------------------------------------------ */

/* The file and the socket are both asked not to block; a socket that would block all the
 * same gets what was read first. */
static int64_t send_by_copy(int to, int file, int64_t offset, size_t n)
{
    enum { PIECE = 64 << 10 };
    char *piece = memory_alloc(PIECE);
    int rc = piece ? 0 : -ENOMEM;
    size_t done = 0;
    while (rc >= 0 && done < n) {
        size_t want = n - done < PIECE ? n - done : PIECE;
        rc = tutti_pread(file, piece, want, offset + (int64_t)done);
        if (rc == 0)
            break;
        int read = rc;
        if (rc > 0)
            rc = tutti_write_all(to, piece, (size_t)read);
        if (rc >= 0)
            done += (size_t)read;
    }
    memory_free(piece);
    return rc < 0 ? rc : (int64_t)done;
}

/* sendfile(2) knows no MSG_NOSIGNAL, and a peer that is gone is no reason to die of SIGPIPE:
 * it is held back, and taken if the call has raised it.  Even one that sent some may have. */
static ssize_t sendfile_quietly(int to, int file, off_t *at, size_t n)
{
    static const struct timespec at_once;
    sigset_t broken, before;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t sent = sendfile(to, file, at, n);
    int code = errno;
    if (!sigismember(&before, SIGPIPE)) {
        if (sent < 0 || (size_t)sent < n)
            sigtimedwait(&broken, NULL, &at_once);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    errno = code;
    return sent;
}

static int64_t send_by_kernel(struct context *c, int to, int file, int64_t offset, size_t n)
{
    off_t at = offset;
    size_t left = n;
    int rc = 0, kept = errno;
    while (rc >= 0 && left > 0) {
        ssize_t sent = sendfile_quietly(to, file, &at, left < NET_MOST ? left : NET_MOST);
        if (sent == 0)
            break; /* the file's end */
        if (sent > 0)
            left -= (size_t)sent;
        else if (errno == EAGAIN)
            rc = net_ready(c, to, POLLOUT, CLOCK_NEVER);
        else if (errno != EINTR)
            rc = -errno;
    }
    errno = kept;
    return rc < 0 ? rc : (int64_t)(n - left);
}

int64_t tutti_sendfile(int to, int file, int64_t offset, size_t n)
{
    struct context *c = context_self();
    int kept = errno;
    int flags = fcntl(to, F_GETFL);
    errno = kept;
    int64_t rc = context_check(c);
    if (rc == 0)
        rc = flags < 0 ? -EBADF
             : flags & O_NONBLOCK ? send_by_kernel(c, to, file, offset, n)
                                  : send_by_copy(to, file, offset, n);
    return rc >= 0 ? rc : net_failed("tutti_sendfile", (int)rc);
}
