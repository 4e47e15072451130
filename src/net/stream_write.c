/* net/stream_write.c - the writing half of a stream.
 *
 * Design: bytes are gathered in a block until the task parks (core/context.h: corks) or the
 * block is full; then the block goes out as a whole, without anybody waiting: by an operation
 * of the ring, or as far as the socket takes it, the rest when the poller reports room (a file
 * or a terminal, without a ring: by a call that may block).  Only one block is on its way; who
 * writes more than fits behind it waits for it.
 *
 * While a block is on its way its operation or node is in the poller of the worker that sent
 * it, so the writing half stays there until it is flushed.
 * Tests: tests/stream_test.c, tests/stream_peer_test.c. */
#include "base/memory.h"
#include "net/file.h"
#include "net/stream.h"
#include <assert.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct stream *stream_of_out(struct stream_out *out)
{
    return list_entry(out, struct stream, out);
}

static bool by_ring(const struct stream_out *o)
{
    return o->poller && poller_ring(o->poller) && o->way != WAY_TRY;
}

static void send_go_on(struct stream *s);
static void send_next(struct stream *s);

/* --- the block on its way ---------------------------------------------------------- */

static void sent(struct stream_out *o, size_t n)
{
    o->sending_at += n;
    if (o->sending_at < o->sending_size)
        return;
    block_put(poller_blocks(o->poller), o->sending);
    o->sending = NULL;
    o->sending_at = o->sending_size = 0;
}

/* The bytes are lost.  Where that is not the peer's doing, who reads an answer to them would
 * wait for ever: so the connection ends, and reading ends with the code (stream_read.c). */
static void send_failed(struct stream *s, int code)
{
    struct stream_out *o = &s->out;
    int kept = errno;
    o->error = o->error ? o->error : code;
    if (code != -EPIPE && code != -ECONNRESET && code != -ECANCELED && code != -EBADF) {
        store_relaxed(&o->broken, code); /* the end that shutdown makes is seen after it */
        shutdown(s->fd, SHUT_RDWR);
    }
    sent(o, o->sending_size - o->sending_at);
    errno = kept;
}

/* Some is out, or will never be: who waits is woken when all is, else goes on waiting for the
 * operation or the node that is under way now, whichever it is. */
static void went_on(struct stream *s, struct context *who, uint64_t ticket)
{
    struct stream_out *o = &s->out;
    if (!o->sending)
        send_next(s);
    if (!o->sending) {
        if (who && wait_claim(who, ticket))
            wait_wake(who, 0);
    } else if (by_ring(o)) {
        o->as.op.who = who;
        o->as.op.ticket = ticket;
    } else {
        o->as.node.wait.who = who;
        o->as.node.wait.ticket = ticket;
    }
}

/* It is no socket.  A file or a terminal blocks who writes to it, so the ring has a thread for
 * that; it does not wait for what is non-blocking, so that, and pipes, go by trying. */
static enum stream_way way_of(int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    bool pipe = fstat(fd, &st) < 0 || S_ISFIFO(st.st_mode);
    return flags < 0 || flags & O_NONBLOCK || pipe ? WAY_TRY : WAY_WRITE;
}

/* The ring has sent some, on its owner's turn. */
static void op_ended(struct ring_op *op)
{
    struct stream_out *o = list_entry(op, struct stream_out, as.op);
    struct context *who = op->who; /* a node may take its place */
    uint64_t ticket = op->ticket;
    if (op->res > 0)
        sent(o, (size_t)op->res);
    else if (op->res == -ENOTSOCK && o->way == WAY_SEND)
        o->way = way_of(stream_of_out(o)->fd);
    else if (op->res != -EINTR && op->res != -EAGAIN && !io_again(op))
        send_failed(stream_of_out(o), op->res ? op->res : -EPIPE);
    if (o->sending)
        send_go_on(stream_of_out(o));
    went_on(stream_of_out(o), who, ticket);
}

/* There is room again, the poller says. */
static void room_again(struct wait_node *n)
{
    struct poll_node *node = list_entry(n, struct poll_node, wait);
    struct stream_out *o = list_entry(node, struct stream_out, as.node);
    struct context *who = n->who;
    uint64_t ticket = n->ticket;
    if (node->got < 0)
        send_failed(stream_of_out(o), node->got);
    else
        send_go_on(stream_of_out(o));
    went_on(stream_of_out(o), who, ticket);
}

