/* explore/strategy.h - how the schedule of a seed is chosen: see strategy.c. */
#ifndef EXPLORE_STRATEGY_H
#define EXPLORE_STRATEGY_H
#include "engine.h"

void strategy_draw(uint64_t seed);
int strategy_run(void);            /* who goes on at a point */
int strategy_next(void);           /* who runs when this one cannot */
int strategy_timer(void);          /* whose timer comes early; -1: none */
unsigned strategy_stale(unsigned n); /* how far from the newest, below n */
unsigned strategy_wake(unsigned n);
bool strategy_spurious(void);
void strategy_demote(struct thread *t);
const char *strategy_name(int kind);
int strategy_find(const char *name);
uint64_t random_next(void);
static inline uint32_t random_below(uint32_t n)
{
    return (uint32_t)(((random_next() >> 32) * n) >> 32);
}
#endif
