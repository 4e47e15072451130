/* timer.c - sleeping tasks and one that is woken before its time: every one ends, none
 * before its time. */
#include "cell.h"

static tutti_event event;

static int sleeper(void *ms)
{
    tutti_time until = tutti_after((long)ms * TUTTI_MS);
    assert(tutti_sleep_until(until) == 0);
    assert(tutti_now() >= until);
    return 0;
}

static int waiter(void *unused)
{
    (void)unused;
    tutti_case cases[] = { tutti_on_event(&event),
                           tutti_on_time(tutti_after(TUTTI_MS)) };
    int which = tutti_wait(cases, 2);
    assert(which == 0 || which == 1);
    return 0;
}

int main(void)
{
    tutti_executor *ex = cell_threads(1);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, sleeper, (void *)2) == 0);
    assert(tutti_go(&s, waiter, NULL) == 0);
    tutti_event_set(&event);
    assert(tutti_scope_close(&s) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
