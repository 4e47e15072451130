/* interpreter.c - one lock over two workers: their tasks never run at the same time,
 * and both come to their turn. */
#include "cell.h"

static int inside, turns; /* plain: the lock is what orders them */

static int task(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        assert(inside++ == 0);
        turns++;
        inside--;
        tutti_yield();
    }
    return 0;
}

int main(void)
{
    tutti_executor *ex = cell_open("threads://2?lock=interpreter&io=epoll");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, task, NULL) == 0);
    assert(tutti_go(&s, task, NULL) == 0);
    assert(tutti_scope_close(&s) == 0);
    assert(turns == 4);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
