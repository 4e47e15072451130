/* clear.c - an event that one sets and another clears: who waited is let through by
 * either, and sees what was done before it was set. */
#include "cell.h"

static tutti_event event;
static int news;

static void *set(void *arg)
{
    news = 1;
    tutti_event_set(&event);
    return arg;
}

static void *clear(void *arg)
{
    tutti_event_clear(&event);
    return arg;
}

static void *waiter(void *arg)
{
    TUTTI_SCOPE(s, cell_nowhere(), tutti_after(TUTTI_MS), TUTTI_KEEP_GOING);
    if (tutti_event_wait(&event) == 0)
        assert(news == 1);
    return arg;
}

int main(void)
{
    CELL_RUN(set, clear, waiter);
    return 0;
}
