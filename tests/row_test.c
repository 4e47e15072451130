/* tests/row_test.c - closures of one scope that run one after the other on one stack, where
 * most of what belongs to a beginning and an end is left out (core/task.c, run_plain): nobody
 * may notice. */
#include "urls.h"
#include <tutti/sync.h>

/* Run fn(arg) in a task, so that what it starts lies in its own worker's queue. */
static void inside(const char *url, int (*fn)(void *arg), void *arg, int gives)
{
    CHECK_INT(tutti_run(url, fn, arg), gives);
}

/* --- each begins anew --------------------------------------------------------------- */

enum { ROW = 400 };

static atomic_int fresh, dropped;
static void *make_fresh(void)
{
    atomic_fetch_add(&fresh, 1);
    return &fresh;
}
static void drop_fresh(void *p)
{
    CHECK(p == &fresh);
    atomic_fetch_add(&dropped, 1);
}
static tutti_local own = { make_fresh, drop_fresh, { 0 } };
static tutti_mutex mutex;
static atomic_int begun, locals;

static int open_and_leave(void)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    return 0;
}

static int leaves_something(void *arg)
{
    CHECK_STR(tutti_task_name(), "closure");
    CHECK_STR(tutti_why(), "");
    atomic_fetch_add(&begun, 1);
    switch ((uintptr_t)arg % 9) {
    case 0:
        tutti_task_name_set("left behind");
        return 0;
    case 1:
        return tutti_fail(0, "of no failure");
    case 2:
        CHECK_INT(tutti_chan_close(NULL), -EINVAL);
        return 0;
    case 3:
        CHECK(tutti_per_task(&own) == &fresh);
        atomic_fetch_add(&locals, 1);
        return 0;
    case 4:
        return tutti_yield();
    case 5:
        return open_and_leave();
    case 6:
        CHECK_INT(tutti_mutex_lock(&mutex), 0);
        tutti_mutex_unlock(&mutex);
        return 0;
    case 7:
        return tutti_sleep_until(0);
    default:
        return 7;
    }
}

static int a_row(void *seed)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < ROW; i++) {
        void *what = (void *)(uintptr_t)check_random(seed);
        CHECK_INT(tutti_go(&s, leaves_something, what), 0);
    }
    return tutti_scope_close(&s);
}

ON_URLS(each_of_a_row_begins_as_if_it_were_the_first)
{
    unsigned seed = check_seed();
    inside(url, a_row, &seed, 0);
    CHECK_INT(begun, ROW);
    CHECK_INT(fresh, locals);
    CHECK_INT(dropped, locals);
}

/* --- ends in the middle -------------------------------------------------------------- */

struct middle {
    atomic_int ran;
    int stop;
    tutti_scope *scope;
};

static int fails_in_the_middle(void *arg)
{
    struct middle *m = arg;
    return atomic_fetch_add(&m->ran, 1) == m->stop ? tutti_fail(-5, "in the middle") : 0;
}
static int cancels_in_the_middle(void *arg)
{
    struct middle *m = arg;
    if (atomic_fetch_add(&m->ran, 1) == m->stop)
        tutti_scope_cancel(m->scope);
    return 0;
}
static int expires_in_the_middle(void *arg)
{
    struct middle *m = arg;
    if (atomic_fetch_add(&m->ran, 1) == m->stop)
        tutti_scope_expire(m->scope, tutti_now());
    return 0;
}

static int row_of(tutti_fn *fn, struct middle *m, unsigned flags)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, flags);
    m->scope = &s;
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_go(&s, fn, m), 0);
    tutti_scope_stats all = { .size = sizeof all };
    CHECK_INT(tutti_scope_stat(&s, &all), 0);
    CHECK_INT(all.started, 100);
    return tutti_scope_close(&s);
}

static int failing_row(void *arg)
{
    struct middle *m = arg;
    CHECK_INT(row_of(fails_in_the_middle, m, 0), -5);
    CHECK_STR(tutti_why(), "in the middle");
    return 0;
}
static int going_row(void *arg)
{
    CHECK_INT(row_of(fails_in_the_middle, arg, TUTTI_KEEP_GOING), -5);
    return 0;
}
static int cancelled_row(void *arg)
{
    CHECK_INT(row_of(cancels_in_the_middle, arg, 0), 0); /* who cancelled it knows */
    return 0;
}
static int expired_row(void *arg)
{
    CHECK_INT(row_of(expires_in_the_middle, arg, 0), -ETIMEDOUT);
    return 0;
}

