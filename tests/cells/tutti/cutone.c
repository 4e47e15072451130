/* cutone.c - one task of two is cancelled alone while it opens a scope and waits there
 * for what never comes; the other looks meanwhile whether it is over, and finds that it
 * is not. One worker for both, or each its own. */
#include "cell.h"

static tutti_event never;
static tutti_future one;
static int written;

static int waits(void *unused)
{
    (void)unused;
    tutti_scope inner;
    tutti_scope_open(&inner, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int r = tutti_sleep_until(tutti_after(1));
    assert(r == 0 || r == -ECANCELED);
    assert(tutti_event_wait(&never) == -ECANCELED);
    assert(written == 1);
    tutti_scope_close(&inner);
    return 0;
}

static int looks(void *unused)
{
    (void)unused;
    assert(tutti_check() == 0);
    return 0;
}

int main(void)
{
    tutti_executor *ex = cell_threads(2);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_spawn(&s, waits, NULL, NULL, &one) == 0);
    assert(tutti_go(&s, looks, NULL) == 0);
    written = 1;
    tutti_future_cancel(one);
    tutti_future_release(one);
    int r = tutti_scope_close(&s);
    assert(r == 0 || r == -ECANCELED);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
