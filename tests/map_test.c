/* tests/map_test.c - tutti_map, over every executor, called from a plain thread and from a
 * task. */
#include "patterns_tasks.h"

/* Each waits until all have come: only if all run at once does it end. */
enum { TOGETHER = 200 };
static tutti_barrier together;

/* --- map -------------------------------------------------------------------- */

static void map_equal(tutti_scope *s)
{
    static const size_t sizes[] = { 0, 1, 2, 33, 1000, 30000 };
    for (int k = 0; k < 12; k++) {
        size_t n = sizes[k / 2];
        struct item *in = items_make(n, 10, k % 2);
        uint64_t *out = calloc(n + 1, sizeof *out);
        CHECK_INT(tutti_map(s, &twice_task, in, out, n, NULL), 0);
        for (size_t i = 0; i < n; i++)
            CHECK_INT(out[i], i * 20);
        free(in);
        free(out);
    }
}
TEST(map_puts_each_result_at_its_place)
{
    everywhere(map_equal);
}

static void map_codes(tutti_scope *s)
{
    for (size_t n = 1; n <= 3000; n = n * 3 + 8) {
        struct item *in = items_make(n, 1, n < 500);
        uint64_t *out = calloc(n, sizeof *out);
        int *codes = calloc(n, sizeof *codes);
        CHECK_INT(tutti_map(s, &twice_task, in, out, n, codes), (long long)(n / 10));
        for (size_t i = 0; i < n; i++) {
            CHECK_INT(codes[i], i % 10 == 9 ? -EDOM : (int)(i % 10));
            if (i % 10 != 9)
                CHECK_INT(out[i], i * 2);
        }
        if (n >= 10) {
            CHECK_INT(tutti_map(s, &twice_task, in, out, n, NULL), -EDOM);
            CHECK_HAS(tutti_why(), "item ");
        }
        free(in);
        free(out);
        free(codes);
    }
}
TEST(map_keeps_going_with_codes_and_fails_fast_without)
{
    everywhere(map_codes);
}

TUTTI_TASK(meet_item, "test.meet", tutti_none, tutti_none);
static int meet_item(const tutti_none *in, tutti_none *out)
{
    (void)in;
    (void)out;
    int rc = tutti_barrier_wait(&together);
    return rc < 0 ? rc : 0;
}
static void map_overlaps(tutti_scope *s)
{
    static tutti_none in[TOGETHER], out[TOGETHER];
    tutti_barrier_init(&together, TOGETHER);
    CHECK_INT(tutti_map(s, &meet_item_task, in, out, TOGETHER, NULL), 0);
}
TEST(map_overlaps_items_that_wait)
{
    everywhere(map_overlaps);
}

static void map_cancelled(tutti_scope *outer)
{
    struct item *in = items_make(100, 1, 0);
    uint64_t out[100];
    int codes[100];
    waiting = 0;
    TUTTI_SCOPE(helpers, tutti_scope_executor(outer), TUTTI_NEVER, 0);
    TUTTI_SCOPE(s, tutti_scope_executor(outer), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&helpers, cancel_when_8_wait, &s), 0);
    CHECK_INT(tutti_map(&s, &for_ever_task, in, out, 100, codes), -ECANCELED);
    CHECK_INT(waiting, 0);
    for (int i = 0; i < 100; i++)
        CHECK_INT(codes[i], -ECANCELED);
    CHECK_INT(tutti_map(&s, &for_ever_task, in, out, 100, codes), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_scope_close(&helpers), 0);
    free(in);
}
TEST(map_is_cut_off_with_its_scope)
{
    everywhere(map_cancelled);
}

static void map_late(tutti_scope *outer)
{
    struct item *in = items_make(100, 1, 0);
    uint64_t out[100];
    waiting = 0;
    TUTTI_SCOPE(s, tutti_scope_executor(outer), tutti_after(20 * TUTTI_MS), 0);
    CHECK_INT(tutti_map(&s, &for_ever_task, in, out, 100, NULL), -ETIMEDOUT);
    CHECK_INT(waiting, 0);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    free(in);
}
TEST(map_ends_at_the_deadline)
{
    everywhere(map_late);
}

/* A failure cancels those that wait, although an earlier one would wait for ever. */
TUTTI_TASK(fail_or_wait, "test.fail_or_wait", struct item, uint64_t);
static int fail_or_wait(const struct item *in, uint64_t *out)
{
    (void)out;
    if (in->i == 20)
        return tutti_fail(-EBADF, "the twentieth");
    return tutti_event_wait(&never);
}
static void map_first_failure(tutti_scope *s)
{
    struct item *in = items_make(40, 1, 0);
    uint64_t out[40];
    CHECK_INT(tutti_map(s, &fail_or_wait_task, in, out, 40, NULL), -EBADF);
    CHECK_STR(tutti_why(), "the twentieth");
    free(in);
}
TEST(map_does_not_wait_for_others_once_one_failed)
{
    everywhere(map_first_failure);
}

TEST_MAIN
