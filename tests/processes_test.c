/* tests/processes_test.c - processes://: the same tasks give the same answers, in other
 * processes; closures stay at home; what goes there and back may have any size. */
#include "processes.h"
#include <tutti/patterns.h>

TUTTI_TASK(triple, "processes.triple", int, long);
static int triple(const int *in, long *out)
{
    *out = *in * 3L;
    return 0;
}

TUTTI_TASK(who, "processes.who", tutti_none, int);
static int who(const tutti_none *in, int *out)
{
    (void)in;
    *out = getpid();
    return 0;
}

TUTTI_TASK_BYTES(twice, "processes.twice");
static int twice(tutti_bytes in, tutti_out *out)
{
    if (tutti_put(out, in.data, in.size) < 0 || tutti_put(out, in.data, in.size) < 0)
        return -ENOMEM;
    return 7;
}

struct wide {
    unsigned char at[10000];
};
TUTTI_TASK(widen, "processes.widen", struct wide, struct wide);
static int widen(const struct wide *in, struct wide *out)
{
    for (size_t i = 0; i < sizeof in->at; i++)
        out->at[i] = (unsigned char)(in->at[i] + 1);
    return 0;
}

TUTTI_TASK(fails, "processes.fails", int, int);
static int fails(const int *in, int *out)
{
    *out = *in;
    return *in < 0 ? tutti_fail(-EDOM, "%d is negative", *in) : 0;
}

static tutti_executor *open_two(void)
{
    return processes_open_bounded("processes://2");
}

TEST(a_task_runs_in_another_process_and_a_closure_at_home)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_none none = { 0 };
    int pid = 0;
    CHECK_STR(tutti_executor_url(ex), "processes://2");
    CHECK_INT(tutti_executor_workers(ex), 2);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(who_call(&s, &none, &pid), 0);
    CHECK(pid > 0 && pid != getpid());
    int here = 0;
    CHECK_INT(tutti_go(&s, processes_pid, &here), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(here, getpid());
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_INT(kill(pid, 0) < 0 && errno == ESRCH, 1);
}

