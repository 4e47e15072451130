/* inbox.c - a worker that falls asleep while what waits on it is woken from outside,
 * twice, and is then told to end. */
#include "cell.h"

static tutti_event event[2];
static int news[2];

static int waiter(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        assert(tutti_event_wait(&event[i]) == 0);
        assert(news[i] == 1);
    }
    return 0;
}

int main(void)
{
    tutti_executor *ex = cell_threads(1);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(tutti_go(&s, waiter, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        news[i] = 1;
        tutti_event_set(&event[i]);
    }
    assert(tutti_scope_close(&s) == 0);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
