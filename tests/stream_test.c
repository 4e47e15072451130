/* tests/stream_test.c - streams over sockets and pipes, on every backend and from plain
 * threads: what a view holds, when written bytes go out, and what else may carry them. */
#include "stream_common.h"
#include <poll.h>

/* --- views ------------------------------------------------------------------------ */

static const char story[] = "first\nsecond\r\n\n12345end--tail--last";

struct teller {
    int fd;
    size_t piece;
};
static int tell_story(void *arg)
{
    struct teller *k = arg;
    size_t all = strlen(story);
    for (size_t at = 0; at < all; at += k->piece) {
        size_t n = all - at < k->piece ? all - at : k->piece;
        CHECK_INT(tutti_write_all(k->fd, story + at, n), 0);
        tutti_yield();
    }
    return tutti_close(k->fd);
}

static void check_story(tutti_stream *t)
{
    tutti_bytes b;
    char buf[3];
    CHECK_INT(tutti_stream_line(t, &b), 1);
    check_view(b, "first");
    CHECK_INT(tutti_stream_line(t, &b), 1);
    check_view(b, "second");
    CHECK_INT(tutti_stream_line(t, &b), 1);
    check_view(b, "");
    CHECK_INT(tutti_stream_exactly(t, 5, &b), 1);
    check_view(b, "12345");
    tutti_stream_back(t, 2);
    CHECK_INT(tutti_stream_read(t, buf, 1), 1);
    CHECK_INT(buf[0], '4');
    CHECK_INT(tutti_stream_until(t, bytes_of("--"), &b), 1);
    check_view(b, "5end--");
    CHECK_INT(tutti_stream_until(t, bytes_of("--"), &b), 1);
    check_view(b, "tail--");
    CHECK_INT(tutti_stream_until(t, bytes_of("--"), &b), -ENODATA);
    CHECK_INT(tutti_stream_exactly(t, 5, &b), -ENODATA);
    CHECK_HAS(tutti_why(), "ended in the middle");
    CHECK_INT(tutti_stream_line(t, &b), 1);
    check_view(b, "last");
    CHECK_INT(tutti_stream_line(t, &b), 0);
    CHECK_INT(tutti_stream_some(t, &b), 0);
    CHECK_INT(tutti_stream_more(t, &b), 0);
    CHECK_INT(tutti_stream_exactly(t, 1, &b), 0);
    CHECK_INT(tutti_stream_until(t, bytes_of("x"), &b), 0);
}

static void open_kind(int kind, int ends[2])
{
    if (kind < 2)
        pair_of(SOCK_STREAM | (kind ? SOCK_NONBLOCK : 0), ends);
    else
        CHECK_INT(kind == 2 ? tutti_pipe(ends) : pipe(ends), 0);
}

ON_IO(a_text_is_taken_apart_however_it_comes)
{
    for (int kind = 0; kind < 4; kind++)
        for (size_t piece = 1; piece < 40; piece += piece < 8 ? 1 : 15) {
            int ends[2];
            open_kind(kind, ends);
            struct teller k = { ends[1], piece };
            tutti_scope teller;
            tutti_scope_open(&teller, tutti_scope_executor(s), TUTTI_NEVER, 0);
            CHECK_INT(tutti_go(&teller, tell_story, &k), 0);
            TUTTI_STREAM(t, ends[0]);
            CHECK_INT(tutti_stream_fd(&t), ends[0]);
            check_story(&t);
            CHECK_INT(tutti_stream_close(&t), 0);
            CHECK_INT(tutti_stream_close(&t), 0);
            CHECK_INT(tutti_stream_fd(&t), -1);
            CHECK_INT(tutti_scope_close(&teller), 0);
        }
}

static int tell_numbers(void *fd)
{
    TUTTI_STREAM(t, (int)(intptr_t)fd);
    for (int i = 0; i < 20000; i++)
        CHECK_INT(tutti_stream_print(&t, "line %d\n", i), 0);
    return tutti_stream_close(&t);
}