TEST(a_failure_a_cancel_and_an_end_of_time_stop_a_row_at_once)
{
    static const char *const urls[] = { "loop://", "threads://1" };
    for (int u = 0; u < 2; u++)
        for (int stop = 0; stop < 40; stop += 13) {
            struct middle m = { .stop = stop };
            inside(urls[u], failing_row, &m, 0);
            CHECK_INT(m.ran, stop + 1);
            atomic_store(&m.ran, 0);
            inside(urls[u], cancelled_row, &m, 0);
            CHECK_INT(m.ran, stop + 1);
            atomic_store(&m.ran, 0);
            inside(urls[u], expired_row, &m, 0);
            CHECK_INT(m.ran, stop + 1);
            atomic_store(&m.ran, 0);
            inside(urls[u], going_row, &m, 0);
            CHECK_INT(m.ran, 100);
        }
}

/* --- what is counted ------------------------------------------------------------------ */

static int checks_live(void *arg)
{
    struct middle *m = arg;
    tutti_scope_stats all = { .size = sizeof all };
    CHECK_INT(tutti_scope_stat(m->scope, &all), 0);
    CHECK_INT(all.live, 100 - (uint64_t)atomic_fetch_add(&m->ran, 1));
    return 0;
}
static int live_row(void *arg)
{
    return row_of(checks_live, arg, 0);
}

TEST(each_of_a_row_is_counted_until_its_end)
{
    struct middle m = { .stop = 0 };
    inside("loop://", live_row, &m, 0);
    CHECK_INT(m.ran, 100);
    atomic_store(&m.ran, 0);
    inside("threads://1", live_row, &m, 0);
}

static void hear(void *arg, const tutti_outcome *o)
{
    CHECK_INT(o->index, *(uint64_t *)arg);
    CHECK_STR(o->task, "closure");
}
static int numbered_row(void *arg)
{
    struct middle *m = arg;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_go(&s, fails_in_the_middle, m), 0);
    while (atomic_load(&m->ran) < 100)
        tutti_yield();
    uint64_t index = (uint64_t)m->stop;
    CHECK_INT(tutti_scope_failures(&s, hear, &index), 1);
    CHECK_INT(tutti_scope_close(&s), -5);
    return 0;
}

TEST(a_failure_of_a_row_tells_which_it_was)
{
    struct middle m = { .stop = 42 };
    inside("threads://1", numbered_row, &m, 0);
}

/* --- whose turn ------------------------------------------------------------------------ */

static atomic_int turns;
static int one_more(void *unused)
{
    (void)unused;
    atomic_fetch_add(&turns, 1);
    return 0;
}
/* It goes on before the row is over. */
static int yields_once(void *before)
{
    int rc = tutti_yield();
    *(int *)before = atomic_load(&turns);
    return rc;
}
static int mixed(void *unused)
{
    int before = -1;
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_go(&s, yields_once, &before);
    for (int i = 0; i < 200; i++)
        tutti_go(&s, one_more, NULL);
    int rc = tutti_scope_close(&s);
    CHECK_INT(turns, 200);
    CHECK(before >= 0 && before < 100);
    return rc;
}

TEST(who_was_begun_goes_on_before_a_row_is_over)
{
    inside("threads://1", mixed, NULL, 0);
    atomic_store(&turns, 0);
    inside("loop://", mixed, NULL, 0);
}

static int limited(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 10; i++)
        tutti_go(&s, one_more, NULL);
    tutti_scope_limit(&s, 3); /* from here on starts wait */
    for (int i = 0; i < 50; i++) {
        tutti_scope_stats all = { .size = sizeof all };
        CHECK_INT(tutti_go(&s, one_more, NULL), 0);
        CHECK_INT(tutti_scope_stat(&s, &all), 0);
        CHECK(all.live <= 3);
    }
    return tutti_scope_close(&s);
}

ON_URLS(a_limit_set_when_some_were_started_holds)
{
    inside(url, limited, NULL, 0);
    CHECK_INT(turns, 60);
}

/* Two scopes in turn, and one of them started from within. */
static int starts_more(void *scope)
{
    atomic_fetch_add(&turns, 1);
    return tutti_go(scope, one_more, NULL);
}
static int two_rows(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(a, NULL, TUTTI_NEVER, 0);
    TUTTI_SCOPE(b, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 300; i++) { /* b closes first: only its own tasks start in it */
        tutti_scope *to = i % 3 ? &a : &b;
        CHECK_INT(tutti_go(to, i % 2 ? one_more : starts_more, i % 5 ? &a : to), 0);
    }
    int rc = tutti_scope_close(&b);
    CHECK_INT(rc, 0);
    return tutti_scope_close(&a);
}

ON_URLS(rows_of_two_scopes_mix)
{
    inside(url, two_rows, NULL, 0);
    CHECK_INT(turns, 450);
}
TEST_MAIN
