/* tests/generate_inside_test.c - a generator's worker dies between any two stores to what
 * it shares (far_step): its receiver gets what was given, in order, and then the death. */
#include "processes.h"
#include "sync/far/far.h"
#include <tutti/generate.h>

enum { ITEMS = 6 };
struct order {
    long dies;
};

TUTTI_GENERATOR(steps, "generate.steps", struct order, long);
static int steps(const struct order *in, tutti_chan *to)
{
    int rc = 0;
    store_relaxed(&far_steps, in->dies);
    for (long i = 0; i < ITEMS && rc == 0; i++)
        rc = steps_give(to, &i);
    return rc;
}

/* True: it lived to the end. */
static bool receive(tutti_executor *ex, long dies, size_t room, bool slowly)
{
    struct order o = { .dies = dies };
    tutti_items got;
    tutti_scope s;
    long x, n = 0;
    int rc;
    tutti_scope_open(&s, ex, tutti_after(20 * TUTTI_SEC), TUTTI_KEEP_GOING); /* else: a hang */
    CHECK_INT(steps_start(&s, &o, room, &got), 0);
    if (slowly)
        tutti_sleep_until(tutti_after(2 * TUTTI_MS));
    while ((rc = steps_next(&got, &x)) > 0)
        CHECK_INT(x, n++);
    if (rc != -TUTTI_ECRASH) {
        CHECK_INT(rc, 0);
        CHECK_INT(n, ITEMS);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    return rc == 0;
}

static void at_each_step(size_t room, bool slowly)
{
    tutti_executor *ex = processes_open_bounded("processes://1");
    long n = 1;
    while (!receive(ex, n, room, slowly))
        CHECK(n++ < 200);
    CHECK(n > 2 * ITEMS);
    CHECK(receive(ex, 0, room, slowly));
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(with_room_for_all)
{
    at_each_step(ITEMS + 2, true);
}
TEST(with_room_for_one)
{
    at_each_step(1, true);
}
TEST(while_somebody_waits_for_items)
{
    at_each_step(2, false);
}
TEST_MAIN
