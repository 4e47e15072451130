/* explore/quiet.h - see quiet.c. */
#ifndef EXPLORE_QUIET_H
#define EXPLORE_QUIET_H
#include "common.h"

/* The object that `inside` lies in is not explored: its calls of hooks that would do nothing
 * are taken out.  Before its threads begin. */
void quiet(const void *inside);
#endif
