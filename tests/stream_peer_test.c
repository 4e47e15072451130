/* tests/stream_peer_test.c - streams whose peers reset, close half, or never read; both
 * directions at once; and waits that are cut off anywhere. */
#include "cut.h"
#include "stream_common.h"

/* --- peers ------------------------------------------------------------------------------ */

ON_IO(a_peer_that_never_reads_holds_up_the_writer_until_its_deadline)
{
    static const char piece[1000];
    int ends[2], rc = 0, wrote = 0;
    (void)s;
    pair_of(SOCK_STREAM, ends);
    TUTTI_STREAM(t, ends[0]);
    TUTTI_SCOPE(hurry, NULL, tutti_after(20 * TUTTI_MS), 0);
    while (rc == 0 && wrote < 100 << 20) {
        rc = tutti_stream_write(&t, piece, sizeof piece);
        wrote += rc == 0 ? (int)sizeof piece : 0;
    }
    CHECK_INT(rc, -ETIMEDOUT);
    CHECK(wrote < 10 << 20);
    CHECK_INT(tutti_stream_flush(&t), -ETIMEDOUT);
    CHECK_INT(tutti_stream_close(&t), -ETIMEDOUT);
    CHECK_INT(tutti_close(ends[1]), 0);
}

ON_IO(reading_has_a_deadline_of_its_own)
{
    int ends[2];
    tutti_bytes b;
    (void)s;
    pair_of(SOCK_STREAM, ends);
    TUTTI_STREAM(t, ends[0]);
    for (int i = 0; i < 3; i++) {
        tutti_stream_deadline(&t, tutti_after(TUTTI_MS));
        CHECK_INT(tutti_stream_some(&t, &b), -ETIMEDOUT);
        CHECK_INT(tutti_stream_exactly(&t, 5, &b), -ETIMEDOUT);
        CHECK_INT(write(ends[1], "abc", 3), 3);
        CHECK_INT(tutti_stream_exactly(&t, 5, &b), -ETIMEDOUT);
        tutti_stream_deadline(&t, TUTTI_NEVER);
        CHECK_INT(tutti_stream_some(&t, &b), 1);
        check_view(b, "abc");
    }
    CHECK_INT(tutti_close(ends[1]), 0);
}

static int echo_lines(void *fd)
{
    TUTTI_STREAM(t, (int)(intptr_t)fd);
    tutti_bytes b;
    int rc;
    while ((rc = tutti_stream_some(&t, &b)) > 0)
        if ((rc = tutti_stream_write(&t, b.data, b.size)) < 0)
            break;
    return rc < 0 ? rc : tutti_stream_close(&t);
}

ON_IO(a_peer_that_closes_half_gets_all_answers)
{
    int ends[2], rc;
    char want[20];
    tutti_bytes b;
    pair_of(SOCK_STREAM, ends);
    CHECK_INT(tutti_go(s, echo_lines, fd_arg(ends[1])), 0);
    TUTTI_STREAM(t, ends[0]);
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_stream_print(&t, "%d\n", i), 0);
    CHECK_INT(tutti_stream_finish(&t), 0);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(tutti_stream_line(&t, &b), 1);
        snprintf(want, sizeof want, "%d", i);
        check_view(b, want);
    }
    rc = tutti_stream_line(&t, &b);
    CHECK_INT(rc, 0);
    CHECK(tutti_stream_write(&t, "x", 1) < 0 || tutti_stream_flush(&t) < 0);
}

