/* base/clock.c - see clock.h.  Tests: tests/sim_test.c. */
#include "base/clock.h"

_Thread_local int64_t clock_sim;
