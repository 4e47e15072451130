/* tests/sync_common.h - what the tests of locks and signals note: who came in, in which
 * order. */
#ifndef TESTS_SYNC_COMMON_H
#define TESTS_SYNC_COMMON_H
#include "crew.h"

static int order[CREW_MAX];
static _Atomic int order_count;
__attribute__((unused)) static void note(long who)
{
    order[add_relaxed(&order_count, 1)] = (int)who; /* under what is tested */
}
#endif
