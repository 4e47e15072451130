/* inside_bench.c - parts of the core that have no public face, from the static twin:
 *
 *   switch     from one fiber to the other, and back
 *   switch-16  from one fiber to the next, round a ring of 16
 *   timer      a timer armed and cancelled among 100,000 that stay armed
 *
 * See measure.h. */
#include "base/wheel.h"
#include "fiber/fiber.h"
#include "measure.h"
#include <stdlib.h>

/* --- switch -------------------------------------------------------------------- */

enum { RING = 16, SWITCHES = 2000000 };

struct hop {
    struct fiber fiber; /* first */
    struct hop *next;
};

static void hop_main(struct fiber *self)
{
    struct hop *h = (struct hop *)(void *)self;
    for (;;)
        fiber_switch_here(&h->fiber, &h->next->fiber);
}

/* The thread's own stack and n fibers, each switching to the next. */
static double switch_ring(int n)
{
    struct fiber_pool *p = fiber_pool_open(FIBER_STACK_MIN, sizeof(struct hop), hop_main);
    struct hop root, *ring[RING];
    if (!p)
        return -ENOMEM;
    for (int i = 0; i < n; i++)
        if (!(ring[i] = (struct hop *)(void *)fiber_get(p)))
            return -ENOMEM;
    fiber_adopt(&root.fiber);
    for (int i = 0; i < n; i++)
        ring[i]->next = i + 1 < n ? ring[i + 1] : &root;
    root.next = ring[0];
    tutti_time began = tutti_now();
    for (int i = 0; i < SWITCHES / (n + 1); i++)
        fiber_switch_here(&root.fiber, &root.next->fiber);
    double took = bench_ns(began, SWITCHES);
    fiber_adopt_end(&root.fiber);
    for (int i = 0; i < n; i++)
        fiber_put(p, &ring[i]->fiber);
    fiber_pool_close(p);
    return took;
}
static double switch_round(void)
{
    return switch_ring(1);
}
static double switch_ring_round(void)
{
    return switch_ring(RING - 1);
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
                                        { "switch-16", switch_ring_round, 1 },
                                        { "timer", timer_round, 1 } };

int main(int argc, char **argv)
{
    return bench_main(argc, argv, benches, sizeof benches / sizeof *benches);
}
