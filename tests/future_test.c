/* tests/future_test.c - tickets: awaited by any number, taken once, stale after, failed aloud. */
#include "urls.h"
#include <pthread.h>
#include <tutti/sync.h>

static int square(const int *in, int *out);
TUTTI_TASK(square, "future_test.square", int, int);
static int square(const int *in, int *out)
{
    *out = *in * *in;
    return *in < 0 ? tutti_fail(-EDOM, "%d is negative", *in) : 0;
}

static int give(void *arg)
{
    return (int)(intptr_t)arg;
}

static int never(void *arg)
{
    (void)arg;
    return tutti_sleep_until(TUTTI_NEVER);
}

/* --- one result, many hands ----------------------------------------------- */

ON_URLS(await_gives_the_result_until_it_is_released)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future f, none = { { 0, 0 } };
    tutti_bytes b;
    int in = 9, out = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(square_submit(&s, &in, &f), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_future_await(f, &b), 0);
        CHECK_INT((long long)b.size, sizeof(int));
        memcpy(&out, b.data, sizeof out);
        CHECK_INT(out, 81);
    }
    CHECK_INT(tutti_future_done(f), 1);
    long long wrong;
    CHECK_INT(tutti_future_take(f, &wrong, sizeof wrong), -EMSGSIZE);
    CHECK_HAS(tutti_why(), "4 bytes, not 8");
    out = 0;
    CHECK_INT(square_take(f, &out), 0);
    CHECK_INT(out, 81);
    CHECK_INT(tutti_future_done(f), -ESTALE);
    CHECK_INT(tutti_future_await(f, &b), -ESTALE);
    CHECK(b.data == NULL && b.size == 0);
    CHECK_INT(square_take(f, &out), -ESTALE);
    CHECK_INT(tutti_future_fulfil(f, 0, b), -ESTALE);
    tutti_future_release(f);
    tutti_future_cancel(f);
    CHECK_INT(tutti_future_await(none, NULL), -EINVAL);
    CHECK_INT(tutti_future_done(none), -EINVAL);
    CHECK_INT(tutti_future_fulfil(none, 0, b), -EINVAL);
    tutti_outcome o = { .size = sizeof o };
    CHECK_INT(tutti_future_outcome(none, &o), -EINVAL);
    tutti_future_release(none);
    tutti_future_cancel(none);
    CHECK_INT(square_submit(&s, &in, &f), 0);
    int rc = tutti_future_fulfil(f, 0, b);
    CHECK(rc == -EINVAL || rc == -EALREADY); /* a task will end it, or has */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_future_done(f), -ESTALE);
    CHECK_INT(tutti_future_await(f, NULL), -ESTALE);
    CHECK_INT(tutti_executor_close(ex), 0);
}

struct awaiter {
    tutti_future f;
    int want;
    atomic_int *seen;
};

static int await_it(void *arg)
{
    struct awaiter *a = arg;
    tutti_bytes b;
    CHECK_INT(tutti_future_await(a->f, &b), 0);
    CHECK_INT(*(const int *)b.data, a->want);
    atomic_fetch_add(a->seen, 1);
    return 0;
}

static void *thread_awaits(void *arg)
{
    await_it(arg);
    return NULL;
}

ON_URLS(any_number_of_tasks_and_threads_await_one_future)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int seen = 0;
    struct awaiter a = { .want = 77, .seen = &seen };
    pthread_t thread[4];
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_promise(&s, &a.f), 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, thread_awaits, &a), 0);
    for (int i = 0; i < 50; i++)
        CHECK_INT(tutti_go(&s, await_it, &a), 0);
    for (int i = 0; i < 20; i++)
        tutti_yield();
    CHECK_INT(seen, 0);
    CHECK_INT(tutti_future_done(a.f), 0);
    CHECK_INT(tutti_future_fulfil(a.f, 0, (tutti_bytes){ &a.want, sizeof a.want }), 0);
    CHECK_INT(tutti_future_await(a.f, NULL), 0);
    urls_until(&seen, 54);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- whose failure -------------------------------------------------------- */

