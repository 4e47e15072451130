/* Every pattern with the n-th request for memory refused, for every n: it says
 * -ENOMEM, or gives its result all the same, and always ends. */
#include "base/memory.h"
#include "check.h"
#include <tutti/patterns.h>

struct part {
    tutti_ref part;
    char wide[600]; /* more than fits beside a hand of a crew */
};
TUTTI_TASK_RANGE(count, "fault.count", struct part, uint64_t);
static int count(const struct part *in, uint64_t *out)
{
    *out = in->part.count;
    return tutti_yield();
}
TUTTI_TASK(same, "fault.same", uint64_t, uint64_t);
static int same(const uint64_t *in, uint64_t *out)
{
    *out = *in;
    return tutti_yield();
}

static void add_up(void *ctx, void *acc, const void *part)
{
    (void)ctx;
    *(uint64_t *)acc += *(const uint64_t *)part;
}
static void add_one(void *ctx, void *acc, const void *item)
{
    (void)ctx;
    *(uint64_t *)acc += *(const uint64_t *)item;
}
static int larger(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    return *(const uint64_t *)a > *(const uint64_t *)b;
}

static uint64_t in[300], out[300];
static struct part whole;

static int do_reduce(tutti_scope *s)
{
    uint64_t sum = 0;
    count_task.kept[0] =
        UINT64_C(1) << 32 | 100000; /* an item takes 6 us: worth tasks */
    int rc = tutti_reduce(s, &count_task, (tutti_bytes){ &whole, sizeof whole }, 100,
                          add_up,
                          NULL, &sum);
    CHECK(rc < 0 || sum == 30000);
    return rc;
}
static int do_for(tutti_scope *s)
{
    return tutti_for(s, &count_task, (tutti_bytes){ &whole, sizeof whole }, 100);
}
static int do_scan(tutti_scope *s)
{
    uint64_t first = 7;
    memcpy(out, in, sizeof out);
    int rc = tutti_scan(s, out, out, 300, sizeof *in, 2, add_one, NULL, &first,
                        TUTTI_SCAN_EXCLUSIVE);
    CHECK(rc < 0 || (out[0] == 7 && out[299] == 7 + 298 * 299 / 2 * 3));
    return rc;
}
static int do_map(tutti_scope *s)
{
    memset(out, 0, sizeof out);
    int rc = tutti_map(s, &same_task, in, out, 300, NULL);
    CHECK(rc < 0 || !memcmp(in, out, sizeof in));
    return rc;
}
static int do_race(tutti_scope *s)
{
    int rc = tutti_race(s, &same_task, in, 20, out);
    CHECK(rc < 0 || out[0] == in[rc]);
    return rc < 0 ? rc : 0;
}
static int do_best(tutti_scope *s)
{
    int rc = tutti_best(s, &same_task, in, 20, larger, NULL, out);
    CHECK(rc < 0 || out[0] == in[rc]); /* a rival without memory has failed */
    return rc < 0 ? rc : 0;
}

static int source(void *ctx, tutti_bytes *item)
{
    int *at = ctx;
    *item = (tutti_bytes){ &in[*at], sizeof *in };
    return (*at)++ < 100;
}
static int sink(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    (void)ctx;
    CHECK(code < 0 || !memcmp(result.data, &in[i], sizeof *in));
    return code;
}
static int do_stream(tutti_scope *s)
{
    int at = 0;
    tutti_flow flow = { .size = sizeof flow, .source = source, .sink = sink,
                        .ctx = &at };
    return tutti_map_flow(s, &same_task, &flow);
}

static _Atomic int alive;
static int made;
static int make(void *ctx, void *item)
{
    (void)ctx;
    *(int *)item = made;
    alive += made < 50;
    return made++ < 50;
}
static int pass(void *ctx, void *item)
{
    (void)ctx;
    (void)item;
    return tutti_yield() < 0 ? -ECANCELED : 1;
}
static int end(void *ctx, void *item)
{
    (void)ctx;
    (void)item;
    alive--;
    return 1;
}
static void drop(void *item)
{
    (void)item;
    alive--;
}
static int do_pipeline(tutti_scope *s)
{
    tutti_stage stage[] = { { make, 1 }, { pass, 4 }, { pass, 1 }, { end, 4 } };
    tutti_line line = { .size = sizeof line, .item = 200, .drop = drop };
    alive = made = 0;
    int rc = tutti_pipeline(s, stage, 4, &line);
    CHECK_INT(alive, 0);
    return rc;
}

static _Atomic int visits;
static int visit(tutti_list *l, tutti_bytes key, void *ctx)
{
    uint64_t i;
    (void)ctx;
    memcpy(&i, key.data, sizeof i);
    visits++;
    for (uint64_t k = 1; k <= 2; k++) {
        uint64_t next = i * 2 + k;
        int rc = next < 400 ? tutti_list_add(l, (tutti_bytes){ &next, sizeof next })
            : 0;
        if (rc < 0)
            return rc;
    }
    return tutti_yield();
}
static uint64_t group(tutti_bytes key)
{
    return ((const unsigned char *)key.data)[0];
}
static int do_worklist(tutti_scope *s)
{
    tutti_work w = { .size = sizeof w, .visit = visit, .strict = 1, .per_group = 2,
                     .group = group };
    uint64_t first = 0;
    visits = 0;
    int rc = tutti_worklist(s, &w, (tutti_bytes){ &first, sizeof first });
    CHECK(rc < 0 || visits == 400);
    return rc;
}

/* Over and over, one request further each time, until none was refused. */
static void refuse_each(const char *url, int (*body)(tutti_scope *))
{
    tutti_executor *ex;
    CHECK_INT(tutti_executor_open(&ex, url), 0);
    for (uint64_t i = 0; i < 300; i++)
        in[i] = i * 3;
    long n = 0, asked;
    int refused = 0;
    do {
        TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
        CHECK(tutti_share(&s, 30000, 1, TUTTI_READ, &whole.part));
        fault_arm(++n, false);
        int rc = body(&s);
        asked = fault_arm(0, false);
        CHECK(rc == 0 || rc == -ENOMEM);
        refused += rc < 0;
        CHECK_INT(tutti_scope_close(&s), 0); /* the failure was the pattern's own */
    } while (asked >= n && n < 2000);
    CHECK(n < 2000);
    printf("# %s: %ld requests, %d failed\n", url, n, refused);
    CHECK_INT(tutti_executor_close(ex), 0);
}
static void everywhere(int (*body)(tutti_scope *))
{
    refuse_each("loop://", body);
    refuse_each("threads://2", body);
}

TEST(for_) { everywhere(do_for); }
TEST(reduce) { everywhere(do_reduce); }
TEST(scan) { everywhere(do_scan); }
TEST(map) { everywhere(do_map); }
TEST(race) { everywhere(do_race); }
TEST(best) { everywhere(do_best); }
TEST(stream) { everywhere(do_stream); }
TEST(pipeline) { everywhere(do_pipeline); }
TEST(worklist) { everywhere(do_worklist); }

TEST_MAIN
