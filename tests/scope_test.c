/* tests/scope_test.c - what users rely on of scopes: closing waits, first failure wins, nothing
 * stays open, deadlines and limits bind.  How deep cuts travel is in cut_test.c. */
#include "urls.h"
#include <pthread.h>

static int count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int fail_5(void *arg)
{
    (void)arg;
    return tutti_fail(-5, "the number %d came up", 5);
}

static int sleep_for_ever(void *arg)
{
    if (arg)
        atomic_fetch_add((atomic_int *)arg, 1);
    return tutti_sleep_until(TUTTI_NEVER);
}

/* --- closing waits for all ------------------------------------------------ */

static int count_and_start_ten(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 10; i++)
        CHECK_INT(tutti_go(&s, count, arg), 0);
    return tutti_scope_close(&s);
}

ON_URLS(close_waits_for_all_started)
{
    tutti_executor *ex = urls_open(url);
    for (int round = 0; round < 20; round++) {
        atomic_int done = 0;
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < 100; i++)
            CHECK_INT(tutti_go(&s, count_and_start_ten, &done), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(done, 1000);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(an_empty_scope_closes_at_once)
{
    tutti_executor *ex = urls_open(url);
    for (int i = 0; i < 1000; i++) {
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, i & 1 ? TUTTI_KEEP_GOING : 0);
        CHECK(tutti_scope_executor(&s) == ex);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK(tutti_scope_executor(&s) == NULL);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- no way out leaves it open -------------------------------------------- */

static void leave_by_return(tutti_executor *ex, atomic_int *n)
{
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    tutti_go(&s, sleep_for_ever, n);
    urls_until(n, 1);
    return;
}

static int leave_by_goto_and_break(tutti_executor *ex, atomic_int *n)
{
    for (;;) {
        TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
        tutti_go(&s, sleep_for_ever, n);
        urls_until(n, 2);
        break;
    }
    {
        TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
        tutti_go(&s, sleep_for_ever, n);
        urls_until(n, 3);
        goto out;
    }
out:
    return 0;
}

ON_URLS(leaving_cancels_and_closes)
{
    tutti_executor *ex = urls_open(url);
    atomic_int n = 0;
    leave_by_return(ex, &n);
    CHECK_INT(tutti_check(), 0);
    leave_by_goto_and_break(ex, &n);
    CHECK_INT(n, 3);
    CHECK_INT(tutti_executor_close(ex), 0); /* would wait for a scope left open */
}

static int fail_out_of_a_scope(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_go(&s, sleep_for_ever, arg);
    return tutti_fail(-EIO, "disk %s is gone", "B");
}

ON_URLS(the_words_that_made_a_task_leave_are_kept)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_go(&s, fail_out_of_a_scope, NULL);
    CHECK_INT(tutti_scope_close(&s), -EIO);
    CHECK_STR(tutti_why(), "disk B is gone");
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- failures ------------------------------------------------------------- */

ON_URLS(the_first_failure_cancels_the_rest)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int ran = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 20; i++)
        tutti_go(&s, sleep_for_ever, &ran);
    urls_until(&ran, 20);
    CHECK_INT(tutti_go(&s, fail_5, NULL), 0);
    while (tutti_check() == 0) /* the scope is over for its opener too */
        tutti_yield();
    CHECK_INT(tutti_check(), -ECANCELED);
    CHECK_INT(tutti_go(&s, count, &ran), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), -5);
    CHECK_STR(tutti_why(), "the number 5 came up");
    CHECK_INT(ran, 20);
    CHECK_INT(tutti_check(), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

struct heard {
    int count, code[4];
    char words[4][40], task[4][40];
    uint64_t index[4];
};

static void hear(void *ctx, const tutti_outcome *o)
{
    struct heard *h = ctx;
    CHECK(h->count < 4);
    CHECK_INT(o->end, TUTTI_FAILED);
    h->code[h->count] = o->code;
    h->index[h->count] = o->index;
    strncpy(h->words[h->count], o->words, 39);
    strncpy(h->task[h->count++], o->task, 39);
}

static int one(const int *in, int *out);
TUTTI_TASK(one, "scope_test.one", int, int);
static int one(const int *in, int *out)
{
    *out = *in;
    return *in < 0 ? tutti_fail(*in, "bad %d", -*in) : 0;
}

ON_URLS(a_scope_that_keeps_going_lists_its_failures)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int ran = 0;
    struct heard h = { 0 };
    int bad = -7;
    tutti_scope_stats stats = { .size = sizeof stats };
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&s, count, &ran), 0);
    CHECK_INT(tutti_go(&s, fail_5, NULL), 0);
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(&s, &stats), 0);
    } while (stats.live);
    CHECK_INT(one_submit(&s, &bad, NULL), 0);
    CHECK_INT(tutti_go(&s, count, &ran), 0);
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(&s, &stats), 0);
    } while (stats.live);
    CHECK_INT(tutti_scope_failures(&s, hear, &h), 2);
    CHECK_INT(h.count, 2);
    CHECK_INT(h.code[0], -5);
    CHECK_STR(h.words[0], "the number 5 came up");
    CHECK_STR(h.task[0], "closure");
    CHECK_INT((long long)h.index[0], 1);
    CHECK_INT(h.code[1], -7);
    CHECK_STR(h.words[1], "bad 7");
    CHECK_STR(h.task[1], "scope_test.one");
    CHECK_INT((long long)h.index[1], 2);
    CHECK_INT(tutti_scope_failures(&s, NULL, NULL), 2);
    CHECK_INT(ran, 2);
    CHECK_INT(tutti_scope_close(&s), -5);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(a_thousand_failures_are_kept_and_all_are_counted)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_stats stats = { .size = sizeof stats };
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < 1500; i++)
        CHECK_INT(tutti_go(&s, fail_5, NULL), 0);
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(&s, &stats), 0);
    } while (stats.live);
    CHECK_INT((long long)stats.failed, 1500);
    CHECK_INT(tutti_scope_failures(&s, NULL, NULL), 1500);
    CHECK_INT(tutti_scope_close(&s), -5);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- misuse --------------------------------------------------------------- */

