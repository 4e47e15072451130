/* explore/clock.h - vector clocks of a small fixed size.  Each thread has two clocks:
 * `hb` is happens-before, by which races are judged; `cc` adds the order of
 * sequentially consistent fences, by which is judged which stores a load may still
 * read.  C11 keeps the two apart: such fences forbid stale loads, yet plain accesses
 * around them race. A lane holds both for eight threads, one cache line; a schedule
 * uses as many lanes as it has threads (ex.lanes), so that few threads cost little.
 * Holds: hb[i] <= cc[i]; a clock's lanes below ex.lanes are initialised.
 * Tests: tests/cells/litmus.c, sequences.c. */
#ifndef EXPLORE_CLOCK_H
#define EXPLORE_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

enum { LANE = 8, LANES = 8, THREADS = LANE * LANES };

struct lane {
    int32_t hb[LANE], cc[LANE];
};
struct clock {
    struct lane lane[LANES];
} __attribute__((aligned(64)));

static inline int32_t clock_hb(const struct clock *c, int thread)
{
    return c->lane[thread / LANE].hb[thread % LANE];
}

static inline void clock_set(struct clock *c, int thread, int32_t at)
{
    c->lane[thread / LANE].hb[thread % LANE] = at;
    c->lane[thread / LANE].cc[thread % LANE] = at;
}

static inline void clock_zero(struct clock *c, int lanes)
{
    for (int i = 0; i < lanes; i++)
        c->lane[i] = (struct lane){ 0 };
}

static inline void clock_copy(struct clock *to, const struct clock *from, int lanes)
{
    for (int i = 0; i < lanes; i++)
        to->lane[i] = from->lane[i];
}

/* to = the later of both, in each place. */
static inline void clock_join(struct clock *to, const struct clock *from, int lanes)
{
    for (int i = 0; i < lanes; i++)
        for (int k = 0; k < LANE; k++) {
            int32_t a = to->lane[i].hb[k], b = from->lane[i].hb[k];
            to->lane[i].hb[k] = a > b ? a : b;
            a = to->lane[i].cc[k], b = from->lane[i].cc[k];
            to->lane[i].cc[k] = a > b ? a : b;
        }
}

/* The same for the clocks of stale loads alone: what fences order. */
static inline void clock_join_cc(struct clock *to, const struct clock *from, int lanes)
{
    for (int i = 0; i < lanes; i++)
        for (int k = 0; k < LANE; k++) {
            int32_t a = to->lane[i].cc[k], b = from->lane[i].cc[k];
            to->lane[i].cc[k] = a > b ? a : b;
        }
}

/* Whether any seen[i] <= c.cc[i]: an access that saw it came before.  Zero means that
 * everybody has seen it; INT32_MAX that a thread has not. */
static inline bool clock_saw(const struct clock *c, const int32_t *seen, int lanes)
{
    int any = 0;
    for (int i = 0; i < lanes; i++)
        for (int k = 0; k < LANE; k++)
            any |= seen[i * LANE + k] <= c->lane[i].cc[k];
    return any;
}
#endif
