/* tests/processes_sync_test.c - locks, signals, channels and maps that worker
 * processes and the program share: each alone, waited for with ends and deadlines,
 * and under kill -9. */
#include "processes.h"
#include <tutti/shared.h>

/* What all of a test's tasks see. */
struct board {
    tutti_mutex lock;
    tutti_sem sem, done;
    tutti_event go, up;
    tutti_counter count;
    long plain, seen;
    _Atomic int inside, worst, pids[64];
    _Atomic int at;
    char rest[4096];
};

struct job {
    struct board *b;
    int what, n;
};

static struct board *board_open(tutti_executor **ex, tutti_scope *s, const char *url,
                                unsigned flags)
{
    tutti_ref r;
    *ex = processes_open_bounded(url);
    tutti_scope_open(s, *ex, TUTTI_NEVER, flags);
    struct board *b = tutti_share(s, 1, sizeof *b, TUTTI_WRITE, &r);
    CHECK(b != NULL);
    CHECK_INT(tutti_mutex_share(s, &b->lock), 0);
    CHECK_INT(tutti_sem_share(s, &b->sem, 2), 0);
    CHECK_INT(tutti_sem_share(s, &b->done, 0), 0);
    CHECK_INT(tutti_event_share(s, &b->go), 0);
    CHECK_INT(tutti_event_share(s, &b->up), 0);
    return b;
}

static int board_close(tutti_executor *ex, tutti_scope *s)
{
    int rc = tutti_scope_close(s);
    CHECK_INT(tutti_executor_close(ex), 0);
    return rc;
}

static void nap(int ms)
{
    tutti_sleep_until(tutti_after(ms * TUTTI_MS));
}

/* --- what tasks do ------------------------------------------------------------------- */

enum { ADD, LOCK_AND_DIE, LOCK_AND_RETURN, LOCK_BRIEFLY, HOLD, DOWN_UP, DOWN_AND_DIE,
       DOWN, UP, WAIT_GO, SET_UP, COUNT };

static int add(struct board *b, int n)
{
    for (int i = 0; i < n; i++) {
        int rc = tutti_mutex_lock(&b->lock);
        if (rc < 0)
            return rc;
        b->plain++;
        tutti_mutex_unlock(&b->lock);
    }
    return 0;
}

static int down_up(struct board *b, int n)
{
    for (int i = 0; i < n; i++) {
        int rc = tutti_sem_down(&b->sem);
        if (rc < 0)
            return rc;
        int now = ++b->inside;
        if (now > b->worst)
            b->worst = now;
        b->inside--;
        tutti_sem_up(&b->sem);
    }
    return 0;
}

TUTTI_TASK(act, "sync.act", struct job, int);
static int act(const struct job *in, int *out)
{
    struct board *b = in->b;
    int rc = 0;
    *out = getpid();
    switch (in->what) {
    case ADD: return add(b, in->n);
    case LOCK_AND_DIE:
        rc = tutti_mutex_lock(&b->lock);
        tutti_event_set(&b->up);
        return rc < 0 ? rc : raise(SIGKILL);
    case LOCK_AND_RETURN: return tutti_mutex_lock(&b->lock);
    case LOCK_BRIEFLY:
        rc = tutti_mutex_lock_cut(&b->lock);
        if (rc == 0 || rc == -TUTTI_EOWNERDEAD)
            tutti_mutex_unlock(&b->lock);
        return rc;
    case HOLD:
        rc = tutti_mutex_lock(&b->lock);
        tutti_event_set(&b->up);
        tutti_event_wait(&b->go);
        tutti_mutex_unlock(&b->lock);
        return rc;
    case DOWN_UP: return down_up(b, in->n);
    case DOWN_AND_DIE:
        rc = tutti_sem_down(&b->sem);
        return rc < 0 ? rc : raise(SIGKILL);
    case DOWN: return tutti_sem_down(&b->sem);
    case UP: tutti_sem_up(&b->done); return 0;
    case WAIT_GO:
        tutti_sem_up(&b->done);
        return tutti_event_wait(&b->go);
    case SET_UP: tutti_event_set(&b->up); return 0;
    case COUNT:
        for (int i = 0; i < in->n; i++)
            tutti_counter_add(&b->count, 1);
        return 0;
    }
    return -EINVAL;
}

