/* net/stream_read.c - the reading half of a stream.
 *
 * Design: bytes lie in one block, which is lent by the ring (the kernel chose it when the
 * bytes came), or memory of ours: where there is no ring, or when a view must hold more than
 * fits.  The block goes back when its bytes are used up and the next are waited for, so who
 * waits holds none.
 * Tests: tests/stream_test.c, tests/stream_peer_test.c, tests/fuzz/stream_fuzz.c. */
#include "base/memory.h"
#include "net/file.h"
#include "net/stream.h"
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { ROOM_LEAST = 512 }; /* less room in a block is not worth a system call */
enum { RUN_MOST = 16 };    /* reads without waiting before others have their turn */

void stream_in_begin(struct stream_in *in)
{
    in->limit = STREAM_LIMIT;
    in->until = CLOCK_NEVER;
}

static struct block_cache *cache(void)
{
    struct context *c = context_self();
    return poller_blocks(c->carrier->poller(c));
}

static void block_back(struct stream_in *in)
{
    if (in->block && in->lender)
        lender_back(in->lender, in->block);
    else if (in->room > BLOCK_SIZE)
        memory_free(in->block);
    else
        block_put(cache(), in->block);
    in->block = in->data = NULL;
    in->lender = NULL;
    in->have = in->shown = in->room = 0;
}

void stream_in_end(struct stream_in *in)
{
    block_back(in);
}

/* What was shown is used up. */
static void use_up(struct stream_in *in)
{
    if (!in->block)
        return;
    in->data += in->shown;
    in->have -= in->shown;
    in->shown = 0;
    if (in->have == 0)
        block_back(in);
}

/* --- bytes from below ------------------------------------------------------------ */

/* Make room for more behind what there is: in a block of ours, unless this one has it. */
static int make_room(struct stream_in *in)
{
    size_t behind = in->block ? (size_t)(in->block + in->room - in->data) - in->have : 0;
    if (behind >= ROOM_LEAST)
        return 0;
    size_t room = in->have < BLOCK_SIZE / 2 ? BLOCK_SIZE : in->have * 2;
    size_t shown = in->shown, have = in->have;
    char *block = room > BLOCK_SIZE ? memory_alloc(room) : block_get(cache());
    if (!block)
        return -ENOMEM;
    if (have)
        memcpy(block, in->data, have);
    block_back(in);
    in->block = in->data = block;
    in->room = room;
    in->have = have;
    in->shown = shown;
    return 0;
}

/* The kernel picks a block when bytes have come: how many; -ENOBUFS: all are lent. */
static int receive_lent(struct context *c, struct poller *p, struct stream *s)
{
    struct stream_in *in = &s->in;
    struct lender *l = ring_lender(poller_ring(p));
    struct ring_op op = { 0 };
    struct ring_want want = { .opcode = IORING_OP_RECV, .sqe_flags = IOSQE_BUFFER_SELECT,
                              .ioprio = in->dry ? IORING_RECVSEND_POLL_FIRST : 0,
                              .fd = s->fd, .group = RING_GROUP };
    int rc;
    if (!l)
        return -ENOBUFS;
    in->run = 0;
    do {
        rc = ring_begin(poller_ring(p), &op, &want);
        rc = rc < 0 ? rc : io_await(c, &op, "bytes of a stream", in->until);
        if (rc < 0)
            io_settle(c, p, &op);
    } while (rc == 0 && io_again(&op));
    if (rc < 0 && op.res <= 0)
        return rc;
    if (op.flags & IORING_CQE_F_BUFFER) {
        in->block = in->data = lender_lent(l, op.flags);
        in->room = RING_BUFFER;
        in->lender = l;
        if (op.res <= 0)
            block_back(in);
    }
    return op.res;
}

/* Into a block of ours.  there: bytes were there a moment ago, so read them now rather than
 * hold a block until the kernel's turn. */
static int receive_own(struct context *c, struct poller *p, struct stream *s, bool there)
{
    struct stream_in *in = &s->in;
    int rc = make_room(in);
    if (rc < 0)
        return rc;
    char *at = in->data + in->have;
    size_t room = (size_t)(in->block + in->room - at);
    struct ring_want want = { .opcode = IORING_OP_RECV, .fd = s->fd,
                              .ioprio = in->dry ? IORING_RECVSEND_POLL_FIRST : 0,
                              .addr = (uintptr_t)at, .len = (uint32_t)room };
    rc = there ? net_try_read(s->fd, at, room, false) : -EAGAIN;
    if (rc == -EAGAIN) {
        in->run = 0;
        rc = io_do(c, p, &want, "bytes of a stream", in->until);
    }
    in->much = rc > 0 && (size_t)rc == room;
    in->dry = rc > 0 && (size_t)rc < room;
    return rc;
}

