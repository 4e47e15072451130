/* procmany.c - a worker that runs several requests at once (many.c), on an executor of its own
 * with one thread: the first waits for the last, so that numbers in between are left out, as
 * it has their slot; a third is cut at any moment.  Each runs once at most, and its result is
 * its own. */
#include "procs.h"

static tutti_event go;
enum { TASKS = 4, CUT = 1 };
static int ran[TASKS];

TUTTI_TASK(one, "cell.one", long, long);
static int one(const long *in, long *out)
{
    ran[*in]++; /* by one thread */
    if (*in == TASKS - 1)
        tutti_event_set(&go);
    *out = 5 * *in;
    return *in == 0 ? tutti_event_wait(&go) : 0;
}

int main(void)
{
    tutti_scope s;
    tutti_future f[TASKS];
    long out;
    strcpy(url.inner, "threads://1");
    tutti_executor *ex = procs_open(true, true);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (long i = 0; i < TASKS; i++) { /* more than the ring holds */
        assert(one_submit(&s, &i, &f[i]) == 0);
        if (i == CUT)
            tutti_future_cancel(f[CUT]);
    }
    for (long i = 0; i < TASKS; i++) {
        int rc = one_take(f[i], &out);
        if (rc == 0)
            assert(out == 5 * i && ran[i] == 1);
        else
            assert(i == CUT && rc == -ECANCELED && ran[CUT] <= 1);
    }
    assert(tutti_scope_close(&s) == 0);
    procs_close();
    return 0;
}