static tutti_future start(tutti_scope *s, struct board *b, int what, int n)
{
    tutti_future f;
    struct job j = { b, what, n };
    CHECK_INT(act_submit(s, &j, &f), 0);
    return f;
}

static int end(tutti_future f)
{
    int rc = tutti_future_await(f, NULL);
    tutti_future_release(f);
    return rc;
}

/* --- mutex ------------------------------------------------------------------------------ */

TEST(a_mutex_keeps_two_workers_a_thread_and_closures_apart)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", 0);
    tutti_future f[4];
    for (int i = 0; i < 4; i++)
        f[i] = start(&s, b, ADD, 20000);
    CHECK_INT(add(b, 20000), 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK_INT(b->plain, 100000);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_mutex_of_inner_threads)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2?inner=threads://2", 0);
    tutti_future f[4];
    for (int i = 0; i < 4; i++)
        f[i] = start(&s, b, ADD, 5000);
    for (int i = 0; i < 4; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK_INT(b->plain, 20000);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(who_holds_it_cannot_lock_it_again_nor_take_it_by_trying)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    CHECK_INT(tutti_mutex_lock(&b->lock), 0);
    CHECK_INT(tutti_mutex_lock(&b->lock), -EDEADLK);
    CHECK_INT(tutti_mutex_trylock(&b->lock), -EBUSY);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_trylock(&b->lock), 0);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_share(&s, &b->lock), -EALREADY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(the_holders_death_is_told_to_the_next_and_only_to_that_one)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    tutti_future f = start(&s, b, LOCK_AND_DIE, 0);
    CHECK_INT(tutti_event_wait(&b->up), 0);
    CHECK_INT(tutti_mutex_lock(&b->lock), -TUTTI_EOWNERDEAD);
    CHECK_HAS(tutti_why(), "died");
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_lock(&b->lock), 0);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(end(f), -TUTTI_ECRASH);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_worker_that_waits_hears_of_the_holders_death)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    for (int i = 0; i < 5; i++) {
        tutti_event_clear(&b->up);
        tutti_future f = start(&s, b, LOCK_AND_DIE, 0);
        CHECK_INT(tutti_event_wait(&b->up), 0);
        CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), -TUTTI_EOWNERDEAD);
        CHECK_INT(end(f), -TUTTI_ECRASH);
        CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), 0);
    }
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_task_that_returns_with_a_mutex_has_failed_and_counts_as_dead)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", TUTTI_KEEP_GOING);
    tutti_future f = start(&s, b, LOCK_AND_RETURN, 0);
    CHECK_INT(end(f), -EDEADLK);
    CHECK_INT(tutti_mutex_lock(&b->lock), -TUTTI_EOWNERDEAD);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_wait_for_a_mutex_can_be_cut_and_leaves_nothing_behind)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    tutti_future f = start(&s, b, HOLD, 0);
    CHECK_INT(tutti_event_wait(&b->up), 0);
    tutti_scope_open(&in, ex, tutti_after(20 * TUTTI_MS), 0);
    CHECK_INT(tutti_mutex_lock_cut(&b->lock), -ETIMEDOUT);
    tutti_scope_close(&in);
    tutti_scope_open(&in, ex, tutti_after(20 * TUTTI_MS), TUTTI_KEEP_GOING);
    tutti_future g = start(&in, b, LOCK_BRIEFLY, 0);
    CHECK_INT(tutti_future_await(g, NULL), -ETIMEDOUT);
    tutti_scope_close(&in);
    tutti_event_set(&b->go);
    CHECK_INT(end(f), 0);
    CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

/* --- semaphore --------------------------------------------------------------------------- */