static int receive_ring(struct context *c, struct poller *p, struct stream *s)
{
    struct stream_in *in = &s->in;
    int rc = -EAGAIN;
    bool lent = !in->block && !in->much;
    if (lent)
        rc = receive_lent(c, p, s);
    if (!lent || rc == -ENOBUFS) {
        rc = receive_own(c, p, s, lent || in->much);
    } else {
        in->dry = rc > 0 && rc < RING_BUFFER;
        in->much = rc >= RING_BUFFER;
    }
    in->no_socket = rc == -ENOTSOCK;
    return rc;
}

/* A terminal gives a line at a time, a socket of packets a packet: a short read of those says
 * nothing of what is behind. */
static bool gives_all(struct stream *s)
{
    struct stream_in *in = &s->in;
    if (unlikely(in->flow == FLOW_UNKNOWN)) {
        int kind = 0, kept = errno;
        socklen_t size = sizeof kind;
        struct stat st;
        bool all = getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0
                       ? kind == SOCK_STREAM
                       : fstat(s->fd, &st) == 0 && S_ISFIFO(st.st_mode);
        in->flow = all ? FLOW_BYTES : FLOW_PIECES;
        errno = kept;
    }
    return in->flow == FLOW_BYTES;
}

/* By readiness: registered once, edge-triggered, so after a short read the next edge is
 * waited for without trying. */
static int receive_ready(struct context *c, struct poller *p, struct stream *s)
{
    struct stream_in *in = &s->in;
    for (;;) {
        int rc = 0;
        if (in->dry)
            in->run = 0;
        if (in->dry && p)
            rc = io_ready(c, p, s->fd, POLLIN, in->until, true);
        else if (in->dry)
            rc = net_ready(c, s->fd, POLLIN, in->until);
        rc = rc < 0 ? rc : in->dry && rc == 0 ? -ETIMEDOUT : make_room(in);
        if (rc < 0)
            return rc;
        char *at = in->data + in->have;
        size_t room = (size_t)(in->block + in->room - at);
        rc = net_try_read(s->fd, at, room, in->dry);
        if (rc == -EINTR)
            continue;
        if (rc == -EAGAIN && file_is_regular(s->fd))
            return file_transfer(s->fd, at, room, -1, false);
        if (rc != -EAGAIN) {
            in->dry = rc >= 0 && (size_t)rc < room && gives_all(s);
            return rc;
        }
        in->dry = true;
        if (!in->have)
            block_back(in);
    }
}

static int receive_above(struct stream *s)
{
    struct stream_in *in = &s->in;
    int rc = make_room(in);
    if (rc < 0)
        return rc;
    char *at = in->data + in->have;
    struct context *c = context_self();
    int kept = words_begin(c);
    rc = s->ops->read(s->ctx, at, (size_t)(in->block + in->room - at));
    words_end(c, kept, rc);
    return rc;
}

/* At least one byte more than there is: 1; 0 at the end; negative. */
static int fill(struct stream *s)
{
    struct stream_in *in = &s->in;
    struct context *c = context_self();
    struct poller *p;
    int rc = context_check(c);
    if (rc < 0 || in->ended)
        return rc;
    if (in->have >= in->limit)
        return -EMSGSIZE;
    if (s->ops) {
        rc = receive_above(s);
    } else if (net_ring(c, &p) && !in->no_socket) {
        do {
            rc = receive_ring(c, p, s);
        } while (rc == -EINTR);
        if (rc == -ENOTSOCK || rc == -EAGAIN)
            rc = receive_ready(c, p, s);
    } else {
        rc = receive_ready(c, p, s);
    }
    if (rc > 0) {
        in->have += (size_t)rc;
        if (unlikely(++in->run == RUN_MOST)) { /* a peer that is as fast as we are */
            in->run = 0;
            tutti_yield();
        }
    } else if (rc == 0 && (rc = load_relaxed(&s->out.broken)) == 0) { /* see send_failed */
        in->ended = true;
    }
    if (in->have == 0)
        block_back(in);
    return rc > 0 ? 1 : rc;
}

/* --- views ---------------------------------------------------------------------- */

