/* A stream's views of bytes that come in any pieces, under any limit, by any calls: compared
 * with a plain reading of the same bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <tutti/stream.h>

/* Holds: at + left is the end of the text; taken is where the reader stands in it. */
struct wire {
    const uint8_t *text;
    size_t size, at, taken;
    uint8_t piece;
};

static int wire_read(void *ctx, void *buf, size_t n)
{
    struct wire *w = ctx;
    size_t left = w->size - w->at, piece = w->piece + 1u;
    n = n < left ? n : left;
    n = n < piece ? n : piece;
    memcpy(buf, w->text + w->at, n);
    w->at += n;
    w->piece = (uint8_t)(w->piece * 5 + 1);
    return (int)n;
}
static int wire_write(void *ctx, const void *data, size_t n)
{
    (void)ctx;
    (void)data;
    (void)n;
    return 0;
}
static int wire_end(void *ctx)
{
    (void)ctx;
    return 0;
}

static void check_view(struct wire *w, tutti_bytes b)
{
    assert(b.size <= w->size - w->taken);
    assert(!b.size || !memcmp(b.data, w->text + w->taken, b.size));
}

/* The line at the reader's place: its length with its end; 0: none ends. */
static size_t line_length(const struct wire *w)
{
    const uint8_t *at = w->text + w->taken;
    const uint8_t *end = memchr(at, '\n', w->size - w->taken);
    return end ? (size_t)(end - at) + 1 : 0;
}

static void step(tutti_stream *s, struct wire *w, uint8_t op, size_t limit)
{
    tutti_bytes b = { NULL, 0 };
    size_t n = op >> 3, left = w->size - w->taken, line = line_length(w);
    char buf[40];
    int rc;
    switch (op & 7) {
    case 0:
        rc = tutti_stream_some(s, &b);
        assert(rc == (left > 0));
        if (rc == 1) {
            check_view(w, b);
            assert(b.size > 0 && b.size <= limit);
            w->taken += b.size;
        }
        return;
    case 1:
        rc = tutti_stream_exactly(s, n, &b);
        assert(rc == (n > limit ? -EMSGSIZE : left >= n ? 1 : left ? -ENODATA : 0));
        if (rc == 1) {
            assert(b.size == n);
            check_view(w, b);
            w->taken += n;
        }
        return;
    case 2:
        rc = tutti_stream_line(s, &b);
        if (rc == 1) {
            check_view(w, b);
            assert(line ? b.size < line : b.size == left);
            w->taken += line ? line : left;
        } else {
            assert(rc == (left ? -EMSGSIZE : 0));
            assert(rc == 0 || (line ? line : left) > limit
                   || (!line && left == limit));
        }
        return;
    case 3:
        rc = tutti_stream_until(s, (tutti_bytes){ "ab", 2 }, &b);
        if (rc == 1) {
            check_view(w, b);
            assert(b.size >= 2 && !memcmp((const char *)b.data + b.size - 2, "ab", 2));
            w->taken += b.size;
        } else {
            assert(left ? rc == -ENODATA || rc == -EMSGSIZE : rc == 0);
        }
        return;
    case 4:
        rc = tutti_stream_read(s, buf, n);
        if (n > 0 && left > 0) {
            assert(rc > 0 && (size_t)rc <= n && !memcmp(buf, w->text + w->taken, (size_t)rc));
            w->taken += (size_t)rc;
        }
        return;
    case 5:
        rc = tutti_stream_some(s, &b);
        if (rc == 1) {
            check_view(w, b);
            size_t back = n < b.size ? n : b.size;
            tutti_stream_back(s, n);
            w->taken += b.size - back;
        }
        return;
    default:
        rc = tutti_stream_some(s, &b);
        while (rc == 1 && n-- > 20) {
            size_t before = b.size;
            rc = tutti_stream_more(s, &b);
            assert(rc <= 0 || b.size > before);
            check_view(w, b);
        }
        w->taken += b.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tutti_stream_ops ops = { sizeof ops, wire_read, wire_write, NULL, NULL,
                                          wire_end };
    if (size < 3)
        return 0;
    size_t steps = data[0] % (size - 2), limit = data[1] < 128 ? data[1] + 1u : 1u << 16;
    struct wire w = { data + 2 + steps, size - 2 - steps, 0, 0, data[1] };
    tutti_stream s;
    tutti_stream_open_over(&s, &ops, &w);
    tutti_stream_limit(&s, limit);
    for (size_t i = 0; i < steps; i++)
        step(&s, &w, data[2 + i], limit);
    assert(tutti_stream_close(&s) == 0);
    return 0;
}
