/* tests/race_test.c - the patterns with rivals or tries: tutti_race, best, again; over every
 * executor, called from a plain thread and from a task. */
#include "patterns_tasks.h"

/* --- race and best ---------------------------------------------------------- */

/* The odd ones fail, `who` wins, the others wait for ever. */
struct rival {
    int i, who, all_fail;
};
static tutti_event losers_wait;
TUTTI_TASK(rival, "test.rival", struct rival, uint64_t);
static int rival(const struct rival *in, uint64_t *out)
{
    *out = (uint64_t)in->i * 11;
    shuffle((uint64_t)in->i);
    if (in->all_fail)
        return tutti_fail(-100 - in->i, "rival %d", in->i);
    if (in->i == in->who)
        return 3;
    if (in->i % 2)
        return tutti_fail(-EIO, "rival %d", in->i);
    waiting++;
    int rc = tutti_event_wait(&losers_wait);
    shuffle((uint64_t)in->i + 99);
    waiting--;
    return rc;
}
static void races(tutti_scope *s)
{
    for (int n = 1; n < 60; n += 7) {
        struct rival in[60];
        uint64_t out = 0;
        waiting = 0;
        for (int i = 0; i < n; i++)
            in[i] = (struct rival){ i, n / 2, 0 };
        CHECK_INT(tutti_race(s, &rival_task, in, (size_t)n, &out), n / 2);
        CHECK_INT(out, n / 2 * 11);
        CHECK_INT(waiting, 0);
        CHECK_INT(tutti_race(s, &rival_task, in, (size_t)n, NULL), n / 2);
        for (int i = 0; i < n; i++)
            in[i].all_fail = 1;
        CHECK_INT(tutti_race(s, &rival_task, in, (size_t)n, &out), -100);
        CHECK_STR(tutti_why(), "rival 0");
        CHECK_INT(tutti_race(s, &rival_task, in, 0, &out), -EINVAL);
    }
    tutti_scope_stats stats = { .size = sizeof stats };
    CHECK_INT(tutti_scope_stat(s, &stats), 0);
    CHECK_INT(stats.failed, 0);
}
TEST(race_is_won_by_the_first_and_losing_is_no_failure)
{
    everywhere(races);
}

static void race_cut(tutti_scope *outer)
{
    struct rival in[30];
    waiting = 0;
    for (int i = 0; i < 30; i++)
        in[i] = (struct rival){ i, -1, 0 };
    TUTTI_SCOPE(helpers, tutti_scope_executor(outer), TUTTI_NEVER, 0);
    TUTTI_SCOPE(s, tutti_scope_executor(outer), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&helpers, cancel_when_8_wait, &s), 0);
    CHECK_INT(tutti_race(&s, &rival_task, in, 30, NULL), -ECANCELED);
    CHECK_INT(waiting, 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_scope_close(&helpers), 0);
}
TEST(race_is_cut_off_with_its_scope)
{
    everywhere(race_cut);
}

static void bests(tutti_scope *s)
{
    for (size_t n = 1; n < 200; n += 13) {
        struct item *in = items_make(n, 1, 0);
        uint64_t out = 0;
        CHECK_INT(tutti_best(s, &score_task, in, n, larger, NULL, &out),
                  (long long)((n - 1) / 3 * 3));
        CHECK_INT(out, (n - 1) / 3);
        CHECK_INT(tutti_best(s, &score_task, in, n, larger, NULL, NULL),
                  (long long)((n - 1) / 3 * 3));
        for (size_t i = 0; i < n; i++)
            in[i].shuffled = 2;
        CHECK_INT(tutti_best(s, &score_task, in, n, larger, NULL, &out), -200);
        CHECK_STR(tutti_why(), "no score 0");
        free(in);
    }
}
TEST(best_is_the_best_and_the_lowest_of_equals)
{
    everywhere(bests);
}

