/* tests/processes_chan_test.c - channels that worker processes and the program share: in order,
 * selected from, cut off, and under kill -9. */
#include "processes_board.h"

/* --- channels ------------------------------------------------------------------------------- */

struct line {
    tutti_chan *in, *out;
    int n, what;
};
enum { SEND_ALL, RECV_ALL, ECHO, SEND_AND_DIE, RECV_AND_DIE, RECV_ONE, SELECT_SUM };

static int send_all(const struct line *l)
{
    for (long i = 1; i <= l->n; i++) {
        int rc = tutti_chan_send(l->out, &i);
        if (rc < 0)
            return rc;
    }
    return tutti_chan_close(l->out);
}

static int recv_all(const struct line *l, long *sum)
{
    long got;
    int rc;
    while ((rc = tutti_chan_recv(l->in, &got)) == 1)
        *sum += got;
    return rc;
}

static int select_sum(const struct line *l, long *sum)
{
    long a, b;
    tutti_case c[] = { tutti_on_recv(l->in, &a), tutti_on_recv(l->out, &b) };
    for (int open = 2; open;) {
        int i = tutti_wait(c, 2);
        if (i < 0)
            return i;
        if (c[i].code == 1) {
            *sum += i ? b : a;
        } else {
            c[i] = tutti_on_done((tutti_future){ { 0 } });
            open--;
        }
    }
    return 0;
}

TUTTI_TASK(line, "sync.line", struct line, long);
static int line(const struct line *in, long *out)
{
    int rc = 0;
    *out = 0;
    switch (in->what) {
    case SEND_ALL: return send_all(in);
    case RECV_ALL: return recv_all(in, out);
    case ECHO:
        while ((rc = tutti_chan_recv(in->in, out)) == 1)
            if ((rc = tutti_chan_send(in->out, out)) < 0)
                return rc;
        return rc < 0 ? rc : tutti_chan_close(in->out);
    case SEND_AND_DIE:
        for (long i = 1; i <= in->n && rc == 0; i++)
            rc = tutti_chan_send(in->out, &i);
        return rc < 0 ? rc : raise(SIGKILL);
    case RECV_AND_DIE: return tutti_chan_recv(in->in, out) < 0 ? -EIO : raise(SIGKILL);
    case RECV_ONE: return tutti_chan_recv(in->in, out);
    case SELECT_SUM: return select_sum(in, out);
    }
    return -EINVAL;
}

static tutti_future line_start(tutti_scope *s, tutti_chan *in, tutti_chan *out, int what, int n)
{
    tutti_future f;
    struct line l = { in, out, n, what };
    CHECK_INT(line_submit(s, &l, &f), 0);
    return f;
}

static int line_end(tutti_future f, long *out)
{
    *out = 0;
    return tutti_future_take(f, out, sizeof *out);
}

static tutti_chan *chan_of(tutti_scope *s, size_t capacity)
{
    tutti_chan *c;
    CHECK_INT(tutti_chan_share(&c, s, sizeof(long), capacity), 0);
    return c;
}