TEST(many_tasks_each_with_its_own_answer)
{
    enum { N = 3000 };
    static tutti_future f[N];
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < N; i++)
        CHECK_INT(triple_submit(&s, &i, &f[i]), 0);
    for (int i = 0; i < N; i++) {
        long out = 0;
        CHECK_INT(triple_take(f[i], &out), 0);
        CHECK_INT(out, i * 3L);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* From nothing to more than fits into a slot, beside it, and into a pipe. */
TEST(bytes_of_any_size_there_and_back)
{
    static const size_t sizes[] = { 0, 1, 64, 65, 4000, 4096, 4097, 100000, 3000000 };
    tutti_executor *ex = open_two();
    unsigned seed = check_seed();
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (size_t k = 0; k < 3 * sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k % (sizeof sizes / sizeof *sizes)];
        unsigned char *in = malloc(n + 1);
        tutti_future f;
        tutti_bytes out;
        for (size_t i = 0; i < n; i++)
            in[i] = (unsigned char)check_random(&seed);
        CHECK_INT(tutti_submit(&s, &twice_task, (tutti_bytes){ in, n }, &f), 0);
        CHECK_INT(tutti_future_await(f, &out), 7);
        CHECK_INT(out.size, 2 * n);
        CHECK(!memcmp(out.data, in, n));
        CHECK(!memcmp((const char *)out.data + n, in, n));
        free(in);
        if (k % 2)
            tutti_future_release(f);
    }
    struct wide wide = { { 4, 5, 6 } }, wider;
    CHECK_INT(widen_call(&s, &wide, &wider), 0);
    CHECK(wider.at[0] == 5 && wider.at[2] == 7 && wider.at[9999] == 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_failure_comes_home_with_its_words)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    int in = -4, out = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(fails_call(&s, &in, &out), -EDOM);
    CHECK_STR(tutti_why(), "-4 is negative");
    CHECK_INT(fails_submit(&s, &in, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), -EDOM);
    CHECK_STR(tutti_why(), "-4 is negative");
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_map_with_failures_tells_each_its_code)
{
    enum { N = 500 };
    static int in[N], out[N], codes[N];
    tutti_executor *ex = open_two();
    tutti_scope s;
    for (int i = 0; i < N; i++)
        in[i] = i % 7 == 3 ? -i : i;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    int failures = 0;
    int rc = tutti_map(&s, &fails_task, in, out, N, codes);
    for (int i = 0; i < N; i++) {
        failures += i % 7 == 3;
        CHECK_INT(codes[i], i % 7 == 3 ? -EDOM : 0);
        if (codes[i] == 0)
            CHECK_INT(out[i], i);
    }
    CHECK_INT(rc, failures);
    CHECK_INT(tutti_map(&s, &fails_task, in, out, N, NULL), -EDOM);
    CHECK_INT(tutti_map(&s, &fails_task, in, out, 0, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- shared items ----------------------------------------------------------- */

struct part {
    tutti_ref part, to;
};
TUTTI_TASK_RANGE(sum, "processes.sum", struct part, double);
static int sum(const struct part *in, double *out)
{
    const double *at = tutti_ref_view(&in->part);
    if (!at)
        return tutti_fail(-EFAULT, "nothing to see");
    for (uint64_t i = 0; i < in->part.count; i++)
        *out += at[i];
    return 0;
}
TUTTI_TASK_RANGE(halve, "processes.halve", struct part, tutti_none);
static int halve(const struct part *in, tutti_none *none)
{
    const double *from = tutti_ref_view(&in->part);
    tutti_ref slice = tutti_ref_slice(in->to, in->part.from, in->part.count);
    double *to = tutti_ref_edit(&slice);
    (void)none;
    if (!from || !to || tutti_ref_edit(&in->part))
        return tutti_fail(-EFAULT, "a ref is not what it should be");
    for (uint64_t i = 0; i < in->part.count; i++)
        to[i] = from[i] / 2;
    return 0;
}
static void add(void *ctx, void *acc, const void *part)
{
    (void)ctx;
    *(double *)acc += *(const double *)part;
}
static double sum_on(const char *url)
{
    enum { N = 100000 };
    tutti_executor *ex = processes_open_bounded(url);
    tutti_scope s;
    struct part in;
    double total = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    double *from = tutti_share(&s, N, sizeof *from, TUTTI_READ, &in.part);
    double *to = tutti_share(&s, N, sizeof *to, TUTTI_WRITE, &in.to);
    CHECK(from && to && to[N - 1] == 0);
    for (int i = 0; i < N; i++)
        from[i] = 1.0 / (i + 3);
    tutti_bytes bytes = { &in, sizeof in };
    CHECK_INT(tutti_for(&s, &halve_task, bytes, 999), 0);
    for (int i = 0; i < N; i++)
        CHECK(to[i] == from[i] / 2);
    CHECK_INT(tutti_reduce(&s, &sum_task, bytes, 0, add, NULL, &total), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK(tutti_ref_view(&in.part) == NULL);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK(tutti_ref_view(&in.part) == NULL);
    return total;
}

TEST(shared_items_are_seen_and_the_sum_has_the_same_bits)
{
    CHECK(sum_on("processes://2") == sum_on("threads://2"));
}

TEST(what_was_shared_and_freed_is_zero_when_shared_again)
{
    tutti_executor *ex = open_two();
    for (int round = 0; round < 4; round++) {
        tutti_scope s;
        tutti_ref ref;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        unsigned char *at = tutti_share(&s, 50000, 1, round & 1, &ref);
        for (int i = 0; i < 50000; i++)
            CHECK_INT(at[i], 0);
        memset(at, 0xee, 50000);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(an_arena_that_is_full_is_an_error)
{
    tutti_executor *ex = processes_open_bounded("processes://1?arena=1m");
    tutti_scope s;
    tutti_ref ref;
    tutti_future f;
    static char big[2 << 20];
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK(!tutti_share(&s, 2 << 20, 1, TUTTI_READ, &ref));
    CHECK_INT(tutti_submit(&s, &twice_task, (tutti_bytes){ big, sizeof big }, &f), -ENOMEM);
    CHECK_INT(tutti_future_await(f, NULL), -ENOMEM);
    CHECK_HAS(tutti_why(), "arena");
    CHECK_INT(tutti_submit(&s, &twice_task, (tutti_bytes){ big, 700000 }, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), -ENOMEM);
    CHECK_HAS(tutti_why(), "arena");
    CHECK_INT(tutti_submit(&s, &twice_task, (tutti_bytes){ big, 100000 }, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), 7);
    CHECK_INT(tutti_scope_close(&s), -ENOMEM);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- inside a task ------------------------------------------------------------ */

static int add_one(void *arg)
{
    ++*(int *)arg;
    return 0;
}
TUTTI_TASK(inner, "processes.inner", int, int);
static int inner(const int *in, int *out)
{
    tutti_scope s;
    int n[3] = { *in, *in, *in };
    if (strcmp(tutti_task_name(), "processes.inner"))
        return -EPROTO;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 3; i++)
        tutti_go(&s, add_one, &n[i]);
    int rc = tutti_scope_close(&s);
    *out = n[0] + n[1] + n[2];
    return rc;
}
TUTTI_TASK(nested, "processes.nested", tutti_none, int);
static int nested(const tutti_none *in, int *out)
{
    tutti_executor *ex;
    (void)in;
    int rc = tutti_executor_open(&ex, "processes://1");
    *out = rc;
    return rc < 0 ? rc : tutti_executor_close(ex);
}

TEST(a_task_may_start_others_where_it_is)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    int in = 5, out = 0;
    tutti_none none = { 0 };
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(inner_call(&s, &in, &out), 0);
    CHECK_INT(out, 18);
    CHECK_INT(nested_call(&s, &none, &out), -EPERM);
    CHECK_HAS(tutti_why(), "inside a worker process");
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- bad input ----------------------------------------------------------------- */

static tutti_task stranger = { sizeof stranger, 0, "processes.stranger", triple_run,
                               sizeof(int), sizeof(long), NULL, NULL, NULL, { 0, 0, 0, 0 } };

TEST(a_task_nobody_knows_or_of_another_size_is_refused)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_future f;
    int in = 1;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_submit(&s, &stranger, (tutti_bytes){ &in, sizeof in }, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), -TUTTI_ENOTASK);
    CHECK_HAS(tutti_why(), "processes.stranger");
    CHECK_INT(tutti_submit(&s, &triple_task, (tutti_bytes){ &in, 3 }, &f), -EINVAL);
    CHECK_INT(tutti_scope_close(&s), -EINVAL);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(bad_options_are_named)
{
    tutti_executor *ex;
    CHECK_INT(tutti_executor_open(&ex, "processes://2?inner=processes://2"), -EINVAL);
    CHECK_HAS(tutti_why(), "processes://2");
    CHECK_INT(tutti_executor_open(&ex, "processes://2?lock=interpreter"), -EINVAL);
    CHECK_HAS(tutti_why(), "lock");
    CHECK_INT(tutti_executor_open(&ex, "processes://9999"), -EINVAL);
    CHECK_INT(tutti_executor_open(&ex, "processes://2?arena=12x"), -EINVAL);
    CHECK_HAS(tutti_why(), "arena");
    CHECK_INT(tutti_executor_open(&ex, "processes://2?output=loud"), -EINVAL);
    CHECK_HAS(tutti_why(), "loud");
}

TEST_MAIN