ON_URLS(a_failure_is_the_futures_unless_nobody_looked)
{
    tutti_executor *ex = urls_open(url);
    int bad = -3, out;
    for (int how = 0; how < 5; how++) {
        tutti_scope s;
        tutti_future f;
        tutti_outcome o = { .size = sizeof o };
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(square_submit(&s, &bad, &f), 0);
        if (how == 1) {
            CHECK_INT(tutti_future_await(f, NULL), -EDOM);
            CHECK_STR(tutti_why(), "-3 is negative");
        } else if (how == 2) {
            CHECK_INT(square_take(f, &out), -EDOM);
            CHECK_INT(tutti_future_done(f), -ESTALE);
        } else if (how == 3) {
            tutti_future_release(f);
        } else if (how == 4) {
            while (!tutti_future_done(f))
                tutti_yield();
            CHECK_INT(tutti_future_outcome(f, &o), 0);
            CHECK_INT(o.end, TUTTI_FAILED);
            CHECK_INT(o.code, -EDOM);
            CHECK_STR(o.task, "future_test.square");
            CHECK_STR(o.words, "-3 is negative");
            CHECK_INT(o.runs, 1);
            CHECK_INT((long long)o.index, 0);
        }
        CHECK_INT(tutti_check(), 0); /* it cancels nobody */
        CHECK_INT(tutti_scope_close(&s), how ? 0 : -EDOM);
        if (!how)
            CHECK_STR(tutti_why(), "-3 is negative");
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(an_await_that_is_cut_leaves_the_future_pending)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s, inner;
    tutti_future f;
    tutti_outcome o = { .size = sizeof o };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_spawn(&s, never, NULL, NULL, &f), 0);
    tutti_scope_open(&inner, ex, tutti_after(10 * TUTTI_MS), 0);
    CHECK_INT(tutti_future_await(f, NULL), -ETIMEDOUT);
    CHECK_INT(tutti_future_done(f), 0);
    CHECK_INT(tutti_future_outcome(f, &o), 0);
    CHECK_INT(o.end, TUTTI_PENDING);
    CHECK_INT(tutti_scope_close(&inner), -ETIMEDOUT);
    tutti_future_cancel(f);
    CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- as completed --------------------------------------------------------- */

ON_URLS(next_gives_each_once_as_they_finish)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future p[3], f, left_out;
    int in = 5;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_scope_next(&s, &f), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_promise(&s, &p[i]), 0);
    CHECK_INT(square_submit(&s, &in, &left_out), 0);
    CHECK_INT(tutti_future_await(left_out, NULL), 0);
    tutti_future_release(left_out);
    static const int order[] = { 2, 0, 1 };
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_future_fulfil(p[order[i]], 10 + order[i], (tutti_bytes){ 0 }), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_scope_next(&s, &f), 1);
        CHECK_INT(tutti_future_await(f, NULL), 10 + order[i]);
    }
    CHECK_INT(tutti_scope_next(&s, &f), 0);
    CHECK_INT(tutti_scope_next(NULL, &f), -EINVAL);
    int seen[200] = { 0 };
    for (intptr_t i = 0; i < 200; i++)
        CHECK_INT(tutti_spawn(&s, give, (void *)i, NULL, &f), 0);
    for (int i = 0; i < 200; i++) {
        CHECK_INT(tutti_scope_next(&s, &f), 1);
        int n = tutti_future_await(f, NULL);
        CHECK(n >= 0 && n < 200 && !seen[n]++);
        if (i & 1)
            tutti_future_release(f);
    }
    CHECK_INT(tutti_scope_next(&s, &f), 0);
    CHECK_INT(tutti_promise(&s, &p[0]), 0); /* a task would be cut, finish and be next */
    tutti_scope_expire(&s, tutti_after(5 * TUTTI_MS));
    tutti_fail(-1, "of before");
    CHECK_INT(tutti_scope_next(&s, &f), -ETIMEDOUT);
    CHECK_STR(tutti_why(), tutti_strerror(-ETIMEDOUT));
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(next_goes_on_when_the_last_pending_one_is_released)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future f, g;
    tutti_scope_open(&s, ex, tutti_after(10 * TUTTI_SEC), 0);
    CHECK_INT(tutti_spawn(&s, give, (void *)1, NULL, &f), 0);
    tutti_future_release(f);
    CHECK_INT(tutti_scope_next(&s, &g), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- results of any size -------------------------------------------------- */

static int spell(tutti_bytes in, tutti_out *out);
TUTTI_TASK_BYTES(spell, "future_test.spell");
static int spell(tutti_bytes in, tutti_out *out)
{
    const unsigned char *text = in.data;
    if (!in.size)
        return tutti_put(out, NULL, 0);
    for (size_t i = 0; i < in.size; i++) {
        uint64_t *word = tutti_reserve(out, 8);
        if (!word || *word || (uintptr_t)word % 16)
            return -ENOMEM;
        *word = text[i];
        if (tutti_put(out, "=", 1) < 0)
            return -ENOMEM;
    }
    return (int)in.size;
}

ON_URLS(results_grow_as_they_are_written)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    static unsigned char text[5000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(i * 7);
    static const size_t sizes[] = { 0, 1, 2, 63, 64, 65, 5000 };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        tutti_future f;
        tutti_bytes b, in = { text, sizes[k] };
        CHECK_INT(tutti_submit(&s, &spell_task, in, &f), 0);
        CHECK_INT(tutti_future_await(f, &b), (int)sizes[k]);
        CHECK_INT((long long)b.size, sizes[k] ? (long long)(sizes[k] - 1) * 16 + 9 : 0);
        for (size_t i = 0; i < sizes[k]; i++) {
            CHECK_INT((long long)*(const uint64_t *)((const char *)b.data + 16 * i), text[i]);
            CHECK(((const char *)b.data)[16 * i + 8] == '=');
        }
        tutti_future_release(f);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int lies(tutti_bytes in, tutti_out *out)
{
    (void)in;
    return tutti_put(out, "12", 2);
}

ON_URLS(sizes_that_do_not_fit_are_refused)
{
    tutti_executor *ex = urls_open(url);
    static tutti_task liar = { .size = sizeof liar, .name = "future_test.liar", .run = lies,
                               .in_size = 4, .out_size = 4 };
    static tutti_task absent = { .size = sizeof absent, .name = "future_test.absent" };
    tutti_scope s;
    tutti_future f;
    int in = 1;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_submit(&s, &liar, (tutti_bytes){ &in, 3 }, &f), -EINVAL);
    CHECK_HAS(tutti_why(), "future_test.liar takes 4 bytes, not 3");
    CHECK_INT(tutti_future_await(f, NULL), -EINVAL);
    CHECK_INT(tutti_submit(&s, &liar, (tutti_bytes){ NULL, 4 }, NULL), -EINVAL);
    CHECK_INT(tutti_submit(&s, &absent, (tutti_bytes){ 0 }, &f), -TUTTI_ENOTASK);
    CHECK_HAS(tutti_why(), "future_test.absent");
    CHECK_INT(tutti_future_await(f, NULL), -TUTTI_ENOTASK);
    CHECK_INT(tutti_submit(&s, NULL, (tutti_bytes){ 0 }, &f), -EINVAL);
    tutti_future_release(f);
    CHECK_INT(tutti_submit(&s, &liar, (tutti_bytes){ &in, 4 }, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), -EMSGSIZE);
    CHECK_HAS(tutti_why(), "gave 2 bytes, not 4");
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_submit(&s, &liar, (tutti_bytes){ &in, 4 }, &f), -EINVAL);
    CHECK_INT(tutti_future_await(f, NULL), -EINVAL);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- batches -------------------------------------------------------------- */

ON_URLS(a_batch_runs_all_and_codes_tell_of_each)
{
    tutti_executor *ex = urls_open(url);
    enum { N = 50 };
    int in[N], out[N], codes[N];
    tutti_scope s;
    tutti_future f;
    tutti_batch b = { in, out, codes, N };
    for (int i = 0; i < N; i++)
        in[i] = i % 10 == 3 ? -i : i;
    memset(out, -1, sizeof out);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_submit_batch(&s, &square_task, &b, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), 5);
    for (int i = 0; i < N; i++) {
        CHECK_INT(codes[i], i % 10 == 3 ? -EDOM : 0);
        if (i % 10 != 3)
            CHECK_INT(out[i], i * i);
    }
    b.codes = NULL;
    CHECK_INT(tutti_submit_batch(&s, &square_task, &b, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), -EDOM);
    CHECK_STR(tutti_why(), "-3 is negative");
    b.n = 0;
    CHECK_INT(tutti_submit_batch(&s, &square_task, &b, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), 0);
    CHECK_INT(tutti_submit_batch(&s, &spell_task, &b, &f), -EINVAL);
    tutti_future_release(f);
    CHECK_INT(tutti_submit_batch(&s, &square_task, NULL, &f), -EINVAL);
    tutti_future_release(f);
    CHECK_INT(tutti_submit_batch(&s, &square_task, &b, NULL), -EINVAL);
    CHECK_INT(tutti_scope_close(&s), 0);
    b = (tutti_batch){ in, out, codes, N };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_submit_batch(&s, &square_task, &b, &f), 0);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    for (int i = 0; i < N; i++)
        CHECK(codes[i] == 0 || codes[i] == -EDOM || codes[i] == -ECANCELED);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
