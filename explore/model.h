/* explore/model.h - C11 atomics: see model.c. */
#ifndef EXPLORE_MODEL_H
#define EXPLORE_MODEL_H
#include "clock.h"
#include "common.h"

wide model_load(void *a, int size, wide raw, int order);
wide model_failed(void *a, int size, wide raw, wide expected, int order);
bool model_misses(void *a, int size, wide *seen, int order);
void model_store(void *a, int size, wide raw, wide v, int order);
void model_rmw(void *a, int size, wide old, wide v, int order);
void model_fence(int order);
/* An atomic of any size, about to take effect, which gets the newest value; c is what
 * its releases have made known. */
void model_whole(void *a, size_t n, bool write, int order, struct clock *c);
#endif
