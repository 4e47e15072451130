/* explore/gaps.h - what was met and is not modelled: see gaps.c. */
#ifndef EXPLORE_GAPS_H
#define EXPLORE_GAPS_H
#include "common.h"

/* Once each, whatever calls it. */
void gap(const char *words);
#endif
