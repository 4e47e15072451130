/* tests/patterns_test.c - the patterns over a range or an array: tutti_for and reduce, and
 * patterns within patterns.  Each body runs over every executor, called from a plain thread
 * and from a task.  Others: map_test.c, race_test.c, flow_test.c. */
#include "patterns_tasks.h"
#include <pthread.h>

/* --- for over numbers ------------------------------------------------------- */

struct marks {
    _Atomic unsigned char *at;
    _Atomic uint64_t total;
};

static int mark(void *ctx, uint64_t a, uint64_t b)
{
    struct marks *m = ctx;
    CHECK(a < b);
    for (uint64_t i = a; i < b; i++)
        m->at[i]++;
    m->total += b - a;
    return 0;
}

static void range_once(tutti_scope *s)
{
    static const uint64_t sizes[] = { 0, 1, 2, 7, 1000, 100003 }, grains[] = { 0, 1, 3,
                                                                               5000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof grains / sizeof *grains; k++) {
            uint64_t n = sizes[i];
            struct marks m = { calloc(n + 5, 1), 0 };
            CHECK_INT(tutti_for_range(s, 5, n + 5, grains[k], mark, &m), 0);
            CHECK_INT(m.total, n);
            for (uint64_t at = 0; at < n + 5; at++)
                CHECK_INT(m.at[at], at >= 5);
            free((void *)m.at);
        }
    CHECK_INT(tutti_for_range(s, 9, 3, 0, mark, NULL), 0);
}
TEST(for_range_does_each_number_once)
{
    everywhere(range_once);
}

static int add_length(void *ctx, uint64_t a, uint64_t b)
{
    *(_Atomic uint64_t *)ctx += b - a;
    return 0;
}
static void range_huge(tutti_scope *s)
{
    _Atomic uint64_t total = 0;
    CHECK_INT(tutti_for_range(s, 0, UINT64_MAX, UINT64_C(1) << 52, add_length, &total),
              0);
    CHECK(total == UINT64_MAX);
    total = 0;
    CHECK_INT(tutti_for_range(s, 10, UINT64_MAX, 0, add_length, &total), 0);
    CHECK(total == UINT64_MAX - 10);
}
TEST(for_range_takes_the_largest_range)
{
    everywhere(range_huge);
}

/* Exactly the slices that the grain says. */
static int slice_is_whole(void *ctx, uint64_t a, uint64_t b)
{
    (void)ctx;
    CHECK_INT(a % 10, 0);
    CHECK_INT(b, a + 10 < 1234 ? a + 10 : 1234);
    return 0;
}
static void range_grain(tutti_scope *s)
{
    CHECK_INT(tutti_for_range(s, 0, 1234, 10, slice_is_whole, NULL), 0);
}
TEST(for_range_keeps_to_a_given_grain)
{
    everywhere(range_grain);
}

/* Each waits until all have come: only if all run at once does it end. */
enum { TOGETHER = 200 };
static tutti_barrier together;
static int meet(void *ctx, uint64_t a, uint64_t b)
{
    (void)ctx;
    CHECK_INT(b - a, 1);
    int rc = tutti_barrier_wait(&together);
    return rc < 0 ? rc : 0;
}
static void range_overlaps(tutti_scope *s)
{
    tutti_barrier_init(&together, TOGETHER);
    CHECK_INT(tutti_for_range(s, 0, TOGETHER, 1, meet, NULL), 0);
}
TEST(for_range_overlaps_slices_that_wait)
{
    everywhere(range_overlaps);
}

static int fail_at_77(void *ctx, uint64_t a, uint64_t b)
{
    (void)ctx;
    return a <= 77 && 77 < b ? tutti_fail(-EIO, "number 77 of %d", 100) : 0;
}
static void range_fails(tutti_scope *s)
{
    for (uint64_t grain = 0; grain < 20; grain += 5) {
        CHECK_INT(tutti_for_range(s, 0, 100, grain, fail_at_77, NULL), -EIO);
        CHECK_HAS(tutti_why(), "number 77 of 100");
    }
}
TEST(for_range_gives_the_failure_and_its_words)
{
    everywhere(range_fails);
}

