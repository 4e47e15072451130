/* tests/cut.h - cancels a scope as soon as so many waits have begun on an executor: a task
 * beside those that it cuts off, so on one thread each wait can be met. */
#ifndef TESTS_CUT_H
#define TESTS_CUT_H
#include "check.h"
#include <stdbool.h>
#include <tutti.h>

struct cutter {
    tutti_executor *ex;
    tutti_scope *victim;
    uint64_t after;
    bool enough; /* nothing is left to be cut */
};

static int cut_after(void *cutter)
{
    struct cutter *k = cutter;
    tutti_executor_stats st = { .size = sizeof st };
    tutti_executor_stat(k->ex, &st);
    uint64_t from = st.parked;
    while (st.parked - from < k->after && !k->enough) {
        tutti_yield();
        tutti_executor_stat(k->ex, &st);
    }
    tutti_scope_cancel(k->victim);
    return 0;
}
#endif