TEST(items_go_from_worker_to_worker_in_order_and_none_is_lost)
{
    static const int capacities[] = { 1, 3, 64 };
    for (int i = 0; i < 3; i++) {
        tutti_executor *ex = processes_open_bounded("processes://2");
        tutti_scope s;
        long sum;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        tutti_chan *c = chan_of(&s, (size_t)capacities[i]);
        tutti_future f = line_start(&s, c, NULL, RECV_ALL, 0);
        tutti_future g = line_start(&s, NULL, c, SEND_ALL, 3000);
        CHECK_INT(line_end(g, &sum), 0);
        CHECK_INT(line_end(f, &sum), 0);
        CHECK_INT(sum, 3000L * 3001 / 2);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

TEST(home_sends_to_a_worker_that_sends_to_home)
{
    tutti_executor *ex = processes_open_bounded("processes://1");
    tutti_scope s;
    long got;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_chan *there = chan_of(&s, 4), *back = chan_of(&s, 4);
    tutti_future f = line_start(&s, there, back, ECHO, 0);
    for (long i = 1; i <= 2000; i++) {
        CHECK_INT(tutti_chan_send(there, &i), 0);
        CHECK_INT(tutti_chan_recv(back, &got), 1);
        CHECK_INT(got, i);
    }
    CHECK_INT(tutti_chan_close(there), 0);
    CHECK_INT(tutti_chan_recv(back, &got), 0);
    CHECK_INT(tutti_chan_send(there, &got), -EPIPE);
    CHECK_INT(tutti_chan_close(there), -EPIPE);
    CHECK_INT(line_end(f, &got), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(many_senders_and_many_receivers)
{
    tutti_executor *ex = processes_open_bounded("processes://4");
    tutti_scope s;
    long sum = 0, all = 0, mine = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_chan *c = chan_of(&s, 5);
    tutti_chan_writers(c, 2); /* three in all: two workers, and home */
    tutti_future f[4] = { line_start(&s, c, NULL, RECV_ALL, 0),
                          line_start(&s, c, NULL, RECV_ALL, 0),
                          line_start(&s, NULL, c, SEND_ALL, 1500),
                          line_start(&s, NULL, c, SEND_ALL, 1500) };
    struct line l = { c, c, 1000, 0 };
    CHECK_INT(send_all(&l), 0);
    CHECK_INT(recv_all(&l, &mine), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(line_end(f[i], &sum), 0);
        all += sum;
    }
    CHECK_INT(all + mine, 2 * (1500L * 1501 / 2) + 1000L * 1001 / 2);
    CHECK_INT(tutti_chan_length(c), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_select_over_channels_of_both_kinds_an_event_and_time)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", 0);
    tutti_chan *far = chan_of(&s, 2), *near;
    long x = 0, y = 0, seven = 7;
    CHECK_INT(tutti_chan_open(&near, &s, sizeof(long), 1, NULL), 0);
    tutti_case c[] = { tutti_on_recv(far, &x), tutti_on_recv(near, &y), tutti_on_event(&b->up),
                       tutti_on_time(tutti_after(20 * TUTTI_SEC)) };
    tutti_future f = line_start(&s, NULL, far, SEND_ALL, 1);
    CHECK_INT(tutti_wait(c, 4), 0);
    CHECK_INT(c[0].code, 1);
    CHECK_INT(x, 1);
    CHECK_INT(tutti_wait(c, 4), 0); /* it has ended */
    CHECK_INT(c[0].code, 0);
    CHECK_INT(tutti_chan_send(near, &seven), 0);
    CHECK_INT(tutti_wait(c + 1, 3), 0);
    CHECK_INT(y, 7);
    tutti_future g = start(&s, b, SET_UP, 0);
    CHECK_INT(tutti_wait(c + 1, 3), 1);
    CHECK_INT(line_end(f, &x) | end(g), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_worker_selects_and_so_does_home_in_closures)
{
    tutti_executor *ex = processes_open_bounded("processes://3");
    tutti_scope s;
    long sum;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_chan *a = chan_of(&s, 2), *b = chan_of(&s, 7);
    tutti_future f = line_start(&s, a, b, SELECT_SUM, 0);
    tutti_future g = line_start(&s, NULL, a, SEND_ALL, 1000);
    tutti_future h = line_start(&s, NULL, b, SEND_ALL, 800);
    CHECK_INT(line_end(g, &sum) | line_end(h, &sum), 0);
    CHECK_INT(line_end(f, &sum), 0);
    CHECK_INT(sum, 1000L * 1001 / 2 + 800L * 801 / 2);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(to_send_or_to_try)
{
    tutti_executor *ex = processes_open_bounded("processes://1");
    tutti_scope s;
    long one = 1, got;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_chan *c = chan_of(&s, 1);
    tutti_case k[] = { tutti_on_send(c, &one), tutti_on_none() };
    tutti_case r[] = { tutti_on_recv(c, &got), tutti_on_none() };
    CHECK_INT(tutti_wait(r, 2), 1);
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_INT(k[0].code, 0);
    CHECK_INT(tutti_wait(k, 2), 1);
    CHECK_INT(tutti_wait(r, 2), 0);
    CHECK_INT(r[0].code, 1);
    CHECK_INT(tutti_wait(k, 2), 0);
    tutti_future f = line_start(&s, c, NULL, RECV_ONE, 0);
    CHECK_INT(tutti_wait(k, 1), 0); /* as soon as the worker has taken the one before */
    CHECK_INT(line_end(f, &got), 1);
    CHECK_INT(tutti_chan_length(c), 1);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(waits_for_a_channel_are_cut_and_leave_nothing)
{
    tutti_executor *ex = processes_open_bounded("processes://2");
    tutti_scope s, in;
    long got = 5;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_chan *c = chan_of(&s, 1);
    tutti_scope_open(&in, ex, tutti_after(5 * TUTTI_MS), 0);
    CHECK_INT(tutti_chan_recv(c, &got), -ETIMEDOUT);
    tutti_scope_close(&in);
    tutti_scope_open(&in, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_future f = line_start(&in, c, NULL, RECV_ONE, 0);
    nap(5);
    tutti_scope_cancel(&in);
    CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
    tutti_scope_close(&in);
    CHECK_INT(tutti_chan_send(c, &got), 0);
    CHECK_INT(tutti_chan_length(c), 1); /* nobody who is gone has taken it */
    tutti_scope_open(&in, ex, tutti_after(5 * TUTTI_MS), 0);
    CHECK_INT(tutti_chan_send(c, &got), -ETIMEDOUT);
    tutti_scope_close(&in);
    CHECK_INT(tutti_chan_recv(c, &got), 1);
    CHECK_INT(tutti_chan_length(c), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_senders_death_is_told_once_and_takes_no_item_along)
{
    tutti_executor *ex = processes_open_bounded("processes://2");
    tutti_scope s;
    long got, sum = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_chan *c = chan_of(&s, 8);
    tutti_future f = line_start(&s, NULL, c, SEND_AND_DIE, 20);
    int rc, items = 0;
    while ((rc = tutti_chan_recv(c, &got)) == 1) {
        sum += got;
        items++;
    }
    CHECK_INT(rc, -TUTTI_EOWNERDEAD);
    CHECK_INT(items, 20);
    CHECK_INT(sum, 210);
    CHECK_INT(line_end(f, &got), -TUTTI_ECRASH);
    CHECK_INT(tutti_chan_close(c), 0); /* for the dead one */
    CHECK_INT(tutti_chan_recv(c, &got), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_receivers_death_is_told_to_who_waits_for_room)
{
    tutti_executor *ex = processes_open_bounded("processes://1");
    tutti_scope s;
    long i = 0, got;
    int rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_chan *c = chan_of(&s, 3);
    tutti_future f = line_start(&s, c, NULL, RECV_AND_DIE, 0);
    while ((rc = tutti_chan_send(c, &i)) == 0)
        i++;
    CHECK_INT(rc, -TUTTI_EOWNERDEAD);
    CHECK_INT(i, 4); /* three are there, one went with it */
    CHECK_INT(tutti_chan_length(c), 3);
    CHECK_INT(line_end(f, &got), -TUTTI_ECRASH);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_task_that_has_ended_well_is_not_missed)
{
    tutti_executor *ex = processes_open_bounded("processes://1");
    tutti_scope s, in;
    long got;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_chan *c = chan_of(&s, 3), *d = chan_of(&s, 3);
    CHECK_INT(tutti_chan_send(c, &(long){ 1 }), 0);
    CHECK_INT(line_end(line_start(&s, c, NULL, RECV_ONE, 0), &got), 1);
    tutti_future f = line_start(&s, NULL, d, SEND_AND_DIE, 1); /* the same worker */
    CHECK_INT(line_end(f, &got), -TUTTI_ECRASH);
    tutti_scope_open(&in, ex, tutti_after(20 * TUTTI_MS), 0);
    CHECK_INT(tutti_chan_recv(c, &got), -ETIMEDOUT);
    tutti_scope_close(&in);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(channels_are_the_same_on_other_executors)
{
    static const char *const urls[] = { "loop://", "threads://2" };
    for (int i = 0; i < 2; i++) {
        tutti_executor *ex;
        tutti_scope s;
        long sum;
        CHECK_INT(tutti_executor_open(&ex, urls[i]), 0);
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        tutti_chan *c = chan_of(&s, 3);
        tutti_future f = line_start(&s, c, NULL, RECV_ALL, 0);
        tutti_future g = line_start(&s, NULL, c, SEND_ALL, 100);
        CHECK_INT(line_end(g, &sum), 0);
        CHECK_INT(line_end(f, &sum), 0);
        CHECK_INT(sum, 5050);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

TEST(channels_that_cannot_be)
{
    tutti_executor *ex = processes_open_bounded("processes://1");
    tutti_scope s;
    tutti_chan *c;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_chan_share(&c, &s, TUTTI_ANY_SIZE, 4), -EINVAL);
    CHECK_INT(tutti_chan_share(&c, &s, 8, 0), -EINVAL);
    CHECK_INT(tutti_chan_share(&c, &s, SIZE_MAX / 2, 3), -EINVAL);
    CHECK_INT(tutti_chan_share(&c, &s, 1 << 20, (size_t)1 << 40), -ENOMEM);
    CHECK(c == NULL);
    CHECK_INT(tutti_chan_share(NULL, &s, 8, 1), -EINVAL);
    CHECK_INT(tutti_chan_share(&c, &s, 100000, 100), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_forked_child_hears_that_its_channel_is_lost)
{
    tutti_executor *ex = processes_open_bounded("processes://1");
    tutti_scope s;
    long x = 1;
    int status;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_chan *c = chan_of(&s, 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(tutti_chan_send(c, &x) == -TUTTI_ELOST && tutti_chan_recv(c, &x) == -TUTTI_ELOST
                      && tutti_chan_close(c) == -TUTTI_ELOST
                  ? 0
                  : 1);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
    CHECK_INT(tutti_chan_send(c, &x), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST_MAIN