TEST(a_semaphore_lets_as_many_in_as_it_has_units)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://3", 0);
    tutti_future f[3];
    for (int i = 0; i < 3; i++)
        f[i] = start(&s, b, DOWN_UP, 3000);
    CHECK_INT(down_up(b, 3000), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK(b->worst <= 2);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(the_unit_of_a_dead_worker_comes_back_and_says_so)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    CHECK_INT(tutti_sem_down(&b->sem), 0);
    CHECK_INT(end(start(&s, b, DOWN_AND_DIE, 0)), -TUTTI_ECRASH);
    CHECK_INT(tutti_sem_down(&b->sem), -TUTTI_EOWNERDEAD);
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    tutti_sem_up(&b->sem);
    tutti_sem_up(&b->sem);
    CHECK_INT(end(start(&s, b, DOWN, 0)), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_semaphore_that_counts_things_done_gets_nothing_back_by_a_death)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    for (int i = 0; i < 3; i++)
        CHECK_INT(end(start(&s, b, UP, 0)), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_sem_down(&b->done), 0);
    CHECK_INT(end(start(&s, b, LOCK_AND_DIE, 0)), -TUTTI_ECRASH);
    CHECK_INT(tutti_mutex_lock(&b->lock), -TUTTI_EOWNERDEAD);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_sem_trydown(&b->done), -EBUSY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_wait_for_a_unit_can_be_cut)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    tutti_scope_open(&in, ex, tutti_after(10 * TUTTI_MS), 0);
    CHECK_INT(tutti_sem_down(&b->done), -ETIMEDOUT);
    tutti_scope_close(&in);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    tutti_scope_open(&in, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_future f = start(&in, b, DOWN, 0);
    nap(5);
    tutti_scope_cancel(&in);
    CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
    tutti_scope_close(&in);
    tutti_sem_up(&b->sem);
    CHECK_INT(tutti_sem_down(&b->sem), 0); /* nobody who is gone has taken it */
    CHECK_INT(board_close(ex, &s), 0);
}

/* --- event, counter ------------------------------------------------------------------------ */

TEST(an_event_wakes_all_in_all_processes)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://3", 0);
    tutti_future f[3];
    for (int i = 0; i < 3; i++)
        f[i] = start(&s, b, WAIT_GO, 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_sem_down(&b->done), 0);
    nap(3); /* so that some are parked: either way is right */
    CHECK_INT(tutti_event_is_set(&b->go), 0);
    tutti_event_set(&b->go);
    CHECK_INT(tutti_event_is_set(&b->go), 1);
    tutti_event_clear(&b->go);
    tutti_event_set(&b->go); /* who had come too late for the first */
    for (int i = 0; i < 3; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(an_event_is_one_of_several_to_wait_for)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    tutti_case c[] = { tutti_on_event(&b->go), tutti_on_event(&b->up),
                       tutti_on_time(tutti_after(20 * TUTTI_SEC)) };
    tutti_future f = start(&s, b, SET_UP, 0);
    CHECK_INT(tutti_wait(c, 3), 1);
    CHECK_INT(end(f), 0);
    tutti_event_clear(&b->up);
    c[2] = tutti_on_time(tutti_after(5 * TUTTI_MS));
    CHECK_INT(tutti_wait(c, 3), 2);
    tutti_event_set(&b->go);
    CHECK_INT(tutti_wait(c, 2), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_counter_needs_no_word)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", 0);
    tutti_future f[2] = { start(&s, b, COUNT, 10000), start(&s, b, COUNT, 10000) };
    for (int i = 0; i < 10000; i++)
        tutti_counter_add(&b->count, 1);
    CHECK_INT(end(f[0]) | end(f[1]), 0);
    CHECK_INT(tutti_counter_get(&b->count), 30000);
    CHECK_INT(board_close(ex, &s), 0);
}

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

/* --- conditions, barriers ------------------------------------------------------------- */

struct meet {
    tutti_mutex lock;
    tutti_cond changed;
    tutti_barrier barrier;
    tutti_counter before, after, firsts;
    long turn, sum;
};
struct guest {
    struct meet *m;
    int what, n;
};
enum { TAKE_TURNS, COND_AND_DIE, WAIT_TURN, MEET, MEET_AND_DIE };

/* Wait until it is our turn, n times: 0 and 1 alternate. */
static int take_turns(struct meet *m, int who, int n)
{
    for (int i = 0; i < n; i++) {
        int rc = tutti_mutex_lock(&m->lock);
        while (rc == 0 && m->turn % 2 != who)
            rc = tutti_cond_wait(&m->changed, &m->lock);
        m->turn++;
        if (i % 2)
            tutti_cond_signal(&m->changed);
        else
            tutti_cond_broadcast(&m->changed);
        tutti_mutex_unlock(&m->lock);
        if (rc)
            return rc;
    }
    return 0;
}

static int meet(struct meet *m, int n, int all)
{
    for (int i = 1; i <= n; i++) {
        tutti_counter_add(&m->before, 1);
        int rc = tutti_barrier_wait(&m->barrier);
        if (rc < 0)
            return rc;
        if (tutti_counter_get(&m->before) < (int64_t)i * all)
            return -ERANGE; /* somebody had not come */
        tutti_counter_add(&m->firsts, rc);
    }
    return 0;
}

