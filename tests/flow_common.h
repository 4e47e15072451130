/* tests/flow_common.h - what the tests of flows, pipelines and work-lists share: how many are
 * inside at once, and a cancel when four wait. */
#ifndef TESTS_FLOW_COMMON_H
#define TESTS_FLOW_COMMON_H
#include "check.h"
#include "patterns_common.h"

static _Atomic int waiting;

/* The most that were inside at once. */
struct gauge {
    _Atomic int now, most;
};
static void gauge_in(struct gauge *g)
{
    int now = ++g->now, most = g->most;
    while (now > most && !__atomic_compare_exchange_n((int *)&g->most, &most, now, 0,
                                                      __ATOMIC_SEQ_CST,
                                                          __ATOMIC_SEQ_CST))
        ;
}
static void gauge_out(struct gauge *g)
{
    g->now--;
}

static int cancel_when_4_wait(void *scope)
{
    while (waiting < 4)
        if (tutti_yield() < 0)
            return 0;
    tutti_scope_cancel(scope);
    return 0;
}

struct made {
    uint64_t number;
    unsigned passed; /* stages */
};
#endif
