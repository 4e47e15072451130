/* Timers: base/wheel, against a plain list of what is armed. */
#include "base/wheel.h"
#include "check.h"

enum { TIMERS = 400 };
static const int64_t TICK = (int64_t)1 << WHEEL_TICK_SHIFT;

static struct wheel wheel;
static struct wheel_timer timer[TIMERS];

static uint64_t random64(unsigned *seed)
{
    uint64_t high = check_random(seed);
    return high << 32 | check_random(seed);
}

/* A time ahead, near or far: every level gets its share. */
static int64_t random_ahead(unsigned *seed)
{
    return (int64_t)(random64(seed) >> (2 + check_random(seed) % 60));
}

static int64_t earliest(void)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (list_linked(&timer[i].link) && timer[i].when < first)
            first = timer[i].when;
    return first;
}

/* Pop all that is due, and see that it is exactly what the model says.  What had passed
 * at the last look, `before`, comes first, in any order. */
static void drain(int64_t before, int64_t now)
{
    struct wheel_timer *t;
    int64_t last = before;
    while ((t = wheel_pop(&wheel, now))) {
        CHECK(t->when <= now); /* never early */
        CHECK(t->when > last - TICK || last <= before); /* in order, to a tick */
        CHECK(!list_linked(&t->link));
        if (t->when > last)
            last = t->when;
    }
    CHECK(earliest() > now - TICK); /* late by a tick at most */
    wheel_check(&wheel);
}

TEST(agrees_with_a_plain_list)
{
    unsigned seed = check_seed();
    int64_t now = (int64_t)(random64(&seed) >> 20);
    wheel_init(&wheel, now);
    for (int step = 0; step < 20000; step++) {
        struct wheel_timer *t = &timer[check_random(&seed) % TIMERS];
        if (list_linked(&t->link)) {
            wheel_cancel(&wheel, t);
            CHECK(!list_linked(&t->link));
        } else if (check_random(&seed) % 8) {
            wheel_arm(&wheel, t, now + random_ahead(&seed));
        } else {
            wheel_arm(&wheel, t, now - (int64_t)(random64(&seed) >> 40));
        }
        if (check_random(&seed) % 4)
            continue;
        int64_t next = wheel_next(&wheel), first = earliest(), before = now;
        if (first == INT64_MAX)
            CHECK(next == INT64_MAX);
        else
            CHECK(next < (first > now ? first : now) + TICK);
        int64_t jump = random_ahead(&seed) >> 10;
        now = check_random(&seed) % 2 || next == INT64_MAX ? now + jump
              : next > now                                 ? next : now;
        if (now > INT64_MAX / 2) {
            for (int i = 0; i < TIMERS; i++)
                wheel_cancel(&wheel, &timer[i]);
            wheel_init(&wheel, before = now = 1);
        }
        drain(before, now);
    }
}

TEST(waiting_for_wheel_next_reaches_every_timer_in_few_steps)
{
    unsigned seed = check_seed();
    wheel_init(&wheel, 0);
    for (int i = 0; i < TIMERS; i++)
        wheel_arm(&wheel, &timer[i], (int64_t)(random64(&seed) >> 8));
    int steps = 0, popped = 0;
    for (int64_t next; (next = wheel_next(&wheel)) != INT64_MAX; steps++) {
        struct wheel_timer *t;
        while ((t = wheel_pop(&wheel, next))) {
            CHECK(t->when <= next && next - t->when < TICK);
            popped++;
        }
    }
    CHECK_INT(popped, TIMERS);
    CHECK(steps <= TIMERS * (WHEEL_LEVELS + 1));
}