static void send_by_ring(struct stream *s)
{
    struct stream_out *o = &s->out;
    struct ring_op *op = &o->as.op;
    struct ring_want want = { .opcode = IORING_OP_SEND, .fd = s->fd,
                              .addr = (uintptr_t)(o->sending + o->sending_at),
                              .len = (uint32_t)(o->sending_size - o->sending_at),
                              .op_flags = MSG_NOSIGNAL | MSG_WAITALL };
    if (o->way == WAY_WRITE) {
        want.opcode = IORING_OP_WRITE;
        want.op_flags = 0;
        want.off = UINT64_MAX; /* where the file stands */
    }
    op->ended = op_ended;
    int rc = ring_begin(poller_ring(o->poller), op, &want);
    if (rc < 0)
        send_failed(s, rc);
}

/* As much as there is room for; the node is enlisted for the rest.  A thread without a poller
 * leaves the rest to its next write or flush.  told: it is a file on a disk, which is written
 * here and now. */
static void send_by_trying(struct stream *s, bool told)
{
    struct stream_out *o = &s->out;
    while (o->sending) {
        int rc = net_try_write(s->fd, o->sending + o->sending_at,
                               o->sending_size - o->sending_at, told);
        if (rc >= 0) {
            sent(o, (size_t)rc);
        } else if (rc == -EAGAIN && o->poller) {
            o->as.node = (struct poll_node){ .fd = s->fd, .events = POLLOUT };
            o->as.node.wait.notify = room_again;
            rc = poller_add_edge(o->poller, &o->as.node);
            if (rc == 0)
                return;
            if (rc < 0)
                send_failed(s, rc);
            told = file_is_regular(s->fd);
        } else if (rc == -EAGAIN) {
            return;
        } else if (rc != -EINTR) {
            send_failed(s, rc);
        }
    }
}

static void send_go_on(struct stream *s)
{
    struct stream_out *o = &s->out;
    if (by_ring(o))
        send_by_ring(s);
    else
        send_by_trying(s, false);
}

/* Is a block on its way, which will go on by itself? */
static bool on_its_way(const struct stream_out *o)
{
    return o->sending && o->poller;
}

/* Nothing is on its way: what is gathered, by o->poller. */
static void send_begin(struct stream *s)
{
    struct stream_out *o = &s->out;
    o->sending = o->gathered;
    o->sending_size = o->gathered_size;
    o->sending_at = 0;
    o->gathered = NULL;
    o->gathered_size = 0;
    o->as.op.who = NULL; /* the last one's, who may be gone */
    o->as.node.wait.who = NULL;
    send_go_on(s);
}

/* A block has arrived: the one behind it, if that was to go when there was no way. */
static void send_next(struct stream *s)
{
    struct stream_out *o = &s->out;
    if (o->gathered && !o->corked && !o->error)
        send_begin(s);
}

/* Send what is gathered: now, or behind what is on its way.  Never waits. */
static void send_gathered(struct stream *s, struct context *c)
{
    struct stream_out *o = &s->out;
    if (o->sending && !o->poller)
        send_go_on(s); /* of a plain thread: what did not fit before */
    if (o->sending || !o->gathered)
        return;
    o->poller = c->carrier->poller(c);
    send_begin(s);
}

/* --- corks -------------------------------------------------------------------------- */

/* The context that wrote parks or ends. */
static void uncork(struct cork *k, struct context *c)
{
    struct stream_out *o = list_entry(k, struct stream_out, cork);
    o->corked = false;
    if (!o->error)
        send_gathered(stream_of_out(o), c);
}

static void cork(struct stream_out *o)
{
    if (o->corked)
        return;
    o->cork.flush = uncork;
    o->context = context_self();
    o->cork.next = o->context->corks;
    o->context->corks = &o->cork;
    o->corked = true;
}

static void cork_out(struct stream_out *o)
{
    if (!o->corked)
        return;
    struct cork **at = &o->context->corks;
    while (*at != &o->cork)
        at = &(*at)->next;
    *at = o->cork.next;
    o->corked = false;
}

/* --- waiting for it -------------------------------------------------------------------- */

/* Until no block is on its way: 0, or the cut's code. */
static int wait_sent(struct stream *s, struct context *c)
{
    struct stream_out *o = &s->out;
    int rc = 0;
    while (o->sending && rc >= 0) {
        if (!o->poller) { /* a plain thread sends itself */
            rc = net_ready(c, s->fd, POLLOUT, CLOCK_NEVER);
            if (rc >= 0)
                send_by_trying(s, file_is_regular(s->fd));
            continue;
        }
        assert(o->poller == c->carrier->poller(c));
        bool ring = by_ring(o);
        uint64_t ticket = wait_prepare(c, "room in a stream", s);
        struct context **who = ring ? &o->as.op.who : &o->as.node.wait.who;
        *(ring ? &o->as.op.ticket : &o->as.node.wait.ticket) = ticket;
        *who = c;
        rc = wait_park(c, ticket, CLOCK_NEVER, WAIT_CUTTABLE);
        if (o->sending)
            *who = NULL;
    }
    return rc < 0 ? rc : 0;
}

