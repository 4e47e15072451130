/* mark.c - a scope that is opened beside a forked call and cancelled: of its own call the
 * other worker may have taken or run any part, or the join drops it; the one below is whole.
 * The claim, its scope, and who waits for it are one word. */
#include "cell.h"
#include <errno.h>
#include <tutti/fork.h>

static int ran[2];

TUTTI_FORK_1(int, part, int);
static int part(tutti_at at, int i)
{
    (void)at;
    ran[i] = 1;
    if (i == 0)
        assert(tutti_check() == 0); /* it is of the scope outside */
    return i + 1;
}

static int root(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    part_fork(&at, 0);
    tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    part_fork(&at, 1);
    assert(tutti_yield() == 0); /* they are public then, and may be taken */
    tutti_scope_cancel(&s);
    int got = part_join(&at);
    assert(got == (ran[1] ? 2 : 0));
    assert(tutti_fork_check() == -ECANCELED);
    int rc = tutti_scope_close(&s);
    assert(rc == 0 || rc == -ECANCELED);
    assert(part_join(&at) == 1 && ran[0]);
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