ON_IO(many_lines_come_whole_and_in_order)
{
    for (int kind = 0; kind < 4; kind++) {
        int ends[2], i = 0, rc;
        char want[40];
        tutti_bytes b;
        open_kind(kind, ends);
        CHECK_INT(tutti_go(s, tell_numbers, fd_arg(ends[1])), 0);
        TUTTI_STREAM(t, ends[0]);
        for (; (rc = tutti_stream_line(&t, &b)) > 0; i++) {
            snprintf(want, sizeof want, "line %d", i);
            check_view(b, want);
        }
        CHECK_INT(rc, 0);
        CHECK_INT(i, 20000);
    }
}

ON_IO(a_view_never_outgrows_the_limit)
{
    int ends[2];
    tutti_bytes b;
    (void)s;
    pair_of(SOCK_STREAM, ends);
    TUTTI_STREAM(t, ends[0]);
    tutti_stream_limit(&t, 10);
    CHECK_INT(write(ends[1], "0123456789abcdef\n--", 19), 19);
    CHECK_INT(tutti_stream_line(&t, &b), -EMSGSIZE);
    CHECK_HAS(tutti_why(), "limit");
    CHECK_INT(tutti_stream_exactly(&t, 11, &b), -EMSGSIZE);
    CHECK_INT(tutti_stream_until(&t, bytes_of("--"), &b), -EMSGSIZE);
    CHECK_INT(tutti_stream_until(&t, bytes_of(""), &b), -EINVAL);
    CHECK_INT(tutti_stream_some(&t, &b), 1);
    check_view(b, "0123456789");
    tutti_stream_limit(&t, 100);
    CHECK_INT(tutti_stream_line(&t, &b), 1);
    check_view(b, "abcdef");
    CHECK_INT(tutti_stream_more(&t, &b), 1);
    check_view(b, "abcdef\n--");
    tutti_stream_back(&t, 1000);
    CHECK_INT(tutti_stream_exactly(&t, 3, &b), 1);
    check_view(b, "abc");
    CHECK_INT(tutti_close(ends[1]), 0);
}

/* Longer than any block: every kind of growing. */
ON_IO(a_long_view_grows)
{
    static char much[60000];
    int ends[2];
    tutti_bytes b;
    (void)s;
    pair_of(SOCK_STREAM, ends);
    for (size_t i = 0; i < sizeof much; i++)
        much[i] = (char)('a' + i % 26);
    much[59999] = '\n';
    CHECK_INT(write(ends[1], much, sizeof much), (int)sizeof much);
    TUTTI_STREAM(t, ends[0]);
    CHECK_INT(tutti_stream_exactly(&t, 5000, &b), 1);
    CHECK(!memcmp(b.data, much, 5000));
    CHECK_INT(tutti_stream_line(&t, &b), 1);
    CHECK_INT((int)b.size, 54999);
    CHECK(!memcmp(b.data, much + 5000, 54999));
    CHECK_INT(tutti_close(ends[1]), 0);
}

/* --- when bytes go out ---------------------------------------------------------------- */

ON_IO(what_is_written_goes_out_as_one_when_the_task_parks)
{
    int ends[2];
    char buf[100];
    (void)s;
    pair_of(SOCK_SEQPACKET, ends); /* it keeps what was sent at once apart */
    TUTTI_STREAM(t, ends[0]);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_stream_write(&t, "abc", 3), 0);
        CHECK_INT(tutti_stream_write(&t, "de", 2), 0);
        CHECK_INT((int)recv(ends[1], buf, sizeof buf, MSG_DONTWAIT), -1);
        if (i == 0)
            CHECK_INT(tutti_sleep_until(tutti_after(2 * TUTTI_MS)), 0);
        else if (i == 1)
            CHECK_INT(tutti_stream_flush(&t), 0);
        else
            CHECK_INT(tutti_fd_wait(ends[1], POLLIN, TUTTI_NEVER), POLLIN);
        CHECK_INT((int)recv(ends[1], buf, sizeof buf, MSG_DONTWAIT), 5);
    }
    CHECK_INT(tutti_close(ends[1]), 0);
}