static int sleep_in_a_scope_of_its_own(void *arg)
{
    TUTTI_SCOPE(outer, NULL, TUTTI_NEVER, 0);
    TUTTI_SCOPE(inner, NULL, TUTTI_NEVER, 0);
    return sleep_for_ever(arg);
}

/* Wherever they park. */
ON_URLS(parked_tasks_are_counted)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_stats now = { .size = sizeof now };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_go(&s, sleep_for_ever, NULL), 0);
        CHECK_INT(tutti_go(&s, sleep_in_a_scope_of_its_own, NULL), 0);
    }
    do {
        CHECK_INT(tutti_sleep_until(tutti_after(TUTTI_MS)), 0);
        CHECK_INT(tutti_scope_stat(&s, &now), 0);
        CHECK(now.parked <= now.live);
    } while (now.parked < 6); /* or hangs */
    CHECK_INT(now.live, 6);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(closing_what_is_not_open_is_an_error)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s, never, inner;
    memset(&never, 0, sizeof never);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_scope_close(&s), -EINVAL);
    CHECK_HAS(tutti_why(), "closed twice");
    CHECK_INT(tutti_scope_close(&never), -EINVAL);
    CHECK_HAS(tutti_why(), "never opened");
    CHECK_INT(tutti_scope_close(NULL), -EINVAL);
    CHECK_INT(tutti_go(&s, count, NULL), -EINVAL);
    CHECK_HAS(tutti_why(), "not open");
    CHECK_INT(tutti_go(NULL, count, NULL), -EINVAL);
    tutti_scope_leave(&s); /* harmless */
    tutti_scope_cancel(&never);
    tutti_scope_expire(&never, 0);
    tutti_scope_stats stats = { .size = sizeof stats };
    CHECK_INT(tutti_scope_stat(&s, &stats), -EINVAL);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    stats.size = 0;
    CHECK_INT(tutti_scope_stat(&s, &stats), -EINVAL);
    tutti_scope_open(&inner, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_scope_close(&s), -EPERM);
    CHECK_HAS(tutti_why(), "opened after this one");
    CHECK_INT(tutti_scope_close(&inner), 0);
    CHECK_INT(tutti_go(&s, NULL, NULL), -EINVAL);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

struct foreign {
    tutti_scope *s;
    int rc;
    char words[200];
};

static int close_a_foreign_scope(void *arg)
{
    struct foreign *f = arg;
    f->rc = tutti_scope_close(f->s);
    strncpy(f->words, tutti_why(), sizeof f->words - 1);
    return 0;
}

static void *thread_close(void *arg)
{
    close_a_foreign_scope(arg);
    return NULL;
}

ON_URLS(only_the_opener_may_close)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s, two;
    struct foreign f = { .s = &s };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&two, ex, TUTTI_NEVER, 0);
    tutti_go(&two, close_a_foreign_scope, &f);
    CHECK_INT(tutti_scope_close(&two), 0);
    CHECK_INT(f.rc, -EPERM);
    CHECK_HAS(f.words, "closure");
    f.rc = 0;
    tutti_go(&s, close_a_foreign_scope, &f); /* from a task inside */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(f.rc, -EPERM);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, thread_close, &f), 0);
    pthread_join(thread, NULL);
    CHECK_INT(f.rc, -EPERM);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int leave_a_scope_open(void *arg)
{
    static tutti_scope s;
    (void)arg;
    tutti_task_name_set("forgetful");
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    return 0;
}

static void run_forgetful(const char *url)
{
    tutti_run(url, leave_a_scope_open, NULL);
}

static void open_null(const char *url)
{
    (void)url;
    tutti_scope_open(NULL, NULL, TUTTI_NEVER, 0);
}

static void open_twice(const char *url)
{
    tutti_scope s;
    tutti_executor *ex = urls_open(url);
    memset(&s, 0, sizeof s);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
}

static void open_again_inside(const char *url)
{
    tutti_scope s, inner;
    tutti_executor *ex = urls_open(url);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&inner, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
}

ON_URLS(what_would_corrupt_memory_aborts_with_a_sentence)
{
    char text[1000];
    CHECK_INT(urls_dies(run_forgetful, url, text, sizeof text), SIGABRT);
    CHECK_HAS(text, "forgetful returned with a scope open");
    CHECK_INT(urls_dies(open_null, url, text, sizeof text), SIGABRT);
    CHECK_HAS(text, "tutti_scope_open(NULL)");
    CHECK_INT(urls_dies(open_twice, url, text, sizeof text), SIGABRT);
    CHECK_HAS(text, "open already");
    CHECK_INT(urls_dies(open_again_inside, url, text, sizeof text), SIGABRT);
    CHECK_HAS(text, "open already");
}

TEST_MAIN
