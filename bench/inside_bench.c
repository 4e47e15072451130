/* inside_bench.c - parts of the core that have no public face, from the static twin:
 *
 *   switch   from one fiber to the next, round a ring of 16
 *   timer    a timer armed and cancelled among 100,000 that stay armed
 *
 * See measure.h. */
#include "base/wheel.h"
#include "fiber/fiber.h"
#include "measure.h"
#include <stdlib.h>

/* --- switch -------------------------------------------------------------------- */

enum { RING = 16, ROUND_TRIPS = 100000 };

struct hop {
    struct fiber fiber; /* first */
    struct hop *next;
};

static void hop_main(struct fiber *self)
{
    struct hop *h = (struct hop *)(void *)self;
    for (;;)
        fiber_switch(&h->fiber, &h->next->fiber);
}

static double switch_round(void)
{
    struct fiber_pool *p = fiber_pool_open(FIBER_STACK_MIN, sizeof(struct hop), hop_main);
    struct hop root, *ring[RING];
    if (!p)
        return -ENOMEM;
    for (int i = 0; i < RING; i++)
        if (!(ring[i] = (struct hop *)(void *)fiber_get(p)))
            return -ENOMEM;
    fiber_adopt(&root.fiber);
    for (int i = 0; i < RING; i++)
        ring[i]->next = i + 1 < RING ? ring[i + 1] : &root;
    root.next = ring[0];
    tutti_time began = tutti_now();
    for (int i = 0; i < ROUND_TRIPS; i++)
        fiber_switch(&root.fiber, &root.next->fiber);
    double took = bench_ns(began, (double)ROUND_TRIPS * (RING + 1));
    fiber_adopt_end(&root.fiber);
    for (int i = 0; i < RING; i++)
        fiber_put(p, &ring[i]->fiber);
    fiber_pool_close(p);
    return took;
}

/* --- timer ---------------------------------------------------------------------- */

enum { ARMED = 100000, TIMERS = 1000000 };

/* Spans from 1 ms to 10 s, in no order that the wheel could like. */
static int64_t some_time(uint64_t *seed, int64_t now)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return now + TUTTI_MS + (int64_t)((*seed >> 20) % (uint64_t)(10 * TUTTI_SEC));
}

static double timer_round(void)
{
    struct wheel *w = malloc(sizeof *w);
    struct wheel_timer *t = calloc(ARMED + 1, sizeof *t), *one = t ? &t[ARMED] : NULL;
    uint64_t seed = 1;
    double took = -ENOMEM;
    if (w && t) {
        int64_t now = tutti_now();
        wheel_init(w, now);
        for (int i = 0; i < ARMED; i++)
            wheel_arm(w, &t[i], some_time(&seed, now));
        tutti_time began = tutti_now();
        for (int i = 0; i < TIMERS; i++) {
            wheel_arm(w, one, some_time(&seed, now));
            wheel_cancel(w, one);
        }
        took = bench_ns(began, TIMERS);
    }
    free(t);
    free(w);
    return took;
}

static const struct bench benches[] = { { "switch", switch_round, 1 },
                                        { "timer", timer_round, 1 } };

int main(int argc, char **argv)
{
    return bench_main(argc, argv, benches, sizeof benches / sizeof *benches);
}