struct reader {
    int fd;
    tutti_chan *chan;
};
static int tell_when_read(void *arg)
{
    struct reader *k = arg;
    char buf[10];
    CHECK_INT(tutti_fd_wait(k->fd, POLLIN, tutti_after(20 * TUTTI_SEC)), POLLIN);
    int n = (int)recv(k->fd, buf, sizeof buf, MSG_DONTWAIT);
    return tutti_chan_send(k->chan, &n);
}
ON_IO(what_is_written_goes_out_when_the_task_waits_for_a_channel)
{
    int ends[2], n = 0;
    struct reader k;
    pair_of(SOCK_STREAM, ends);
    TUTTI_STREAM(t, ends[0]);
    k.fd = ends[1];
    CHECK_INT(tutti_chan_open(&k.chan, s, sizeof n, 0, NULL), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_go(s, tell_when_read, &k), 0);
        CHECK_INT(tutti_stream_write(&t, "abc", 3), 0);
        CHECK_INT(tutti_chan_recv(k.chan, &n), 1);
        CHECK_INT(n, 3);
    }
    CHECK_INT(tutti_close(ends[1]), 0);
}

static tutti_stream left_open;
static int write_and_end(void *fd)
{
    tutti_stream_open(&left_open, (int)(intptr_t)fd);
    return tutti_stream_write(&left_open, "bye", 3);
}
ON_IO(what_is_written_goes_out_when_the_task_ends)
{
    int ends[2];
    char buf[10];
    tutti_scope writer;
    pair_of(SOCK_STREAM, ends);
    if (tutti_executor_workers(tutti_scope_executor(s)) > 1)
        return; /* its stream stays with the worker it wrote on */
    tutti_scope_open(&writer, tutti_scope_executor(s), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&writer, write_and_end, fd_arg(ends[0])), 0);
    CHECK_INT(tutti_scope_close(&writer), 0);
    CHECK_INT(tutti_read(ends[1], buf, sizeof buf), 3);
    CHECK_INT(tutti_close(ends[1]), 0);
    close(ends[0]);
}

/* --- over something else --------------------------------------------------------------------- */

struct tape {
    char bytes[200000];
    size_t size, at;
    int flushed, finished, closed;
};
static int tape_read(void *ctx, void *buf, size_t n)
{
    struct tape *k = ctx;
    size_t left = k->size - k->at;
    n = n < 7 ? n : 7;
    n = n < left ? n : left;
    memcpy(buf, k->bytes + k->at, n);
    k->at += n;
    return (int)n;
}
static int tape_write(void *ctx, const void *data, size_t n)
{
    struct tape *k = ctx;
    if (n > sizeof k->bytes - k->size)
        return -ENOSPC;
    memcpy(k->bytes + k->size, data, n);
    k->size += n;
    return 0;
}
static int tape_flush(void *ctx)
{
    ((struct tape *)ctx)->flushed++;
    return 0;
}
static int tape_finish(void *ctx)
{
    ((struct tape *)ctx)->finished++;
    return 0;
}
static int tape_close(void *ctx)
{
    ((struct tape *)ctx)->closed++;
    return 0;
}
ON_IO(a_stream_runs_over_what_else_carries_bytes)
{
    static const tutti_stream_ops ops = { sizeof ops, tape_read, tape_write, tape_flush,
                                          tape_finish, tape_close };
    struct tape *k = calloc(1, sizeof *k);
    tutti_stream t;
    (void)s;
    tutti_stream_open_over(&t, &ops, k);
    CHECK_INT(tutti_stream_write(&t, story, strlen(story)), 0);
    check_story(&t);
    CHECK_INT(tutti_stream_finish(&t), 0);
    CHECK_INT(tutti_stream_close(&t), 0);
    CHECK(k->flushed > 0);
    CHECK_INT(k->finished, 1);
    CHECK_INT(k->closed, 1);
    free(k);
}

ON_IO(a_stream_that_is_not_open_is_an_error)
{
    tutti_stream t = { { 0 } };
    tutti_bytes b;
    (void)s;
    CHECK_INT(tutti_stream_some(&t, &b), -EINVAL);
    CHECK_INT(tutti_stream_line(NULL, &b), -EINVAL);
    CHECK_INT(tutti_stream_write(&t, "x", 1), -EINVAL);
    CHECK_INT(tutti_stream_flush(&t), -EINVAL);
    CHECK_INT(tutti_stream_finish(&t), -EINVAL);
    CHECK_INT((int)tutti_stream_sendfile(&t, 0, 0, 1), -EINVAL);
    CHECK_INT(tutti_stream_close(&t), 0);
    tutti_stream_open(&t, 900);
    CHECK_INT(tutti_stream_some(&t, &b), -EBADF);
    CHECK_INT(tutti_stream_close(&t), -EBADF);
}

TEST_MAIN
