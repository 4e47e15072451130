/* proclevel.c - two workers, of which one may be slow: what it has not begun is taken back
 * and given to the other, and each task runs once. */
#define PROCS_WORKERS 2
#include "procs.h"
#include "exec/processes/names.h"

enum { TASKS = 4 };
static atomic_int ran[TASKS];

TUTTI_TASK(twice, "cell.twice", long, long);
static int twice(const long *in, long *out)
{
    atomic_fetch_add_explicit(&ran[*in], 1, memory_order_relaxed);
    *out = 2 * *in;
    return 0;
}

int main(void)
{
    tutti_scope s;
    tutti_future f[TASKS];
    char why[200];
    tutti_executor *ex = procs_open(true, false);
    assert(name_of(&procs, &twice_task) == 0);
    /* Each process has a list of its own of the tasks that it has found; here is but one. */
    assert(name_task(&arena.head, (uint32_t)twice_task.kept[NAME_KEPT], why, sizeof why));
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (long i = 0; i < TASKS; i++)
        assert(twice_submit(&s, &i, &f[i]) == 0);
    for (long i = 0; i < TASKS; i++) {
        long out = -1;
        assert(twice_take(f[i], &out) == 0 && out == 2 * i);
        assert(atomic_load_explicit(&ran[i], memory_order_relaxed) == 1);
    }
    assert(tutti_scope_close(&s) == 0);
    procs_close();
    return 0;
}
