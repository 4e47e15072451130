/* proctwo.c - as procmany.c with two requests, on two threads of the worker: who of them ends
 * the last looks at the answers of both (many_run), and finds them as they were given. */
#include "procs.h"

enum { TASKS = 2, CUT = 1 };
static int ran[TASKS];

TUTTI_TASK(one, "cell.one", long, long);
static int one(const long *in, long *out)
{
    ran[*in]++;
    *out = 5 * *in;
    return 0;
}

int main(void)
{
    tutti_scope s;
    tutti_future f[TASKS];
    long out;
    strcpy(url.inner, "threads://2?spares=0&io=epoll");
    tutti_executor *ex = procs_open(true, true);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (long i = 0; i < TASKS; i++) {
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
