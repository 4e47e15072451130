/* explore/gaps.c - what the program met that is not modelled: a list of sentences
 * without repeats, for the report.
 * Tests: tests/explore_seen_test.py. */
#include "engine.h"
#include "gaps.h"
#include "trace.h"
#include <string.h>

void gap(const char *words)
{
    if (!shared || ex.stepping)
        return;
    for (int i = 0; i < shared->gaps; i++)
        if (!strncmp(shared->gap[i], words, GAP_WORDS - 1))
            return;
    if (shared->gaps < GAPS)
        strncpy(shared->gap[shared->gaps++], words, GAP_WORDS - 1);
}
