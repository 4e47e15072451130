/* Stacks and switches: fiber/. */
#include "fiber/fiber.h"
#include "check.h"

static struct fiber home;
static long turns;

static void count(struct fiber *self)
{
    for (;;) {
        turns++;
        fiber_switch(self, &home);
    }
}

TEST(goes_there_and_back)
{
    struct fiber_pool *p = fiber_pool_open(64 << 10, 0, count);
    CHECK(p != NULL);
    fiber_adopt(&home);
    struct fiber *f = fiber_get(p);
    CHECK(f != NULL);
    for (int i = 0; i < 1000; i++)
        fiber_switch(&home, f);
    CHECK_INT(turns, 1000);
    fiber_put(p, f);
    fiber_adopt_end(&home);
    fiber_pool_close(p);
}

TEST_MAIN
