/* procask.c - a task that waits for ever is cut from home at any moment: taken back before
 * it begins, or told so by the thread of its worker that listens for that.  Nobody asks
 * twice, since no time passes. */
#include "procs.h"

static tutti_event never;
static int ran;

TUTTI_TASK(waits, "cell.waits", tutti_none, tutti_none);
static int waits(const tutti_none *in, tutti_none *out)
{
    (void)in, (void)out;
    ran++;
    int rc = tutti_event_wait(&never);
    assert(rc == -ECANCELED);
    return rc;
}

int main(void)
{
    tutti_scope s;
    tutti_future f;
    tutti_none none = { 0 };
    tutti_executor *ex = procs_open(false, true);
    assert(listen_begin(&at_work[0].serving) == 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(waits_submit(&s, &none, &f) == 0);
    tutti_future_cancel(f);
    assert(tutti_future_await(f, NULL) == -ECANCELED);
    assert(ran <= 1);
    tutti_future_release(f);
    assert(tutti_scope_close(&s) == 0);
    procs_close();
    return 0;
}
