/* tests/deadline_test.c - scopes that are over by the clock, shields, limits, numbers, and which
 * executor a scope gets when it names none. */
#include "urls.h"
#include <pthread.h>

static int sleep_for_ever(void *arg)
{
    if (arg)
        atomic_fetch_add((atomic_int *)arg, 1);
    return tutti_sleep_until(TUTTI_NEVER);
}

static int count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* --- deadlines ------------------------------------------------------------ */

ON_URLS(a_deadline_ends_all_and_close_says_so)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_time before = tutti_now();
    tutti_scope_open(&s, ex, tutti_after(20 * TUTTI_MS), 0);
    for (int i = 0; i < 10; i++)
        tutti_go(&s, sleep_for_ever, NULL);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    CHECK(tutti_now() - before >= 20 * TUTTI_MS);
    CHECK_INT(tutti_check(), 0);
    tutti_scope_open(&s, ex, tutti_now() - 1, 0);
    CHECK_INT(tutti_go(&s, sleep_for_ever, NULL), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    tutti_scope_open(&s, ex, -1, 0);
    CHECK_INT(tutti_yield(), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    tutti_scope_open(&s, ex, tutti_now() - 1, 0); /* it cut nothing */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int nested_deadline(void *arg)
{
    tutti_time outer = *(tutti_time *)arg;
    TUTTI_SCOPE(later, NULL, outer + 3600 * TUTTI_SEC, 0);
    tutti_scope_stats stats = { .size = sizeof stats };
    CHECK_INT(tutti_scope_stat(&later, &stats), 0);
    CHECK_INT(stats.deadline, outer);
    CHECK_INT(tutti_go(&later, sleep_for_ever, NULL), 0);
    CHECK_INT(tutti_scope_close(&later), -ETIMEDOUT);
    CHECK(tutti_now() >= outer);
    CHECK_INT(tutti_check(), -ETIMEDOUT); /* tells: the outer one is over as well */
    return tutti_check();
}

ON_URLS(deadlines_nest_to_the_earliest)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s, inner;
    tutti_time soon = tutti_after(20 * TUTTI_MS);
    tutti_scope_open(&s, ex, soon, 0);
    CHECK_INT(tutti_go(&s, nested_deadline, &soon), 0);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&inner, ex, tutti_after(5 * TUTTI_MS), 0);
    CHECK_INT(tutti_sleep_until(TUTTI_NEVER), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&inner), -ETIMEDOUT);
    CHECK_INT(tutti_check(), 0); /* the outer one is not over */
    CHECK_INT(tutti_sleep_until(0), 0);
    CHECK_INT(tutti_sleep_until(-TUTTI_SEC), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(expire_ends_those_already_parked)
{
    tutti_executor *ex = urls_open(url);
    for (int late = 0; late < 2; late++) {
        tutti_scope s;
        atomic_int parked = 0;
        tutti_scope_open(&s, ex, tutti_after(3600 * TUTTI_SEC), 0);
        for (int i = 0; i < 10; i++)
            tutti_go(&s, sleep_for_ever, &parked);
        urls_until(&parked, 10);
        tutti_time when = late ? tutti_after(20 * TUTTI_MS) : tutti_now();
        tutti_scope_expire(&s, when);
        tutti_scope_expire(&s, tutti_after(1000 * TUTTI_SEC)); /* never back */
        CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
        CHECK(tutti_now() >= when);
        CHECK_INT(tutti_check(), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

struct expire {
    tutti_scope *s;
    tutti_time span;
    atomic_int *go;
};

static void *expire_on_go(void *arg)
{
    struct expire *e = arg;
    atomic_fetch_add(e->go, 1);
    while (atomic_load(e->go) < 2)
        ;
    tutti_scope_expire(e->s, tutti_after(e->span));
    atomic_fetch_add(e->go, 1);
    return NULL;
}

TEST(the_earliest_of_two_who_expire_at_once_counts)
{
    tutti_executor *ex = urls_open("threads://1");
    for (int i = 0; i < 100; i++) {
        tutti_scope s;
        pthread_t thread;
        atomic_int parked = 0, go = 0;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        tutti_go(&s, sleep_for_ever, &parked);
        urls_until(&parked, 1);
        struct expire late = { &s, 100 * TUTTI_SEC, &go }, soon = { &s, 2 * TUTTI_MS, &go };
        CHECK_INT(pthread_create(&thread, NULL, expire_on_go, &late), 0);
        expire_on_go(&soon);
        pthread_join(thread, NULL);
        CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT); /* else the watchdog ends us */
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- shields -------------------------------------------------------------- */

static int shielded(void *arg)
{
    tutti_scope shield;
    atomic_int *step = arg;
    tutti_scope_open(&shield, NULL, tutti_after(30 * TUTTI_SEC), TUTTI_SHIELD);
    atomic_store(step, 1);
    CHECK_INT(tutti_sleep_until(tutti_after(20 * TUTTI_MS)), 0);
    while (atomic_load(step) == 1)
        CHECK_INT(tutti_yield(), 0);
    CHECK_INT(tutti_sleep_until(tutti_after(TUTTI_MS)), 0); /* cut outside, not here */
    CHECK_INT(tutti_go(&shield, count, step), 0);
    CHECK_INT(tutti_scope_close(&shield), 0);
    CHECK_INT(tutti_check(), -ECANCELED);
    return tutti_check();
}

ON_URLS(a_shield_is_not_cut_off_from_outside)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int step = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_go(&s, shielded, &step);
    urls_until(&step, 1);
    tutti_scope_cancel(&s);
    atomic_store(&step, 2);
    CHECK_INT(tutti_scope_close(&s), 0); /* cut by tutti_scope_cancel */
    CHECK_INT(step, 3);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int until_cancelled(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    CHECK_INT(tutti_sleep_until(TUTTI_NEVER), -ECANCELED);
    CHECK_INT(tutti_check(), -ECANCELED);
    return -ECANCELED;
}

ON_URLS(a_task_that_started_in_a_shield_can_be_cancelled)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s, inner;
    tutti_future f;
    atomic_int n = 0;
    tutti_scope_open(&s, ex, tutti_after(30 * TUTTI_SEC), TUTTI_SHIELD);
    for (int nested = 0; nested < 2; nested++) {
        tutti_scope_open(&inner, NULL, TUTTI_NEVER, 0);
        CHECK_INT(tutti_spawn(nested ? &inner : &s, until_cancelled, &n, NULL, &f), 0);
        urls_until(&n, nested + 1);
        tutti_future_cancel(f);
        CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
        tutti_future_release(f);
        CHECK_INT(tutti_scope_close(&inner), 0);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(a_shield_has_a_deadline_of_its_own)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int n = 0;
    tutti_scope_open(&s, ex, tutti_after(10 * TUTTI_MS), TUTTI_SHIELD);
    tutti_go(&s, sleep_for_ever, &n);
    CHECK_INT(tutti_sleep_until(TUTTI_NEVER), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    int begun = n; /* not, when the machine was busy for ten milliseconds */
    for (unsigned keep = 0; keep < 2; keep++) {
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_SHIELD | (keep ? TUTTI_KEEP_GOING : 0));
        CHECK_INT(tutti_go(&s, count, &n), -EINVAL);
        CHECK_HAS(tutti_why(), "");
        CHECK_INT(tutti_scope_close(&s), -EINVAL);
        CHECK_HAS(tutti_why(), "a shield needs a deadline");
        tutti_scope_open(&s, ex, TUTTI_NEVER, 64 | keep);
        CHECK_INT(tutti_go(&s, count, &n), -EINVAL);
        CHECK_INT(tutti_scope_close(&s), -EINVAL);
        CHECK_HAS(tutti_why(), "flags");
    }
    CHECK_INT(n, begun);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- limits --------------------------------------------------------------- */

static atomic_int live, most, ended;

static int take_a_place(void *arg)
{
    (void)arg;
    int now = atomic_fetch_add(&live, 1) + 1, was = atomic_load(&most);
    while (now > was && !atomic_compare_exchange_weak(&most, &was, now))
        ;
    for (int i = 0; i < 3; i++)
        tutti_yield();
    atomic_fetch_sub(&live, 1);
    atomic_fetch_add(&ended, 1);
    return 0;
}

static int start_from_inside(void *arg)
{
    tutti_scope *s = arg;
    for (int i = 0; i < 50; i++)
        CHECK_INT(tutti_go(s, count, &ended), 0); /* would wait for itself for ever */
    return 0;
}

ON_URLS(starts_from_outside_wait_at_the_limit_those_inside_never)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_limit(&s, 3);
    for (int i = 0; i < 200; i++)
        CHECK_INT(tutti_go(&s, take_a_place, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(ended, 200);
    CHECK(most >= 1 && most <= 3);
    ended = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_limit(&s, 1);
    CHECK_INT(tutti_go(&s, start_from_inside, &s), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(ended, 50);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int start_ten(void *arg)
{
    for (int i = 0; i < 10; i++)
        CHECK_INT(tutti_go(arg, take_a_place, NULL), 0);
    return 0;
}

ON_URLS(a_limit_holds_when_many_start_at_once_and_lifting_it_lets_all_go)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope outer, s, gate;
    atomic_int parked = 0;
    tutti_scope_open(&outer, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_limit(&s, 2);
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_go(&outer, start_ten, &s), 0);
    while (atomic_load(&ended) < 200)
        tutti_yield();
    CHECK(most <= 2);
    CHECK_INT(tutti_scope_close(&s), 0);
    ended = 0;
    tutti_scope_open(&gate, ex, TUTTI_NEVER, 0);
    tutti_scope_limit(&gate, 1);
    CHECK_INT(tutti_go(&gate, sleep_for_ever, &parked), 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_go(&outer, start_ten, &gate), 0);
    urls_until(&parked, 1);
    for (int i = 0; i < 100; i++)
        tutti_yield();
    CHECK_INT(ended, 0);
    tutti_scope_limit(&gate, 0);
    urls_until(&ended, 200);
    tutti_scope_cancel(&gate);
    CHECK_INT(tutti_scope_close(&gate), 0);
    CHECK_INT(tutti_scope_close(&outer), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(a_start_that_waits_is_cut_by_the_callers_deadline)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s, mine;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_limit(&s, 1);
    CHECK_INT(tutti_go(&s, sleep_for_ever, NULL), 0);
    tutti_scope_open(&mine, ex, tutti_after(10 * TUTTI_MS), 0);
    CHECK_INT(tutti_go(&s, sleep_for_ever, NULL), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&mine), -ETIMEDOUT);
    tutti_scope_stats stats = { .size = sizeof stats };
    CHECK_INT(tutti_scope_stat(&s, &stats), 0);
    CHECK_INT((long long)stats.started, 1);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- numbers -------------------------------------------------------------- */

static int fail(void *arg)
{
    (void)arg;
    return -5;
}

ON_URLS(the_numbers_of_a_scope_add_up)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int parked = 0, ran = 0;
    tutti_scope_stats n = { .size = sizeof n };
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_scope_stat(&s, &n), 0);
    CHECK_INT((long long)n.started, 0);
    CHECK_INT((long long)n.live, 0);
    for (int i = 0; i < 7; i++)
        CHECK_INT(tutti_go(&s, count, &ran), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_go(&s, fail, NULL), 0);
    for (int i = 0; i < 5; i++)
        CHECK_INT(tutti_go(&s, sleep_for_ever, &parked), 0);
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(&s, &n), 0);
        CHECK(n.live <= 15 && n.succeeded <= 7 && n.failed <= 3);
    } while (n.parked < 5 || n.live > 5);
    CHECK_INT((long long)n.started, 15);
    CHECK_INT((long long)n.live, 5);
    CHECK_INT((long long)n.parked, 5);
    CHECK_INT((long long)n.succeeded, 7);
    CHECK_INT((long long)n.failed, 3);
    CHECK_INT((long long)n.cut, 0);
    CHECK_INT(n.deadline, TUTTI_NEVER);
    tutti_scope_cancel(&s);
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(&s, &n), 0);
    } while (n.live);
    CHECK_INT((long long)n.cut, 5);
    CHECK_INT((long long)n.parked, 0);
    struct {
        size_t size;
        uint64_t started, guard;
    } old = { offsetof(tutti_scope_stats, live), 0, 99 }; /* of an older header */
    CHECK_INT(tutti_scope_stat(&s, (tutti_scope_stats *)(void *)&old), 0);
    CHECK_INT((long long)old.started, 15);
    CHECK_INT((long long)old.guard, 99);
    CHECK_INT(tutti_scope_close(&s), -5);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- which executor ------------------------------------------------------- */

static int where(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    *(tutti_executor **)arg = tutti_scope_executor(&s);
    return 0;
}

ON_URLS(a_scope_without_executor_gets_the_callers)
{
    tutti_executor *ex = urls_open(url), *seen = NULL;
    tutti_scope s, inner;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&inner, NULL, TUTTI_NEVER, 0);
    CHECK(tutti_scope_executor(&inner) == ex);
    CHECK_INT(tutti_go(&inner, where, &seen), 0);
    CHECK_INT(tutti_scope_close(&inner), 0);
    CHECK(seen == ex);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static void *default_of_thread(void *out)
{
    where(out);
    return NULL;
}

ON_URLS(the_default_executor_is_what_the_environment_says)
{
    tutti_executor *seen = NULL, *again = NULL, *theirs = NULL;
    setenv("TUTTI_EXECUTOR", url, 1);
    where(&seen);
    CHECK(seen != NULL);
    CHECK_STR(tutti_executor_url(seen), url);
    where(&again);
    CHECK(seen == again);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, default_of_thread, &theirs), 0);
    pthread_join(thread, NULL);
    CHECK(strcmp(url, "loop://") ? theirs == seen : theirs != seen);
    atomic_int n = 0;
    tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_go(&s, count, &n), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(n, 100);
}

/* --- who is late ------------------------------------------------------------ */

static tutti_scope raced;
static atomic_long turn, expired;
static void *expires(void *loops)
{
    for (long i = 1; i <= (long)(intptr_t)loops; i++) {
        while (atomic_load(&turn) < i)
            continue;
        tutti_scope_expire(&raced, tutti_after(5 * TUTTI_MS));
        atomic_store(&expired, i);
    }
    return NULL;
}

/* It was kept, and cut off the next scope there. */
TEST(an_expire_that_comes_as_the_scope_closes_is_forgotten)
{
    enum { LOOPS = 5000 };
    unsigned seed = check_seed();
    tutti_executor *ex;
    pthread_t other;
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    CHECK_INT(pthread_create(&other, NULL, expires, (void *)LOOPS), 0);
    for (long i = 1; i <= LOOPS; i++) {
        tutti_scope_open(&raced, ex, TUTTI_NEVER, 0);
        atomic_store(&turn, i);
        for (volatile int k = rand_r(&seed) % 100; k; k--)
            continue;
        tutti_scope_close(&raced);
        while (atomic_load(&expired) < i)
            sched_yield();
    }
    pthread_join(other, NULL);
    tutti_scope_open(&raced, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_sleep_until(tutti_after(30 * TUTTI_MS)), 0);
    CHECK_INT(tutti_scope_close(&raced), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_default_executor_that_cannot_be_had_fails_the_scope)
{
    setenv("TUTTI_EXECUTOR", "treads://2", 1);
    for (unsigned keep = 0; keep < 2; keep++) {
        tutti_scope s, inner;
        tutti_future f;
        atomic_int n = 0;
        tutti_scope_open(&s, NULL, TUTTI_NEVER, keep ? TUTTI_KEEP_GOING : 0);
        CHECK_INT(tutti_go(&s, count, &n), -EINVAL);
        CHECK_INT(tutti_spawn(&s, count, &n, NULL, &f), -EINVAL);
        CHECK_INT(tutti_future_done(f), 1);
        tutti_scope_open(&inner, NULL, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&inner, count, &n), -EINVAL);
        CHECK_INT(tutti_scope_close(&inner), -EINVAL);
        CHECK_INT(tutti_scope_close(&s), -EINVAL);
        CHECK_HAS(tutti_why(), "TUTTI_EXECUTOR");
        CHECK_HAS(tutti_why(), "treads");
        CHECK_INT(n, 0);
    }
    setenv("TUTTI_EXECUTOR", "threads://1", 1); /* mended: the next scope gets it */
    tutti_executor *seen = NULL;
    where(&seen);
    CHECK(seen != NULL);
}

TEST_MAIN