static void best_late(tutti_scope *outer)
{
    struct item *in = items_make(30, 1, 0);
    uint64_t out = 7;
    in[4].i = in[9].i = 1000;
    waiting = 0;
    answered = 0;
    TUTTI_SCOPE(s, tutti_scope_executor(outer), TUTTI_NEVER, 0);
    late = &s; /* and no time: on a busy machine it would come before the answers */
    CHECK_INT(tutti_best(&s, &for_ever_task, in, 30, larger, NULL, &out), 4);
    CHECK_INT(out, 1000);
    CHECK_INT(waiting, 0);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    late = NULL;
    in[4].i = in[9].i = 0;
    TUTTI_SCOPE(again, tutti_scope_executor(outer), tutti_after(5 * TUTTI_MS), 0);
    CHECK_INT(tutti_best(&again, &for_ever_task, in, 30, larger, NULL, &out),
              -ETIMEDOUT);
    CHECK_INT(waiting, 0);
    CHECK_INT(tutti_scope_close(&again), -ETIMEDOUT);
    free(in);
}
TEST(best_gives_the_best_so_far_at_the_deadline)
{
    everywhere(best_late);
}

/* The deadline comes while the caller compares, and all have ended by then. */
static _Atomic int scored;
TUTTI_TASK(score_and_tell, "test.score_and_tell", struct item, uint64_t);
static int score_and_tell(const struct item *in, uint64_t *out)
{
    *out = in->i;
    scored++;
    return 0;
}
static int larger_at_leisure(void *ctx, const void *a, const void *b)
{
    while (scored < 3)
        CHECK(tutti_yield() == 0);
    while (tutti_check() == 0 && !*(int *)ctx)
        ;
    *(int *)ctx = 1;
    return larger(NULL, a, b);
}
static void best_unseen(tutti_scope *outer)
{
    struct item *in = items_make(3, 1, 0);
    uint64_t out = 7;
    int over = 0;
    scored = 0;
    TUTTI_SCOPE(s, tutti_scope_executor(outer), tutti_after(200 * TUTTI_MS), 0);
    CHECK_INT(tutti_best(&s, &score_and_tell_task, in, 3, larger_at_leisure, &over,
                         &out), 2);
    CHECK_INT(out, 2);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    free(in);
}
TEST(best_counts_what_ended_in_time_and_was_not_looked_at)
{
    everywhere(best_unseen);
}

/* --- again ------------------------------------------------------------------ */

struct tries {
    int made, succeed_at, code;
};
static int try_it(void *arg)
{
    struct tries *t = arg;
    t->made++;
    return t->made == t->succeed_at ? 42 : tutti_fail(t->code, "try %d", t->made);
}
static int try_for_ever(void *arg)
{
    ++*(int *)arg;
    return tutti_event_wait(&never);
}
static int not_edom(int code)
{
    return code != -EDOM;
}
static void agains(tutti_scope *outer)
{
    (void)outer;
    tutti_retry r = { .size = sizeof r, .tries = 5, .pause = 1000, .pause_most = 4000 };
    struct tries t = { 0, 3, -EIO };
    CHECK_INT(tutti_again(&r, try_it, &t), 42);
    CHECK_INT(t.made, 3);
    t = (struct tries){ 0, 9, -EIO };
    CHECK_INT(tutti_again(&r, try_it, &t), -EIO);
    CHECK_INT(t.made, 5);
    CHECK_STR(tutti_why(), "try 5");
    r.worth = not_edom;
    r.pause = 0;
    t = (struct tries){ 0, 9, -EDOM };
    CHECK_INT(tutti_again(&r, try_it, &t), -EDOM);
    CHECK_INT(t.made, 1);
    int made = 0;
    r.each = TUTTI_MS;
    CHECK_INT(tutti_again(&r, try_for_ever, &made), -ETIMEDOUT);
    CHECK_INT(made, 5);
    r.tries = 0;
    CHECK_INT(tutti_again(&r, try_it, &t), -EINVAL);
}
static void again_over(tutti_scope *outer)
{
    tutti_retry r = { .size = sizeof r, .tries = 50, .pause = 3600 * TUTTI_SEC };
    struct tries t = { 0, 9, -EIO };
    TUTTI_SCOPE(s, tutti_scope_executor(outer), tutti_after(5 * TUTTI_MS), 0);
    CHECK_INT(tutti_again(&r, try_it, &t), -EIO); /* in the pause */
    CHECK_INT(t.made, 1);
    CHECK_STR(tutti_why(), "try 1");
    CHECK_INT(tutti_again(&r, try_it, &t), -ETIMEDOUT); /* before the first try */
    CHECK_INT(t.made, 1);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
}
TEST(again_tries_until_it_is_not_worth_it)
{
    everywhere(agains);
    everywhere(again_over);
}

TEST_MAIN