/* Who sleeps until then is not woken before. */
TEST(the_next_of_few_timers_is_known_to_the_tick)
{
    unsigned seed = check_seed();
    for (int round = 0; round < 1000; round++) {
        int64_t now = (int64_t)(random64(&seed) >> 16), first = INT64_MAX;
        int n = 1 + (int)(check_random(&seed) % 8);
        wheel_init(&wheel, now);
        for (int i = 0; i < n; i++) {
            int64_t when = now + random_ahead(&seed);
            wheel_arm(&wheel, &timer[i], when);
            first = when < first ? when : first;
        }
        int64_t next = wheel_next(&wheel);
        CHECK(next >= first && next - first < TICK);
        for (int i = 0; i < n; i++)
            wheel_cancel(&wheel, &timer[i]);
    }
}

TEST(a_timer_is_never_early_and_a_tick_late_at_most)
{
    int64_t when = 1000 * TICK + 1;
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &timer[0], when);
    CHECK(!wheel_pop(&wheel, 1000 * TICK));
    CHECK(!wheel_pop(&wheel, when - 1));
    CHECK(wheel_pop(&wheel, when + TICK - 1) == &timer[0]);
    CHECK(!wheel_pop(&wheel, when + TICK));
    wheel_arm(&wheel, &timer[0], 2000 * TICK); /* on the tick: not late at all */
    CHECK(!wheel_pop(&wheel, 2000 * TICK - 1));
    CHECK(wheel_pop(&wheel, 2000 * TICK) == &timer[0]);
}

TEST(what_has_passed_fires_at_once)
{
    int64_t now = 123456 * TICK;
    wheel_init(&wheel, now);
    wheel_arm(&wheel, &timer[0], 5);
    wheel_arm(&wheel, &timer[1], -5);
    wheel_arm(&wheel, &timer[2], now);
    CHECK(wheel_next(&wheel) <= now);
    for (int i = 0; i < 3; i++)
        CHECK(wheel_pop(&wheel, now) == &timer[i]);
    CHECK_INT(wheel_next(&wheel), INT64_MAX);
}

TEST(the_end_of_time_is_armed_and_never_comes)
{
    wheel_init(&wheel, TICK);
    wheel_arm(&wheel, &timer[0], INT64_MAX);
    wheel_arm(&wheel, &timer[1], INT64_MAX - TICK);
    wheel_check(&wheel);
    CHECK(!wheel_pop(&wheel, INT64_MAX / 2));
    CHECK(wheel_pop(&wheel, INT64_MAX) == &timer[1]);
    CHECK(!wheel_pop(&wheel, INT64_MAX));
    CHECK_INT(wheel_next(&wheel), INT64_MAX);
    wheel_check(&wheel);
    wheel_cancel(&wheel, &timer[0]);
    CHECK_INT((long long)wheel.count, 0);
}

TEST(cancelling_what_is_not_armed_does_nothing)
{
    wheel_init(&wheel, 0);
    wheel_cancel(&wheel, &timer[0]);
    wheel_arm(&wheel, &timer[0], 10 * TICK);
    wheel_arm(&wheel, &timer[1], 10 * TICK); /* the same slot */
    wheel_cancel(&wheel, &timer[0]);
    wheel_cancel(&wheel, &timer[0]);
    wheel_check(&wheel);
    CHECK(wheel_pop(&wheel, 10 * TICK) == &timer[1]);
    CHECK(!wheel_pop(&wheel, 20 * TICK));
    wheel_check(&wheel);
}

TEST(a_clock_read_before_the_last_one_fires_nothing_early)
{
    wheel_init(&wheel, 0);
    CHECK(!wheel_pop(&wheel, 50 * TICK));
    wheel_arm(&wheel, &timer[0], 40 * TICK);
    wheel_arm(&wheel, &timer[1], 60 * TICK);
    CHECK(!wheel_pop(&wheel, 49 * TICK)); /* may wait for the clock to catch up */
    wheel_check(&wheel);
    CHECK(wheel_pop(&wheel, 50 * TICK) == &timer[0]);
    CHECK(wheel_pop(&wheel, 60 * TICK) == &timer[1]);
}

TEST_MAIN
