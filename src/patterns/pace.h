/* patterns/pace.h - how much work is worth a task: measured, kept, and the decision
 * to stay serial.  Costs are in sixteenths of a nanosecond an item, so that a cheap
 * item has one. */
#ifndef PATTERNS_PACE_H
#define PATTERNS_PACE_H
#include <tutti.h>

enum {
    PACE_SLICE = 50000,  /* ns: starting a task is under a hundredth of that */
    PACE_AIM = 75000,    /* ns: what a measured slice should take */
    PACE_SMALL = 200000, /* ns: waking a thread for less costs more than it saves */
    PACE_UNIT = 16       /* costs in a nanosecond */
};

/* One piece of work: do the items a..b-1.  seat: scratch of whoever does it. */
typedef int pace_fn(void *arg, void *seat, uint64_t a, uint64_t b);

/* ns and PACE_UNIT to a cost, at least 1 since 0 is "not known". */
uint64_t pace_cost(uint64_t ns, uint64_t items);
/* How many items of that cost take ns; at least 1. */
uint64_t pace_items(uint64_t cost, uint64_t ns);
/* The size of the next slice after one of `step` that took ns: towards PACE_AIM, but
 * not more than eight times the last, which may have been cheap by chance. */
uint64_t pace_next(uint64_t step, uint64_t ns);
/* Will `items` of that cost take less than PACE_SMALL? */
int pace_is_small(uint64_t cost, uint64_t items);

/* Do the first items of *from..to-1 in the caller, in slices that grow, until a
 * slice has taken long enough to know the cost and what is left is worth tasks.
 * *from moves; at `to` all is done.  *cost: what is known, 0: nothing; comes out as
 * measured.  0, or what fn or tutti_check gave. */
int pace_first(pace_fn *fn, void *arg, void *seat, uint64_t *from, uint64_t to,
               uint64_t *cost);

/* What was measured for t on items of that many bytes; 0: nothing. */
uint64_t pace_kept(const tutti_task *t, uint32_t item);
void pace_keep(const tutti_task *t, uint32_t item, uint64_t cost);
#endif