ON_IO(a_peer_that_resets_is_an_error_that_stays)
{
    int l = tutti_listen("tcp:127.0.0.1:0");
    char address[100];
    tutti_bytes b;
    struct linger now = { 1, 0 };
    (void)s;
    CHECK_INT(tutti_address_local(l, address, sizeof address), 0);
    int out = tutti_dial(address), in = tutti_accept(l);
    CHECK(out >= 0 && in >= 0);
    TUTTI_STREAM(t, in);
    CHECK_INT(setsockopt(out, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    CHECK_INT(tutti_close(out), 0);
    CHECK_INT(tutti_stream_some(&t, &b), -ECONNRESET);
    CHECK_INT(tutti_stream_write(&t, "abc", 3), 0); /* gathered */
    int rc = tutti_stream_flush(&t);
    CHECK(rc == -EPIPE || rc == -ECONNRESET);
    CHECK_INT(tutti_stream_write(&t, "abc", 3), rc);
    CHECK_INT(tutti_stream_close(&t), rc);
    CHECK_INT(tutti_close(l), 0);
}

static int closes_later(void *fd)
{
    tutti_yield();
    return tutti_close((int)(intptr_t)fd);
}
ON_IO(a_stream_whose_descriptor_is_closed_elsewhere_ends_its_wait)
{
    int ends[2];
    tutti_bytes b;
    if (UNDER_TSAN)
        check_skip("closing under who waits is a race on purpose");
    pair_of(SOCK_STREAM, ends);
    tutti_stream t;
    tutti_stream_open(&t, ends[0]);
    CHECK_INT(tutti_go(s, closes_later, fd_arg(ends[0])), 0);
    int rc = tutti_stream_some(&t, &b);
    CHECK(rc == -ECANCELED || rc == -EBADF);
    tutti_stream_close(&t); /* -EBADF, unless the number stands for something by now */
    CHECK_INT(tutti_close(ends[1]), 0);
}

/* --- both directions ----------------------------------------------------------------------- */

struct talk {
    tutti_stream *t;
    int n;
};
static int talk_out(void *arg)
{
    struct talk *k = arg;
    for (int i = 0; i < k->n; i++) {
        CHECK_INT(tutti_stream_print(k->t, "%d ", i), 0);
        if (i % 100 == 0)
            tutti_yield();
    }
    return tutti_stream_finish(k->t);
}
ON_IO(two_tasks_share_a_stream_a_direction_each)
{
    int ends[2], i = 0, rc;
    char want[20];
    tutti_bytes b;
    pair_of(SOCK_STREAM, ends);
    CHECK_INT(tutti_go(s, echo_lines, fd_arg(ends[1])), 0);
    TUTTI_STREAM(t, ends[0]);
    struct talk k = { &t, 30000 };
    tutti_scope talking;
    tutti_scope_open(&talking, tutti_scope_executor(s), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&talking, talk_out, &k), 0);
    for (; (rc = tutti_stream_until(&t, bytes_of(" "), &b)) > 0; i++) {
        snprintf(want, sizeof want, "%d ", i);
        check_view(b, want);
    }
    CHECK_INT(rc, 0);
    CHECK_INT(i, k.n);
    CHECK_INT(tutti_scope_close(&talking), 0);
}

/* All is sent before anything is read: more than one block, the last a short one. */
ON_IO(the_tail_of_a_long_echo_comes_without_another_push)
{
    static char much[100000];
    int ends[2], n;
    size_t got = 0;
    tutti_scope echoing;
    pair_of(SOCK_STREAM, ends);
    tutti_scope_open(&echoing, tutti_scope_executor(s), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&echoing, echo_lines, fd_arg(ends[1])), 0);
    for (size_t i = 0; i < sizeof much; i++)
        much[i] = (char)(i % 127);
    int size = 400000;
    CHECK_INT(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    CHECK_INT(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    for (size_t most = sizeof much; most > 90000; most -= 1111) {
        CHECK_INT(tutti_write_all(ends[0], much, most), 0);
        char back[5000];
        for (got = 0; got < most; got += (size_t)n) {
            n = tutti_read(ends[0], back, sizeof back);
            CHECK(n > 0 && !memcmp(back, much + got, (size_t)n));
        }
    }
    CHECK_INT(tutti_close(ends[0]), 0);
    CHECK_INT(tutti_scope_close(&echoing), 0);
}

/* --- cut off anywhere ----------------------------------------------------------------- */

static int chat(void *fd)
{
    static const char much[300000];
    TUTTI_STREAM(t, (int)(intptr_t)fd);
    tutti_bytes b;
    int rc = 0;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = tutti_stream_print(&t, "hello %d\n", i);
        rc = rc < 0 ? rc : tutti_stream_line(&t, &b);
    }
    rc = rc < 0 ? rc : tutti_stream_write(&t, much, sizeof much);
    for (size_t got = 0; rc >= 0 && got < sizeof much; got += b.size)
        if ((rc = tutti_stream_some(&t, &b)) == 0)
            rc = -EPROTO;
    return rc < 0 ? rc : tutti_stream_close(&t);
}
static int greedy_echo(void *fd) /* takes all in, lest both write and nobody reads */
{
    char *all = malloc(1 << 20);
    size_t have = 0;
    TUTTI_STREAM(t, (int)(intptr_t)fd);
    tutti_bytes b;
    int rc;
    while ((rc = tutti_stream_some(&t, &b)) > 0) {
        memcpy(all + have, b.data, b.size);
        have += b.size;
        if (have >= 300000 || have < 100) {
            rc = tutti_stream_write(&t, all, have);
            have = 0;
        }
        if (rc < 0)
            break;
    }
    free(all);
    return rc;
}
static bool chat_cut(tutti_executor *ex, uint64_t after)
{
    int ends[2];
    tutti_scope work, other;
    struct cutter k = { ex, &work, after, false };
    pair_of(SOCK_STREAM, ends);
    tutti_scope_open(&other, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&work, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_future done;
    CHECK_INT(tutti_go(&other, cut_after, &k), 0);
    CHECK_INT(tutti_go(&work, greedy_echo, fd_arg(ends[0])), 0);
    CHECK_INT(tutti_spawn(&work, chat, fd_arg(ends[1]), NULL, &done), 0);
    int rc = tutti_future_await(done, NULL);
    k.enough = true;
    tutti_scope_close(&work);
    CHECK_INT(tutti_scope_close(&other), 0);
    close(ends[0]); /* of those cut before they began */
    close(ends[1]);
    return rc >= 0;
}
static void cut_everywhere(tutti_scope *s)
{
    tutti_executor *ex = tutti_scope_executor(s);
    int before = descriptors();
    for (uint64_t after = 0; !chat_cut(ex, after); after++) {
        CHECK(after < 2000);
        CHECK_INT(descriptors(), before);
    }
}
TEST(cut_off_at_each_wait_nothing_is_left__epoll)
{
    io_run(cut_everywhere, "loop://?io=epoll", true);
}
TEST(cut_off_at_each_wait_nothing_is_left__uring)
{
    io_run(cut_everywhere, "loop://?io=uring", true);
}

TEST_MAIN
