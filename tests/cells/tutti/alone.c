/* alone.c - a task that said that it will block begins on a worker of its own, beside
 * one that begins as any other and one of the low class. */
#include "cell.h"

static atomic_int ended;
static tutti_event event;

static int alone(void *unused)
{
    (void)unused;
    assert(tutti_event_wait(&event) == 0);
    atomic_fetch_add(&ended, 1);
    return 0;
}

static int other(void *unused)
{
    (void)unused;
    tutti_event_set(&event);
    atomic_fetch_add(&ended, 1);
    return 0;
}

int main(void)
{
    cell_monitor = true;
    tutti_executor *ex = cell_open("threads://1?spares=1&io=epoll");
    tutti_scope s, low;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_ALONE);
    assert(tutti_go(&s, alone, NULL) == 0);
    tutti_scope_open(&low, ex, TUTTI_NEVER, TUTTI_LOW);
    assert(tutti_go(&low, other, NULL) == 0);
    assert(tutti_scope_close(&low) == 0);
    assert(tutti_scope_close(&s) == 0);
    assert(atomic_load(&ended) == 2);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