TUTTI_TASK(guest, "sync.guest", struct guest, int);
static int guest(const struct guest *in, int *out)
{
    struct meet *m = in->m;
    int rc;
    *out = 0;
    switch (in->what) {
    case TAKE_TURNS: return take_turns(m, 1, in->n);
    case COND_AND_DIE:
        rc = tutti_mutex_lock(&m->lock);
        return rc < 0 ? rc : raise(SIGKILL);
    case WAIT_TURN:
        rc = tutti_mutex_lock(&m->lock);
        m->sum++;
        while (rc == 0 && !m->turn)
            rc = tutti_cond_wait(&m->changed, &m->lock);
        tutti_mutex_unlock(&m->lock);
        return rc;
    case MEET: return meet(m, in->n, 3);
    case MEET_AND_DIE:
        rc = tutti_barrier_wait(&m->barrier);
        return rc < 0 ? rc : raise(SIGKILL);
    }
    return -EINVAL;
}

static struct meet *meet_open(tutti_executor **ex, tutti_scope *s, const char *url, unsigned n)
{
    tutti_ref r;
    *ex = processes_open_bounded(url);
    tutti_scope_open(s, *ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    struct meet *m = tutti_share(s, 1, sizeof *m, TUTTI_WRITE, &r);
    CHECK_INT(tutti_mutex_share(s, &m->lock), 0);
    CHECK_INT(tutti_cond_share(s, &m->changed), 0);
    CHECK_INT(tutti_barrier_share(s, &m->barrier, n), 0);
    return m;
}

static tutti_future guest_start(tutti_scope *s, struct meet *m, int what, int n)
{
    tutti_future f;
    struct guest g = { m, what, n };
    CHECK_INT(guest_submit(s, &g, &f), 0);
    return f;
}

TEST(home_and_a_worker_take_turns_by_a_condition)
{
    static const char *const urls[] = { "processes://1", "threads://2" };
    for (int i = 0; i < 2; i++) {
        tutti_executor *ex;
        tutti_scope s;
        struct meet *m = meet_open(&ex, &s, urls[i], 1);
        tutti_future f = guest_start(&s, m, TAKE_TURNS, 500);
        CHECK_INT(take_turns(m, 0, 500), 0);
        CHECK_INT(end(f), 0);
        CHECK_INT(m->turn, 1000);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

TEST(a_signal_wakes_one_and_a_broadcast_all)
{
    tutti_executor *ex;
    tutti_scope s;
    struct meet *m = meet_open(&ex, &s, "processes://3", 1);
    tutti_future f[3];
    for (int i = 0; i < 3; i++)
        f[i] = guest_start(&s, m, WAIT_TURN, 0);
    for (long there = 0; there < 3;) {
        CHECK_INT(tutti_mutex_lock(&m->lock), 0);
        there = m->sum; /* each has counted itself and let the lock go to wait */
        tutti_mutex_unlock(&m->lock);
    }
    CHECK_INT(tutti_mutex_lock(&m->lock), 0);
    m->turn = 1;
    tutti_cond_signal(&m->changed);
    tutti_mutex_unlock(&m->lock);
    tutti_case c[] = { tutti_on_done(f[0]), tutti_on_done(f[1]), tutti_on_done(f[2]) };
    CHECK(tutti_wait(c, 3) >= 0);
    tutti_cond_broadcast(&m->changed);
    for (int i = 0; i < 3; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(who_waits_for_a_condition_hears_of_the_death_of_whom_it_waits_for)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct meet *m = meet_open(&ex, &s, "processes://2", 1);
    CHECK_INT(tutti_mutex_lock(&m->lock), 0);
    CHECK_INT(tutti_cond_wait(&m->changed, (tutti_mutex *)(void *)&m->sum), -EPERM);
    tutti_scope_open(&in, ex, tutti_after(5 * TUTTI_MS), 0);
    CHECK_INT(tutti_cond_wait(&m->changed, &m->lock), -ETIMEDOUT);
    tutti_scope_close(&in);
    tutti_future f = guest_start(&s, m, COND_AND_DIE, 0);
    CHECK_INT(tutti_cond_wait(&m->changed, &m->lock), -TUTTI_EOWNERDEAD);
    tutti_mutex_unlock(&m->lock);
    CHECK_INT(end(f), -TUTTI_ECRASH);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_barrier_of_three_in_rounds)
{
    tutti_executor *ex;
    tutti_scope s;
    struct meet *m = meet_open(&ex, &s, "processes://2", 3);
    tutti_future f = guest_start(&s, m, MEET, 300), g = guest_start(&s, m, MEET, 300);
    CHECK_INT(meet(m, 300, 3), 0);
    CHECK_INT(end(f) | end(g), 0);
    CHECK_INT(tutti_counter_get(&m->before), 900);
    CHECK_INT(tutti_counter_get(&m->firsts), 300);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_cut_breaks_a_round_and_a_death_the_barrier)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct meet *m = meet_open(&ex, &s, "processes://2", 2);
    tutti_scope_open(&in, ex, tutti_after(5 * TUTTI_MS), 0);
    CHECK_INT(tutti_barrier_wait(&m->barrier), -ETIMEDOUT);
    tutti_scope_close(&in);
    CHECK_INT(tutti_barrier_wait(&m->barrier), -ECANCELED); /* the second of that round */
    tutti_future f = guest_start(&s, m, MEET_AND_DIE, 0);
    CHECK(tutti_barrier_wait(&m->barrier) >= 0);
    CHECK_INT(end(f), -TUTTI_ECRASH);
    CHECK_INT(tutti_barrier_wait(&m->barrier), -TUTTI_EOWNERDEAD);
    CHECK_INT(tutti_barrier_wait(&m->barrier), -TUTTI_EOWNERDEAD);
    tutti_barrier_init(&m->barrier, 2);
    f = guest_start(&s, m, MEET_AND_DIE, 0);
    CHECK(tutti_barrier_wait(&m->barrier) >= 0);
    CHECK_INT(tutti_barrier_wait(&m->barrier), -TUTTI_EOWNERDEAD); /* it waited for it */
    CHECK_INT(end(f), -TUTTI_ECRASH);
    CHECK_INT(tutti_barrier_share(&s, &m->barrier, 0), -EINVAL);
    CHECK_INT(board_close(ex, &s), 0);
}

/* --- maps ----------------------------------------------------------------------------- */

static tutti_bytes bytes_of(const char *text)
{
    return (tutti_bytes){ text, strlen(text) };
}

struct words {
    tutti_table *map;
    int n, die;
};
TUTTI_TASK(count_words, "sync.count_words", struct words, int);
static int count_words(const struct words *in, int *out)
{
    char key[16];
    *out = 0;
    for (int i = 0; i < in->n; i++) {
        int k = snprintf(key, sizeof key, "w%d", i % 50);
        int rc = tutti_table_add(in->map, (tutti_bytes){ key, (size_t)k }, 1, NULL);
        if (rc < 0)
            return rc;
    }
    return in->die ? raise(SIGKILL) : 0;
}

TEST(workers_count_words_in_one_map)
{
    static const char *const urls[] = { "processes://3", "threads://2", "loop://" };
    for (int i = 0; i < 3; i++) {
        tutti_executor *ex = processes_open_bounded(urls[i]);
        tutti_scope s;
        tutti_future f[3];
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        struct words w = { NULL, 5000, 0 };
        CHECK_INT(tutti_table_share(&w.map, &s, 60, 15, 8), 0);
        for (int k = 0; k < 3; k++)
            CHECK_INT(count_words_submit(&s, &w, &f[k]), 0);
        for (int k = 0; k < 3; k++)
            CHECK_INT(end(f[k]), 0);
        char key[15];
        int64_t n, all = 0, entries = 0;
        size_t k = sizeof key, v = sizeof n;
        for (uint64_t at = 0; tutti_table_next(w.map, &at, key, &k, &n, &v) == 1;
             k = sizeof key, v = sizeof n) {
            CHECK_INT(n, 300);
            all += n;
            entries++;
        }
        CHECK_INT(all, 15000);
        CHECK_INT(entries, 50);
        CHECK_INT(tutti_table_length(w.map), 50);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

static void map_against_model(tutti_table *m, unsigned *seed)
{
    enum { KEYS = 40 };
    int model[KEYS];
    size_t there = 0;
    memset(model, -1, sizeof model);
    for (int i = 0; i < 4000; i++) {
        int k = (int)(check_random(seed) % KEYS), got[3] = { 0 };
        char text[8];
        snprintf(text, sizeof text, "%d", k);
        int value[3] = { i, i, i };
        size_t size = (i % 3 + 1) * sizeof(int);
        int64_t rc;
        switch (check_random(seed) % 3) {
        case 0:
            rc = tutti_table_put(m, bytes_of(text), (tutti_bytes){ value, size });
            CHECK_INT(rc, model[k] >= 0 ? 0 : there < 30 ? 1 : -ENOSPC);
            there += rc == 1;
            model[k] = rc < 0 ? model[k] : i;
            break;
        case 1:
            rc = tutti_table_get(m, bytes_of(text), got, sizeof got);
            CHECK_INT(rc, model[k] < 0 ? -ENOENT : (model[k] % 3 + 1) * (int)sizeof(int));
            CHECK(rc < 0 || got[0] == model[k]);
            break;
        default:
            rc = tutti_table_delete(m, bytes_of(text));
            CHECK_INT(rc, model[k] < 0 ? -ENOENT : 0);
            there -= rc == 0;
            model[k] = -1;
        }
        CHECK_INT(tutti_table_length(m), (long)there);
    }
}

TEST(a_map_does_what_a_table_does)
{
    static const char *const urls[] = { "processes://1", "loop://" };
    unsigned seed = check_seed();
    for (int i = 0; i < 2; i++) {
        tutti_executor *ex = processes_open_bounded(urls[i]);
        tutti_scope s;
        tutti_table *m;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_table_share(&m, &s, 30, 7, 12), 0);
        map_against_model(m, &seed);
        char long_key[] = "12345678";
        CHECK_INT(tutti_table_put(m, bytes_of(long_key), bytes_of("x")), -EINVAL);
        CHECK_INT(tutti_table_put(m, bytes_of(""), bytes_of("x")), -EINVAL);
        CHECK_INT(tutti_table_put(m, bytes_of("k"), bytes_of("1234567890123")), -EINVAL);
        CHECK_INT(tutti_table_get(m, bytes_of(long_key), NULL, 0), -EINVAL);
        CHECK_INT(tutti_table_share(&m, &s, 0, 1, 1), -EINVAL);
        CHECK_INT(tutti_table_share(&m, &s, 1, 0, 1), -EINVAL);
        CHECK_INT(tutti_table_share(&m, &s, 1, 1, SIZE_MAX), -EINVAL);
        CHECK_INT(tutti_table_put(NULL, bytes_of("k"), bytes_of("v")), -EINVAL);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

/* --- where ------------------------------------------------------------------------------------ */

TEST(the_same_calls_on_other_executors)
{
    static const char *const urls[] = { "loop://", "threads://2" };
    for (int i = 0; i < 2; i++) {
        tutti_executor *ex;
        tutti_scope s;
        struct board *b = board_open(&ex, &s, urls[i], 0);
        tutti_future f[2] = { start(&s, b, ADD, 100), start(&s, b, DOWN_UP, 100) };
        CHECK_INT(end(f[0]) | end(f[1]), 0);
        CHECK_INT(b->plain, 100);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

TEST(what_lies_elsewhere_is_refused)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    tutti_mutex mine = { { 0 } };
    tutti_ref r;
    tutti_mutex *sealed = tutti_share(&s, 1, sizeof *sealed, TUTTI_READ, &r);
    CHECK_INT(tutti_mutex_share(&s, &mine), -EINVAL);
    CHECK_INT(tutti_mutex_share(&s, sealed), -EINVAL);
    CHECK_INT(tutti_mutex_share(&s, NULL), -EINVAL);
    CHECK_INT(tutti_mutex_share(&s, (tutti_mutex *)(void *)(b->rest + 1)), -EINVAL);
    CHECK_INT(tutti_mutex_share(NULL, &b->lock), -EINVAL);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(more_objects_than_there_is_room_for)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    tutti_ref r;
    (void)b;
    for (int round = 0; round < 2; round++) {
        tutti_scope_open(&in, ex, TUTTI_NEVER, 0);
        tutti_event *e = tutti_share(&in, 3000, sizeof *e, TUTTI_WRITE, &r);
        int made = 0;
        while (tutti_event_share(&in, &e[made]) == 0)
            made++;
        CHECK_INT(tutti_event_share(&in, &e[made]), -ENOMEM);
        CHECK_INT(made, 2048 - 5);
        CHECK_INT(tutti_scope_close(&in), 0);
    }
    CHECK_INT(board_close(ex, &s), 0);
}
TEST_MAIN