struct thread_seen {
    pthread_t caller;
    int others;
};
static int see_thread(void *ctx, uint64_t a, uint64_t b)
{
    struct thread_seen *seen = ctx;
    (void)a;
    (void)b;
    seen->others += !pthread_equal(seen->caller, pthread_self());
    return 0;
}
static uint64_t tasks_started(tutti_executor *ex)
{
    tutti_executor_stats stats = { .size = sizeof stats };
    CHECK_INT(tutti_executor_stat(ex, &stats), 0);
    return stats.started;
}
/* A machine with other work may stop the caller for so long that a slice looks
 * large, so that one of many tries has to do. */
TEST(a_small_region_costs_no_task)
{
    for (int u = 0; urls[u]; u++) {
        tutti_executor *ex;
        CHECK_INT(tutti_executor_open(&ex, urls[u]), 0);
        TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
        int good = 0;
        for (int i = 0; i < 1000 && !good; i++) {
            struct thread_seen seen = { pthread_self(), 0 };
            uint64_t before = tasks_started(ex);
            CHECK_INT(tutti_for_range(&s, 0, 40, 0, see_thread, &seen), 0);
            good = tasks_started(ex) == before && !seen.others;
        }
        CHECK(good);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

/* --- for over a ref --------------------------------------------------------- */

struct squares {
    tutti_ref part, out;
    uint64_t plus;
};
TUTTI_TASK_RANGE(squares, "test.squares", struct squares, tutti_none);
static int squares(const struct squares *in, tutti_none *unused)
{
    (void)unused;
    const uint32_t *from = tutti_ref_view(&in->part);
    tutti_ref slice = tutti_ref_slice(in->out, in->part.from, in->part.count);
    uint64_t *to = tutti_ref_edit(&slice);
    CHECK(from && to);
    shuffle(in->part.from);
    for (uint64_t i = 0; i < in->part.count; i++)
        to[i] += (uint64_t)from[i] * from[i] + in->plus;
    return 0;
}

static void for_squares(tutti_scope *outer)
{
    static const uint64_t sizes[] = { 0, 1, 3, 1000, 20000 }, grains[] = { 0, 1, 100 };
    for (int i = 0; i < 15; i++) {
        uint64_t n = sizes[i / 3], grain = grains[i % 3];
        TUTTI_SCOPE(s, tutti_scope_executor(outer), TUTTI_NEVER, 0);
        struct squares in = { .plus = 3 };
        uint32_t *from = tutti_share(&s, n, sizeof *from, TUTTI_READ, &in.part);
        uint64_t *to = tutti_share(&s, n, sizeof *to, TUTTI_WRITE, &in.out);
        for (uint64_t k = 0; k < n; k++)
            from[k] = (uint32_t)k * 7;
        CHECK_INT(tutti_for(&s, &squares_task, (tutti_bytes){ &in, sizeof in }, grain),
                  0);
        for (uint64_t k = 0; k < n; k++)
            CHECK_INT(to[k], k * 7 * k * 7 + 3);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
}
TEST(for_does_each_item_once)
{
    everywhere(for_squares);
}

struct spin {
    tutti_ref part;
};
static _Atomic uint64_t spin_ns;
TUTTI_TASK_RANGE(spin, "test.spin", struct spin, tutti_none);
static int spin(const struct spin *in, tutti_none *unused)
{
    (void)unused;
    tutti_time until = tutti_after((tutti_time)(spin_ns * in->part.count));
    while (tutti_now() < until)
        ;
    return 0;
}
TEST(for_keeps_what_it_measured)
{
    tutti_executor *ex;
    CHECK_INT(tutti_executor_open(&ex, "threads://2"), 0);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    struct spin in;
    tutti_bytes bytes = { &in, sizeof in };
    CHECK(tutti_share(&s, 5000, 1, TUTTI_READ, &in.part));
    spin_ns = 1000;
    CHECK_INT(tutti_for(&s, &spin_task, bytes, 0), 0); /* 5 ms: worth tasks */
    CHECK(spin_task.kept[0] != 0);
    CHECK(tasks_started(ex) > 0);
    in.part.count = 20; /* 20 us by what is kept: not worth any */
    int good = 0;
    for (int i = 0; i < 1000 && !good; i++) { /* as above */
        uint64_t before = tasks_started(ex);
        CHECK_INT(tutti_for(&s, &spin_task, bytes, 0), 0);
        good = tasks_started(ex) == before;
    }
    CHECK(good);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- reduce ----------------------------------------------------------------- */

struct add {
    tutti_ref part;
    int shuffled;
    uint64_t fail_at;
};
struct sum {
    double sum;
    uint64_t first, last, count;
};
TUTTI_TASK_RANGE(add, "test.add", struct add, struct sum);
static int add(const struct add *in, struct sum *out)
{
    const double *x = tutti_ref_view(&in->part);
    if (in->shuffled)
        shuffle(in->part.from);
    out->first = in->part.from;
    out->last = in->part.from + in->part.count;
    out->count = in->part.count;
    if (in->fail_at >= out->first && in->fail_at < out->last)
        return tutti_fail(-ERANGE, "item %d", (int)in->fail_at);
    for (uint64_t i = 0; i < in->part.count; i++)
        out->sum += x[i];
    return 0;
}
static void add_join(void *ctx, void *acc, const void *part)
{
    struct sum *all = acc;
    const struct sum *p = part;
    CHECK_INT(p->first, all->last); /* in the order of the slices */
    CHECK(pthread_equal(*(pthread_t *)ctx, pthread_self()));
    all->sum += p->sum;
    all->last = p->last;
    all->count += p->count;
}

static double add_serially(const double *x, uint64_t n, uint64_t grain)
{
    uint64_t slice = tutti_reduce_slice(n, grain);
    double all = 0;
    for (uint64_t from = 0; from < n; from += slice) {
        double sum = 0;
        for (uint64_t i = from; i < n && i < from + slice; i++)
            sum += x[i];
        all += sum;
    }
    return all;
}

static void reduce_bits(tutti_scope *outer)
{
    static const uint64_t sizes[] = { 0, 1, 2, 255, 256, 257, 511, 512, 1000, 50000 };
    static const uint64_t grains[] = { 0, 1, 7, 1000 };
    pthread_t self = pthread_self();
    unsigned state = check_seed() | 1u;
    for (int i = 0; i < 80; i++) {
        uint64_t n = sizes[i / 8], grain = grains[i / 2 % 4];
        TUTTI_SCOPE(s, tutti_scope_executor(outer), TUTTI_NEVER, 0);
        struct add in = { .shuffled = i % 2 && n <= 1000, .fail_at = UINT64_MAX };
        struct sum all = { 0 };
        double *x = tutti_share(&s, n, sizeof *x, TUTTI_READ, &in.part);
        for (uint64_t k = 0; k < n; k++)
            x[k] = (double)check_random(&state) / 7e5;
        CHECK_INT(tutti_reduce(&s, &add_task, (tutti_bytes){ &in, sizeof in }, grain,
                               add_join, &self, &all), 0);
        double want = add_serially(x, n, grain);
        CHECK(!memcmp(&all.sum, &want, sizeof want));
        CHECK_INT(all.count, n);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
}
TEST(reduce_gives_the_bits_of_the_serial_fold)
{
    everywhere(reduce_bits);
}

static void reduce_fails(tutti_scope *s)
{
    pthread_t self = pthread_self();
    for (uint64_t at = 0; at < 1000; at += 333) {
        struct add in = { .shuffled = 1, .fail_at = at };
        struct sum all = { 0 };
        CHECK(tutti_share(s, 1000, sizeof(double), TUTTI_READ, &in.part));
        CHECK_INT(tutti_reduce(s, &add_task, (tutti_bytes){ &in, sizeof in }, 0,
                               add_join,
                               &self, &all), -ERANGE);
        char words[32];
        snprintf(words, sizeof words, "item %d", (int)at);
        CHECK_HAS(tutti_why(), words);
        CHECK(all.last <= at);
    }
}
TEST(reduce_gives_the_failure_and_its_words)
{
    everywhere(reduce_fails);
}

static void reduce_misused(tutti_scope *s)
{
    struct add in = { .shuffled = 0 };
    struct sum all = { 0 };
    CHECK_INT(tutti_reduce(s, &add_task, (tutti_bytes){ &in, 8 }, 0, add_join, NULL,
                           &all),
              -EINVAL);
    CHECK_HAS(tutti_why(), "test.add");
    CHECK_INT(tutti_reduce(s, NULL, (tutti_bytes){ &in, sizeof in }, 0, add_join, NULL,
                           &all), -EINVAL);
    tutti_scope closed = { { 0 } };
    CHECK_INT(tutti_reduce(&closed, &add_task, (tutti_bytes){ &in, sizeof in }, 0,
                           add_join,
                           NULL, &all), -EINVAL);
}
TEST(misuse_is_einval)
{
    everywhere(reduce_misused);
}

/* --- nested ----------------------------------------------------------------- */

TUTTI_TASK(inner_sum, "test.inner_sum", struct item, double);
static int inner_sum(const struct item *in, double *out)
{
    pthread_t self = pthread_self();
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    struct add part = { .shuffled = 1, .fail_at = UINT64_MAX };
    struct sum all = { 0 };
    double *x = tutti_share(&s, 300, sizeof *x, TUTTI_READ, &part.part);
    for (int i = 0; i < 300; i++)
        x[i] = 1.0 / (double)(in->i + 1 + (uint64_t)i);
    int rc = tutti_reduce(&s, &add_task, (tutti_bytes){ &part, sizeof part }, 10,
                          add_join,
                          &self, &all);
    *out = all.sum;
    return rc;
}
static int nested_range(void *ctx, uint64_t a, uint64_t b)
{
    tutti_scope *s = ctx;
    for (uint64_t i = a; i < b; i++) {
        struct item in[5];
        double out[5];
        for (int k = 0; k < 5; k++)
            in[k] = (struct item){ i * 5 + (uint64_t)k, 0 };
        CHECK_INT(tutti_map(s, &inner_sum_task, in, out, 5, NULL), 0);
        for (int k = 0; k < 5; k++) {
            double x[300];
            for (int j = 0; j < 300; j++)
                x[j] = 1.0 / (double)(in[k].i + 1 + (uint64_t)j);
            CHECK(out[k] == add_serially(x, 300, 10));
        }
    }
    return 0;
}
static void nested(tutti_scope *s)
{
    CHECK_INT(tutti_for_range(s, 0, 12, 1, nested_range, s), 0);
}
TEST(patterns_nest_in_tasks)
{
    everywhere(nested);
}

/* --- all at once ------------------------------------------------------------ */

static int stress_one(void *arg)
{
    unsigned state = seed_of((uint64_t)(uintptr_t)arg);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int round = 0; round < 6; round++) {
        size_t n = check_random(&state) % 200 + 1;
        struct item *in = items_make(n, 1, 1);
        uint64_t out[200];
        int codes[200];
        switch (check_random(&state) % 4) {
        case 0:
            CHECK_INT(tutti_map(&s, &twice_task, in, out, n, codes),
                      (long long)(n / 10));
            break;
        case 1:
            CHECK_INT(tutti_map(&s, &twice_task, in, out, n, NULL), n < 10 ? 0 : -EDOM);
            break;
        case 2:
            CHECK(tutti_race(&s, &twice_task, in, n, out) >= 0);
            break;
        default:
            CHECK_INT(tutti_best(&s, &score_task, in, n, larger, NULL, out),
                      (long long)((n - 1) / 3 * 3));
        }
        free(in);
    }
    return tutti_scope_close(&s);
}
static void stress(tutti_scope *outer)
{
    TUTTI_SCOPE(s, tutti_scope_executor(outer), TUTTI_NEVER, 0);
    for (uintptr_t i = 0; i < 20; i++)
        CHECK_INT(tutti_go(&s, stress_one, (void *)i), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
}
TEST(many_at_once)
{
    everywhere(stress);
}

TEST_MAIN
