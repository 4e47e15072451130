/* sort_test.c - tutti_sort (src/patterns/sort.c) beside qsort, on inputs that are hard for
 * one way of sorting or the other. */
#include "urls.h"
#include <stdbool.h>
#include <tutti/patterns.h>

struct item {
    int key, place;
    char more[5];
};
enum { KINDS = 6 };

static int by_key(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    const struct item *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}
static int key_of(int kind, unsigned *state, size_t i, size_t n)
{
    switch (kind) {
    case 0:
        return (int)(check_random(state) >> 1);
    case 1:
        return (int)i;
    case 2:
        return (int)(n - i);
    case 3:
        return 7;
    case 4:
        return (int)(check_random(state) % 3);
    default:
        return (int)(i < n / 2 ? i : n - i); /* up and down again */
    }
}
static void fill(struct item *items, size_t n, int kind, unsigned *state)
{
    memset(items, 0, n * sizeof *items);
    for (size_t i = 0; i < n; i++) {
        items[i].key = key_of(kind, state, i, n);
        items[i].place = (int)i;
    }
}
/* In order, and each item is there once, whole. */
static void check_sorted(const struct item *items, const struct item *was, size_t n,
                         bool in_order, bool stable)
{
    char *seen = calloc(n + 1, 1);
    for (size_t i = 0; i < n; i++) {
        CHECK(items[i].place >= 0 && (size_t)items[i].place < n);
        CHECK(!seen[items[i].place]);
        seen[items[i].place] = 1;
        CHECK(!memcmp(&items[i], &was[items[i].place], sizeof *was));
        if (i && in_order)
            CHECK(items[i - 1].key <= items[i].key);
        if (i && stable && items[i - 1].key == items[i].key)
            CHECK(items[i - 1].place < items[i].place);
    }
    free(seen);
}
static void sort_once(tutti_executor *ex, size_t n, int kind, unsigned flags)
{
    unsigned state = check_seed();
    struct item *items = calloc(n + 1, sizeof *items), *was = calloc(n + 1, sizeof *was);
    fill(items, n, kind, &state);
    memcpy(was, items, n * sizeof *items);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_sort(&s, items, n, sizeof *items, by_key, NULL, flags), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    check_sorted(items, was, n, true, flags);
    free(items);
    free(was);
}

ON_URLS(every_kind_of_input_is_sorted)
{
    static const size_t sizes[] = { 0, 1, 2, 16, 17, 256, 257, 1000, 20000 };
    tutti_executor *ex = urls_open(url);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int kind = 0; kind < KINDS; kind++)
            for (unsigned flags = 0; flags < 2; flags++)
                sort_once(ex, sizes[i], kind, flags);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* Cut off in the middle: no item is lost or doubled. */
static tutti_scope *cut_scope;
static atomic_int left;
static int by_key_cutting(void *ctx, const void *a, const void *b)
{
    if (atomic_fetch_sub(&left, 1) == 0)
        tutti_scope_cancel(cut_scope);
    return by_key(ctx, a, b);
}
static void cut_once(tutti_executor *ex, int after, unsigned flags)
{
    enum { N = 20000 };
    static struct item items[N], was[N];
    unsigned state = check_seed();
    fill(items, N, 0, &state);
    memcpy(was, items, sizeof items);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    cut_scope = &s;
    atomic_store(&left, after);
    int rc = tutti_sort(&s, items, N, sizeof *items, by_key_cutting, NULL, flags);
    CHECK(rc == 0 || rc == -ECANCELED);
    tutti_scope_close(&s);
    check_sorted(items, was, N, rc == 0, false);
}
ON_URLS(a_sort_that_is_cut_off_loses_nothing)
{
    tutti_executor *ex = urls_open(url);
    for (int after = 1; after < 300000; after = after * 3 + 1)
        for (unsigned flags = 0; flags < 2; flags++)
            cut_once(ex, after, flags);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- comparisons that are no order: what comes out is in some order, all of it, and nothing
 * beside it is read or written --- */

static int never_equal(void *ctx, const void *a, const void *b)
{
    return by_key(ctx, a, b) <= 0 ? -1 : 1; /* so each item is less than itself */
}
static atomic_uint asked;
static int says_anything(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    (void)a;
    (void)b;
    unsigned state = (atomic_fetch_add(&asked, 1) + 1) * 2654435761u | 1;
    return (int)(check_random(&state) % 3) - 1;
}
static void sort_misled(tutti_executor *ex, size_t n, unsigned flags,
                        int (*compare)(void *, const void *, const void *))
{
    enum { BESIDE = 64, MOST = 20000 };
    static struct item all[MOST + 2 * BESIDE], was[MOST], beside[BESIDE];
    for (int i = 0; i < BESIDE; i++)
        beside[i] = (struct item){ .key = 6, .place = -1 };
    memcpy(all, beside, sizeof beside);
    memcpy(all + BESIDE + n, beside, sizeof beside);
    unsigned state = check_seed();
    fill(all + BESIDE, n, 3, &state); /* all equal, and greater than what lies beside */
    memcpy(was, all + BESIDE, n * sizeof *was);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_sort(&s, all + BESIDE, n, sizeof *all, compare, NULL, flags), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    check_sorted(all + BESIDE, was, n, false, false);
    CHECK(!memcmp(all, beside, sizeof beside));
    CHECK(!memcmp(all + BESIDE + n, beside, sizeof beside));
}
ON_URLS(a_comparison_that_is_no_order_does_no_harm)
{
    static const size_t sizes[] = { 2, 17, 300, 5000, 20000 };
    tutti_executor *ex = urls_open(url);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned flags = 0; flags < 2; flags++) {
            sort_misled(ex, sizes[i], flags, never_equal);
            sort_misled(ex, sizes[i], flags, says_anything);
        }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(bad_arguments_are_told)
{
    int x = 0;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_sort(&s, &x, 1, 4, NULL, NULL, 0), -EINVAL);
    CHECK_INT(tutti_sort(&s, NULL, 1, 4, by_key, NULL, 0), -EINVAL);
    CHECK_INT(tutti_sort(&s, &x, 1, 4, by_key, NULL, 2), -EINVAL);
    CHECK_INT(tutti_sort(&s, &x, SIZE_MAX, 4, by_key, NULL, 0), -EINVAL);
    CHECK_INT(tutti_sort(NULL, &x, 1, 4, by_key, NULL, 0), -EINVAL);
    CHECK_INT(tutti_sort(&s, NULL, 0, 4, by_key, NULL, 0), 0);
}

TEST_MAIN
