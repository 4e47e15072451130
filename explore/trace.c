/* explore/trace.c - the steps of a schedule, kept while its report is made: the newest
 * of them, in memory that the reporting process shares.
 * Tests: tests/explore/suite.py (replays are the same, step by step). */
#include "engine.h"
#include "trace.h"

struct trace *trace;

struct step *trace_step(enum op op, const void *address, const void *pc)
{
    if (!trace)
        return NULL;
    struct step *s = &trace->step[trace->count++ % TRACE_STEPS];
    *s = (struct step){ .thread = (uint8_t)ex.me->id, .op = (uint8_t)op,
                        .number = ex.me->points, .address = (uintptr_t)address,
                        .pc = (uintptr_t)pc };
    return s;
}
