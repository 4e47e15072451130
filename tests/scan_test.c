/* scan_test.c - tutti_scan (src/patterns/scan.c) beside a plain loop; joins that do not
 * commute, rounding, and everything in place, too. */
#include "urls.h"
#include <stdbool.h>
#include <tutti/patterns.h>

/* x -> a x + b modulo 2^64; one after the other, in that order. */
struct map {
    uint64_t a, b;
};
static void then(void *ctx, void *acc, const void *item)
{
    struct map *f = acc;
    const struct map *g = item;
    if (ctx)
        atomic_fetch_add((atomic_int *)ctx, 1);
    *f = (struct map){ g->a * f->a, g->a * f->b + g->b };
}
static const struct map start = { 3, 5 };

static void fill(struct map *items, size_t n)
{
    unsigned state = check_seed();
    for (size_t i = 0; i < n; i++)
        items[i] = (struct map){ check_random(&state), check_random(&state) };
}
static void expect(const struct map *in, struct map *out, size_t n, bool exclusive,
                   const struct map *first)
{
    struct map acc = first ? *first : in[0];
    for (size_t i = 0; i < n; i++) {
        if (exclusive)
            out[i] = acc;
        if (first || i)
            then(NULL, &acc, &in[i]);
        if (!exclusive)
            out[i] = acc;
    }
}

static void scan_once(tutti_executor *ex, size_t n, uint64_t grain, bool exclusive,
                      const struct map *first, bool in_place)
{
    struct map *in = calloc(n + 1, sizeof *in), *want = calloc(n + 1, sizeof *want);
    struct map *out = in_place ? in : calloc(n + 1, sizeof *out);
    fill(in, n);
    if (n)
        expect(in, want, n, exclusive, first);
    struct map behind = out[n];
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_scan(&s, in, out, n, sizeof *in, grain, then, NULL, first,
                         exclusive ? TUTTI_SCAN_EXCLUSIVE : 0), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK(!memcmp(out, want, n * sizeof *out));
    CHECK(!memcmp(&behind, &out[n], sizeof behind));
    if (!in_place)
        free(out);
    free(in);
    free(want);
}

ON_URLS(each_item_is_all_before_it_in_order)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 511, 512, 513, 1000, 20000 };
    static const uint64_t grains[] = { 0, 1, 2, 7, 999, 1000, 1 << 20, UINT64_MAX };
    tutti_executor *ex = urls_open(url);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned g = 0; g < sizeof grains / sizeof *grains; g++)
            for (int in_place = 0; in_place < 2; in_place++) {
                scan_once(ex, sizes[i], grains[g], false, NULL, in_place);
                scan_once(ex, sizes[i], grains[g], false, &start, in_place);
                scan_once(ex, sizes[i], grains[g], true, &start, in_place);
            }
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- rounding ------------------------------------------------------------------------- */

static void add(void *ctx, void *acc, const void *item)
{
    (void)ctx;
    *(double *)acc += *(const double *)item;
}

enum { SUMS = 5000 };
/* By the rule that the header gives, for who wants the same bits without tutti. */
static void by_slices(const double *in, double *out, size_t slice)
{
    double before = 0;
    for (size_t from = 0; from < SUMS; from += slice) {
        size_t to = from + slice < SUMS ? from + slice : SUMS;
        double acc = before, sum = in[from];
        for (size_t i = from; i < to; i++) {
            acc = i ? acc + in[i] : in[i];
            out[i] = acc;
        }
        for (size_t i = from + 1; i < to; i++)
            sum += in[i];
        before = from ? before + sum : sum;
    }
}

