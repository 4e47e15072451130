/* tests/share_test.c - items that tasks reach by reference, and for how long. */
#include "urls.h"

struct part {
    tutti_ref part;
    int64_t factor;
};

static int sum(const struct part *in, int64_t *out);
TUTTI_TASK(sum, "share_test.sum", struct part, int64_t);
static int sum(const struct part *in, int64_t *out)
{
    const int *v = tutti_ref_view(&in->part);
    if (!v)
        return tutti_fail(-ESTALE, "no items");
    for (uint64_t i = 0; i < in->part.count; i++)
        *out += v[i] * in->factor;
    return 0;
}

static int fill(const struct part *in, tutti_none *out);
TUTTI_TASK(fill, "share_test.fill", struct part, tutti_none);
static int fill(const struct part *in, tutti_none *out)
{
    (void)out;
    int *v = tutti_ref_edit(&in->part);
    for (uint64_t i = 0; v && i < in->part.count; i++)
        v[i] = (int)(in->part.from + i);
    return v ? 0 : -EACCES;
}

ON_URLS(slices_reach_their_own_items)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_ref all, gone;
    tutti_future f[10];
    int64_t total = 0, one;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    int *v = tutti_share(&s, 1000, sizeof *v, TUTTI_WRITE, &all);
    CHECK(v != NULL);
    for (int i = 0; i < 1000; i++)
        CHECK_INT(v[i], 0);
    CHECK(tutti_ref_view(&all) == v && tutti_ref_edit(&all) == v);
    for (int i = 0; i < 10; i++) {
        struct part p = { tutti_ref_slice(all, (uint64_t)i * 100, 100), 1 };
        CHECK_INT(fill_submit(&s, &p, &f[i]), 0);
    }
    for (int i = 0; i < 10; i++)
        CHECK_INT(tutti_future_await(f[i], NULL), 0);
    for (int i = 0; i < 10; i++) {
        struct part p = { tutti_ref_slice(tutti_ref_slice(all, 500, 500), (uint64_t)i * 50,
                                          50), 2 };
        CHECK_INT(sum_call(&s, &p, &one), 0);
        total += one;
    }
    CHECK_INT(total, 2 * (500 + 999) * 500 / 2);
    gone = all;
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK(tutti_ref_view(&gone) == NULL);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK(tutti_share(&s, 10, 8, TUTTI_WRITE, &all) != NULL); /* takes the same place */
    CHECK(tutti_ref_view(&gone) == NULL);
    CHECK(tutti_ref_edit(&gone) == NULL);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(what_cannot_be_shared_fails_the_scope)
{
    tutti_executor *ex = urls_open(url);
    static const struct {
        uint64_t count;
        size_t item;
        unsigned flags;
        int code;
    } bad[] = { { 1, 0, 0, -EINVAL },
                { 1, (size_t)1 << 33, 0, -EINVAL },
                { 1, 8, 2, -EINVAL },
                { UINT64_MAX, 8, 0, -EOVERFLOW },
                { UINT64_MAX / 8, 8, 0, -EOVERFLOW },
                { UINT64_C(1) << 50, 1, 0, -ENOMEM } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tutti_scope s;
        tutti_ref r;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK(!tutti_share(&s, bad[i].count, bad[i].item, bad[i].flags, &r));
        CHECK(tutti_ref_view(&r) == NULL && tutti_ref_edit(&r) == NULL);
        CHECK_INT(tutti_check(), -ECANCELED);
        CHECK_INT(tutti_scope_close(&s), bad[i].code);
        CHECK_HAS(tutti_why(), "tutti_share");
        CHECK(!tutti_share(&s, 1, 1, 0, &r)); /* closed */
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(refs_that_are_wrong_find_nothing)
{
    tutti_executor *ex = urls_open("loop://");
    tutti_scope s;
    tutti_ref r, ro, bad, zero = { 0, 0, 0, 0, 0 };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK(tutti_share(&s, 10, 4, TUTTI_WRITE, &r) != NULL);
    CHECK(tutti_ref_view(&zero) == NULL);
    CHECK(tutti_ref_edit(&zero) == NULL);
    char *base = tutti_share(&s, 10, 4, TUTTI_READ, &ro);
    CHECK(base && tutti_ref_view(&ro) == base);
    CHECK(tutti_ref_edit(&ro) == NULL);
    bad = ro;
    bad.flags = TUTTI_WRITE; /* forged */
    CHECK(tutti_ref_edit(&bad) == NULL);
    bad = r;
    bad.count = 11;
    CHECK(tutti_ref_view(&bad) == NULL);
    bad = r;
    bad.from = 11;
    CHECK(tutti_ref_view(&bad) == NULL);
    bad.from = UINT64_MAX;
    CHECK(tutti_ref_view(&bad) == NULL);
    bad = tutti_ref_slice(ro, 3, 4);
    CHECK(tutti_ref_view(&bad) == base + 12);
    bad = tutti_ref_slice(ro, 20, 4);
    CHECK_INT((long long)bad.count, 0);
    bad = ro;
    bad.id ^= 5;
    CHECK(tutti_ref_view(&bad) == NULL);
    bad.id = UINT64_MAX - 1;
    CHECK(tutti_ref_view(&bad) == NULL);
    tutti_ref none;
    CHECK(tutti_share(&s, 0, 4, TUTTI_WRITE, &none) != NULL); /* of nothing, all the same */
    CHECK(tutti_ref_view(&none) != NULL);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(many_segments_at_once)
{
    tutti_executor *ex = urls_open("loop://");
    for (int round = 0; round < 3; round++) {
        tutti_scope s;
        static tutti_ref r[2000];
        static int *v[2000];
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < 2000; i++) {
            v[i] = tutti_share(&s, 1, sizeof(int), TUTTI_WRITE, &r[i]);
            CHECK(v[i] && *v[i] == 0);
            *v[i] = i;
        }
        for (int i = 0; i < 2000; i++)
            CHECK_INT(*(const int *)tutti_ref_view(&r[i]), i);
        CHECK_INT(tutti_scope_close(&s), 0);
        for (int i = 0; i < 2000; i++)
            CHECK(tutti_ref_view(&r[i]) == NULL);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
