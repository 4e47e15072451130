/* tests/patterns_tasks.h - tasks that the tests of map, race and best start: one that doubles,
 * one that waits for ever, and one that has a score. */
#ifndef TESTS_PATTERNS_TASKS_H
#define TESTS_PATTERNS_TASKS_H
#include "check.h"
#include "patterns_common.h"

static tutti_event never;
struct item {
    uint64_t i;
    int shuffled;
};
TUTTI_TASK(twice, "test.twice", struct item, uint64_t);
static int twice(const struct item *in, uint64_t *out)
{
    if (in->shuffled)
        shuffle(in->i);
    *out = in->i * 2;
    return in->i % 10 == 9 ? tutti_fail(-EDOM, "item %d", (int)in->i)
        : (int)(in->i % 10);
}

static struct item *items_make(size_t n, uint64_t factor, int shuffled)
{
    struct item *in = calloc(n + 1, sizeof *in);
    for (size_t i = 0; i < n; i++)
        in[i] = (struct item){ i * factor, shuffled };
    return in;
}

static _Atomic int waiting;

/* Waits for ever, or until cut; and takes its time to end, which has to be waited
 * for. */
static tutti_scope *late; /* ends when two have answered; NULL: none */
static _Atomic int answered;
TUTTI_TASK(for_ever, "test.for_ever", struct item, uint64_t);
static int for_ever(const struct item *in, uint64_t *out)
{
    if (in->i == 1000) { /* one that does not wait */
        *out = 1000;
        if (++answered == 2 && late)
            tutti_scope_expire(late, tutti_now());
        return 0;
    }
    waiting++;
    int rc = tutti_event_wait(&never);
    shuffle(in->i);
    waiting--;
    return rc;
}
__attribute__((unused)) static int cancel_when_8_wait(void *scope)
{
    while (waiting < 8)
        if (tutti_yield() < 0)
            return 0;
    tutti_scope_cancel(scope);
    return 0;
}

__attribute__((unused)) static int larger(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    return *(const uint64_t *)a > *(const uint64_t *)b;
}
TUTTI_TASK(score, "test.score", struct item, uint64_t);
static int score(const struct item *in, uint64_t *out)
{
    shuffle(in->i);
    *out = in->i / 3; /* three are equal: 0..2, 3..5, ... */
    return in->shuffled == 2 ? tutti_fail(-200 - (int)in->i, "no score %d", (int)in->i)
        : 0;
}
#endif
