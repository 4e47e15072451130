/* net/stream.c - opening and closing streams: see stream.h.
 * Tests: tests/stream_test.c, tests/stream_peer_test.c. */
#include "net/stream.h"
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream *stream_check(tutti_stream *s, const char *call)
{
    if (unlikely(!s || stream_of(s)->state != STREAM_OPEN)) {
        why_set(-EINVAL, "%s: the stream is %s", call, s ? "not open" : "NULL");
        return NULL;
    }
    assert(!stream_of(s)->ops || stream_of(s)->fd < 0);
    return stream_of(s);
}

int stream_failed(const struct stream *s, const char *call, int rc)
{
    return s->ops && context_self()->why_code == rc ? rc : net_failed(call, rc);
}

void tutti_stream_open(tutti_stream *t, int fd)
{
    struct stream *s = stream_of(t);
    if (!t)
        misuse_null(__func__);
    *s = (struct stream){ .state = STREAM_OPEN, .fd = net_new(fd) };
    stream_in_begin(&s->in);
}

void tutti_stream_open_over(tutti_stream *t, const tutti_stream_ops *ops, void *ctx)
{
    struct stream *s = stream_of(t);
    if (!t || !ops)
        misuse_null(__func__);
    *s = (struct stream){ .state = STREAM_OPEN, .fd = -1, .ops = ops, .ctx = ctx };
    stream_in_begin(&s->in);
}

int tutti_stream_close(tutti_stream *t)
{
    struct stream *s = stream_of(t);
    if (!t || s->state != STREAM_OPEN)
        return 0;
    int rc = stream_flush(s);
    stream_out_end(s);
    stream_in_end(&s->in);
    s->state = 0;
    int closed = s->ops ? s->ops->close(s->ctx) : s->fd >= 0 ? tutti_close(s->fd) : 0;
    return rc < 0 ? net_failed("tutti_stream_close", rc) : closed;
}

void tutti_stream_leave(tutti_stream *s)
{
    tutti_stream_close(s);
}

int tutti_stream_fd(const tutti_stream *t)
{
    const struct stream *s = (const void *)t;
    return t && s->state == STREAM_OPEN ? s->fd : -1;
}

void *tutti_stream_over(const tutti_stream *t, const tutti_stream_ops *ops)
{
    const struct stream *s = (const void *)t;
    return t && s->state == STREAM_OPEN && s->ops == ops && ops ? s->ctx : NULL;
}

int tutti_stream_finish(tutti_stream *t)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    int rc = stream_flush(s), kept = errno;
    if (rc == 0 && s->ops)
        rc = s->ops->finish ? s->ops->finish(s->ctx) : 0;
    else if (rc == 0 && shutdown(s->fd, SHUT_WR) < 0 && errno != ENOTSOCK)
        rc = -errno;
    errno = kept;
    return rc < 0 ? net_failed(__func__, rc) : 0;
}

int64_t tutti_stream_sendfile(tutti_stream *t, int file, int64_t offset, size_t n)
{
    struct stream *s = stream_check(t, __func__);
    if (!s)
        return -EINVAL;
    if (s->ops) { /* what carries it must see the bytes */
        char piece[2048];
        size_t done = 0;
        int rc = 0;
        while (rc >= 0 && done < n) {
            size_t want = n - done < sizeof piece ? n - done : sizeof piece;
            rc = tutti_pread(file, piece, want, offset + (int64_t)done);
            if (rc == 0)
                break;
            size_t got = rc > 0 ? (size_t)rc : 0;
            rc = rc > 0 ? tutti_stream_write(t, piece, got) : rc;
            done += got;
        }
        return rc < 0 ? rc : (int64_t)done;
    }
    int rc = stream_flush(s);
    return rc < 0 ? net_failed(__func__, rc) : tutti_sendfile(s->fd, file, offset, n);
}
