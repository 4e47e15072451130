/* tests/processes_meet_test.c - conditions and barriers that worker processes and the program
 * share. */
#include "processes_board.h"

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

TEST_MAIN