ON_URLS(rounding_follows_from_count_and_grain_alone)
{
    static double in[SUMS], out[SUMS], want[SUMS], other[SUMS];
    static const uint64_t grains[] = { 0, 1, 10, 64, 4999, 5000 };
    unsigned state = check_seed();
    tutti_executor *ex = urls_open(url);
    for (int i = 0; i < SUMS; i++)
        in[i] = (double)check_random(&state) * 0x1p-20 + 1e-9;
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    for (unsigned g = 0; g < sizeof grains / sizeof *grains; g++) {
        by_slices(in, want, grains[g] ? grains[g] : 512);
        CHECK_INT(tutti_scan(&s, in, out, SUMS, sizeof *in, grains[g], add, NULL, NULL, 0),
                  0);
        CHECK(!memcmp(out, want, sizeof out));
    }
    by_slices(in, other, 5000);
    by_slices(in, want, 10);
    CHECK(memcmp(other, want, sizeof want)); /* or there was nothing to round */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- large items ------------------------------------------------------------------------ */

enum { WIDE = 100000 };
static void add_wide(void *ctx, void *acc, const void *item)
{
    unsigned char *a = acc;
    const unsigned char *b = item;
    (void)ctx;
    for (size_t i = 0; i < WIDE; i++)
        a[i] = (unsigned char)(a[i] + b[i]);
}
ON_URLS(items_may_be_large)
{
    enum { N = 40 };
    unsigned char *in = calloc(N, WIDE), *out = calloc(N, WIDE);
    tutti_executor *ex = urls_open(url);
    for (size_t i = 0; i < N; i++)
        memset(in + i * WIDE, (int)i, WIDE);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_scan(&s, in, out, N, WIDE, 3, add_wide, NULL, NULL, 0), 0);
    for (size_t i = 0; i < N; i++)
        CHECK(out[i * WIDE] == (unsigned char)(i * (i + 1) / 2)
              && out[(i + 1) * WIDE - 1] == out[i * WIDE]);
    CHECK_INT(tutti_scan(&s, in, in, N, WIDE, 3, add_wide, NULL, out, TUTTI_SCAN_EXCLUSIVE),
              0);
    CHECK_INT(in[(N - 1) * WIDE], (unsigned char)((N - 2) * (N - 1) / 2));
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    free(in);
    free(out);
}

/* --- cut off ------------------------------------------------------------------------------- */

static tutti_scope *cut_scope;
static atomic_int left;
static void then_cut(void *ctx, void *acc, const void *item)
{
    if (atomic_fetch_sub(&left, 1) == 0)
        tutti_scope_cancel(cut_scope);
    then(ctx, acc, item);
}
static void cut_once(tutti_executor *ex, int after)
{
    enum { N = 5000 };
    static struct map in[N], out[N], want[N];
    fill(in, N);
    expect(in, want, N, true, &start);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    cut_scope = &s;
    atomic_store(&left, after);
    int rc = tutti_scan(&s, in, out, N, sizeof *in, 50, then_cut, NULL, &start,
                        TUTTI_SCAN_EXCLUSIVE);
    CHECK(rc == 0 || rc == -ECANCELED);
    CHECK(rc < 0 || !memcmp(out, want, sizeof out));
    CHECK(after >= 0 || rc == -ECANCELED);
    tutti_scope_close(&s);
}
ON_URLS(a_scan_that_is_cut_off_says_so_or_is_whole)
{
    tutti_executor *ex = urls_open(url);
    for (int after = 1; after < 20000; after = after * 2 + 1)
        cut_once(ex, after);
    CHECK_INT(tutti_executor_close(ex), 0);
}
ON_URLS(in_a_scope_that_is_over_nothing_is_joined)
{
    static struct map in[5000], out[5000];
    atomic_int joins = 0;
    tutti_executor *ex = urls_open(url);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scan(&s, in, out, 5000, sizeof *in, 0, then, &joins, NULL, 0),
              -ECANCELED);
    CHECK_INT(atomic_load(&joins), 0);
    tutti_scope_close(&s);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- bad arguments ---------------------------------------------------------------------------- */

TEST(bad_arguments_are_told)
{
    struct map x[4] = { { 0, 0 } }, y[4];
    enum { SIZE = sizeof *x };
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_scan(&s, x, y, 4, SIZE, 0, NULL, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_scan(&s, NULL, y, 4, SIZE, 0, then, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_scan(&s, x, NULL, 4, SIZE, 0, then, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_scan(&s, x, y, 4, 0, 0, then, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_scan(&s, x, y, 4, SIZE, 0, then, NULL, NULL, 2), -EINVAL);
    CHECK_INT(tutti_scan(&s, x, y, 4, SIZE, 0, then, NULL, NULL, TUTTI_SCAN_EXCLUSIVE),
              -EINVAL);
    CHECK_INT(tutti_scan(&s, x, y, SIZE_MAX, SIZE, 0, then, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_scan(&s, x, x + 1, 3, SIZE, 0, then, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_scan(&s, x + 1, x, 3, SIZE, 0, then, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_scan(NULL, x, y, 4, SIZE, 0, then, NULL, NULL, 0), -EINVAL);
    CHECK(strstr(tutti_why(), "tutti_scan"));
    CHECK_INT(tutti_scan(&s, x, x + 2, 2, SIZE, 0, then, NULL, NULL, 0), 0);
    CHECK_INT(tutti_scan(&s, NULL, NULL, 0, SIZE, 0, then, NULL, NULL, 0), 0);
    CHECK_INT(tutti_scan(&s, NULL, NULL, 0, 0, 0, then, NULL, NULL, 0), 0);
}

TEST_MAIN
