/* patterns/pace.c - see pace.h.  Tests: tests/patterns_test.c, tests/map_test.c. */
#include "patterns/pace.h"

uint64_t pace_cost(uint64_t ns, uint64_t items)
{
    uint64_t scaled = ns > UINT64_MAX / PACE_UNIT ? UINT64_MAX : ns * PACE_UNIT;
    uint64_t cost = items ? scaled / items : 0;
    return cost ? cost : 1;
}

uint64_t pace_items(uint64_t cost, uint64_t ns)
{
    uint64_t items = ns * PACE_UNIT / (cost ? cost : 1);
    return items ? items : 1;
}

int pace_is_small(uint64_t cost, uint64_t items)
{
    return items < pace_items(cost, PACE_SMALL);
}

uint64_t pace_next(uint64_t step, uint64_t ns)
{
    if (ns < PACE_AIM / 8)
        return step > UINT64_MAX / 8 ? UINT64_MAX : step * 8;
    uint64_t next = step > UINT64_MAX / PACE_AIM ? step / ns * PACE_AIM
                                                 : step * PACE_AIM / ns;
    return next ? next : 1;
}

int pace_first(pace_fn *fn, void *arg, void *seat, uint64_t *from, uint64_t to,
               uint64_t *cost)
{
    if (*cost && !pace_is_small(*cost, to - *from))
        return 0;
    uint64_t step = *cost ? pace_items(*cost, PACE_AIM) : 1;
    tutti_time begin = tutti_now(), last = begin;
    while (*from < to) {
        uint64_t n = to - *from < step ? to - *from : step;
        int rc = tutti_check();
        if (rc == 0)
            rc = fn(arg, seat, *from, *from + n);
        if (rc < 0)
            return rc;
        *from += n;
        tutti_time now = tutti_now();
        uint64_t took = (uint64_t)(now - last);
        *cost = pace_cost(took, n);
        int known = took >= PACE_SLICE || now - begin >= 2 * PACE_SLICE;
        last = now;
        if (known && !pace_is_small(*cost, to - *from))
            return 0;
        step = pace_next(step, took);
    }
    return 0;
}

/* --- kept with the task ---------------------------------------------------- */

/* One word holds the size of an item and its cost, so that nobody sees the cost of
 * one size with another.  Callers on many threads read and write it: the word is all
 * there is to see, so any order would do, and the default one needs no name. */
static _Atomic uint64_t *pace_word(const tutti_task *t)
{
    return (_Atomic uint64_t *)(uintptr_t)&t->kept[0];
}

uint64_t pace_kept(const tutti_task *t, uint32_t item)
{
    uint64_t word = *pace_word(t);
    return word >> 32 == item ? word & UINT32_MAX : 0;
}

void pace_keep(const tutti_task *t, uint32_t item, uint64_t cost)
{
    if (cost == 0)
        return;
    *pace_word(t) = (uint64_t)item << 32 | (cost < UINT32_MAX ? cost : UINT32_MAX);
}