int stream_flush(struct stream *s)
{
    struct stream_out *o = &s->out;
    struct context *c = context_self();
    if (s->ops)
        return s->ops->flush ? s->ops->flush(s->ctx) : 0;
    cork_out(o);
    if (!o->gathered && !o->sending)
        return o->error;
    int rc = context_check(c);
    if (rc == 0 && !o->error)
        rc = wait_sent(s, c);
    if (rc == 0 && !o->error) {
        send_gathered(s, c);
        rc = wait_sent(s, c);
    }
    return o->error ? o->error : rc;
}

void stream_out_end(struct stream *s)
{
    struct stream_out *o = &s->out;
    struct context *c = context_self();
    cork_out(o);
    if (on_its_way(o) && by_ring(o)) {
        o->error = o->error ? o->error : -ECANCELED;
        o->as.op.ended = NULL;
        io_settle(c, o->poller, &o->as.op);
    } else if (on_its_way(o)) {
        poller_remove(o->poller, &o->as.node);
    }
    struct block_cache *cache = poller_blocks(c->carrier->poller(c));
    block_put(cache, o->sending);
    block_put(cache, o->gathered);
    o->sending = o->gathered = NULL;
    o->gathered_size = o->sending_size = o->sending_at = 0;
}

/* --- writing ------------------------------------------------------------------------- */

/* More than is worth gathering goes out from where it lies. */
static int write_through(struct stream *s, const char *at, size_t n)
{
    int rc = stream_flush(s);
    while (rc >= 0 && n > 0) {
        rc = tutti_write(s->fd, at, n);
        at += rc > 0 ? rc : 0;
        n -= rc > 0 ? (size_t)rc : 0;
    }
    if (rc < 0 && rc != -ECANCELED && rc != -ETIMEDOUT)
        s->out.error = s->out.error ? s->out.error : rc;
    return rc < 0 ? rc : 0;
}

static int gather(struct stream *s, const char *at, size_t n)
{
    struct stream_out *o = &s->out;
    struct context *c = context_self();
    if (o->gathered && n > STREAM_OUT - o->gathered_size) {
        int rc = context_check(c);
        rc = rc < 0 ? rc : wait_sent(s, c);
        if (rc < 0)
            return rc;
        send_gathered(s, c);
        if (o->error)
            return o->error;
    }
    if (!o->gathered)
        o->gathered = block_get(poller_blocks(c->carrier->poller(c)));
    if (!o->gathered)
        return -ENOMEM;
    memcpy(o->gathered + o->gathered_size, at, n);
    o->gathered_size += n;
    cork(o);
    return 0;
}

static int write_above(struct stream *s, const char *at, size_t n)
{
    struct context *c = context_self();
    int kept = words_begin(c);
    int rc = s->ops->write(s->ctx, at, n);
    words_end(c, kept, rc);
    return rc;
}

int tutti_stream_write(tutti_stream *t, const void *data, size_t n)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    int rc = s->out.error;
    if (rc == 0 && n > 0)
        rc = s->ops ? write_above(s, data, n)
             : n > STREAM_OUT ? write_through(s, data, n)
                              : gather(s, data, n);
    return likely(rc >= 0) ? 0 : stream_failed(s, __func__, rc);
}

int tutti_stream_print(tutti_stream *t, const char *format, ...)
{
    char text[1024], *long_text = NULL;
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list), rc;
    va_end(list);
    if (n < (int)sizeof text)
        return n < 0 ? why_static(-EINVAL, "tutti_stream_print: a bad format")
                     : tutti_stream_write(t, text, (size_t)n);
    long_text = memory_alloc((size_t)n + 1);
    if (!long_text)
        return why_static(-ENOMEM, "tutti_stream_print: no memory");
    va_start(list, format);
    vsnprintf(long_text, (size_t)n + 1, format, list);
    va_end(list);
    rc = tutti_stream_write(t, long_text, (size_t)n);
    memory_free(long_text);
    return rc;
}

int tutti_stream_flush(tutti_stream *t)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    int rc = stream_flush(s);
    return rc < 0 ? net_failed(__func__, rc) : 0;
}