static int show(struct stream_in *in, size_t n, tutti_bytes *b)
{
    in->shown = n;
    *b = (tutti_bytes){ in->data, n };
    return 1;
}

static int told(const struct stream *s, const char *call, int rc)
{
    return rc >= 0 ? rc
           : rc == -EMSGSIZE ? why_set(rc, "%s: more than the stream's limit", call)
           : rc == -ENODATA  ? why_set(rc, "%s: the stream ended in the middle", call)
                             : stream_failed(s, call, rc);
}

int tutti_stream_some(tutti_stream *t, tutti_bytes *b)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    use_up(&s->in);
    int rc = s->in.have ? 1 : fill(s);
    size_t n = s->in.have < s->in.limit ? s->in.have : s->in.limit;
    return likely(rc > 0) ? show(&s->in, n, b) : told(s, __func__, rc);
}

int tutti_stream_more(tutti_stream *t, tutti_bytes *b)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    struct stream_in *in = &s->in;
    int rc = in->have > in->shown ? 1 : fill(s);
    show(in, rc > 0 ? in->have : in->shown, b);
    return told(s, __func__, rc);
}

int tutti_stream_exactly(tutti_stream *t, size_t n, tutti_bytes *b)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    use_up(&s->in);
    int rc = n > s->in.limit ? -EMSGSIZE : 1;
    while (rc > 0 && s->in.have < n)
        rc = fill(s);
    if (rc == 0 && s->in.have)
        rc = -ENODATA;
    return rc > 0 ? show(&s->in, n, b) : told(s, __func__, rc);
}

/* The place behind the first delimiter, 0: none; *from: what needs not be searched again. */
static size_t behind(const struct stream_in *in, tutti_bytes delimiter, size_t *from)
{
    if (in->have < delimiter.size || in->have <= *from)
        return 0;
    const char *at = memmem(in->data + *from, in->have - *from, delimiter.data,
                            delimiter.size);
    *from = in->have - delimiter.size + 1;
    return at ? (size_t)(at - in->data) + delimiter.size : 0;
}

/* How many bytes up to the delimiter and with it; 0 at the end, or an error. */
static int64_t find(struct stream *s, tutti_bytes delimiter)
{
    struct stream_in *in = &s->in;
    size_t from = 0, n;
    int rc = 1;
    use_up(in);
    while ((n = behind(in, delimiter, &from)) == 0 && rc > 0)
        rc = fill(s);
    if (n > in->limit)
        return -EMSGSIZE;
    return n ? (int64_t)n : rc;
}

int tutti_stream_until(tutti_stream *t, tutti_bytes delimiter, tutti_bytes *b)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    if (!delimiter.size)
        return why_static(-EINVAL, "tutti_stream_until: the delimiter is empty");
    int64_t n = find(s, delimiter);
    if (n == 0 && s->in.have)
        n = -ENODATA;
    return n > 0 ? show(&s->in, (size_t)n, b) : told(s, __func__, (int)n);
}

int tutti_stream_line(tutti_stream *t, tutti_bytes *b)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    int64_t n = find(s, (tutti_bytes){ "\n", 1 });
    if (n == 0 && s->in.have && s->in.have <= s->in.limit)
        return show(&s->in, s->in.have, b); /* the last */
    if (n <= 0)
        return told(s, __func__, (int)n);
    show(&s->in, (size_t)n, b);
    const char *text = b->data;
    b->size -= b->size > 1 && text[b->size - 2] == '\r' ? 2 : 1;
    return 1;
}

int tutti_stream_read(tutti_stream *t, void *buf, size_t n)
{
    tutti_bytes b;
    int rc = tutti_stream_some(t, &b);
    if (rc <= 0)
        return rc;
    if (b.size > n) {
        tutti_stream_back(t, b.size - n);
        b.size = n;
    }
    memcpy(buf, b.data, b.size);
    return (int)b.size;
}

void tutti_stream_back(tutti_stream *t, size_t n)
{
    struct stream *s = stream_check(t, __func__);
    if (s)
        s->in.shown -= n < s->in.shown ? n : s->in.shown;
}

void tutti_stream_limit(tutti_stream *t, size_t n)
{
    struct stream *s = stream_check(t, __func__);
    if (s)
        s->in.limit = n < 1 ? 1 : n < NET_MOST ? n : NET_MOST;
}

void tutti_stream_deadline(tutti_stream *t, tutti_time when)
{
    struct stream *s = stream_check(t, __func__);
    if (s)
        s->in.until = when;
}
