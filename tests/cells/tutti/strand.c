/* strand.c - forked calls of a task that parks between fork and join: its worker hands
 * them over to the other, more than one is public at once, and what was taken is joined
 * by waiting. */
#include "cell.h"
#include <tutti/fork.h>

static tutti_event met;
static int seen[3];

TUTTI_FORK_1(int, part, int);
static int part(tutti_at at, int i)
{
    (void)at;
    seen[i] = 1;
    if (i == 0)
        tutti_event_set(&met);
    return i;
}

static int root(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    for (int i = 0; i < 3; i++)
        part_fork(&at, i);
    assert(tutti_event_wait(&met) == 0); /* either worker takes part 0 */
    for (int i = 3; i-- > 0;)
        assert(part_join(&at) == i && seen[i] == 1);
    return tutti_fork_check();
}

int main(void)
{
    tutti_executor *ex = cell_threads(2);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, root, NULL) == 0);
    assert(tutti_scope_close(&s) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
