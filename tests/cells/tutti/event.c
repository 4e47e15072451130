/* event.c - an event that is the waiter's: who has waited for it frees it at once,
 * while who set it may still be on its way out; and one that is set and cleared
 * again. */
#include "cell.h"
#include <stdlib.h>

static tutti_event *mine, again;
static int news, more;

static void *setter(void *arg)
{
    news = 1;
    tutti_event_set(mine);
    more = 1;
    tutti_event_set(&again);
    tutti_event_clear(&again);
    return arg;
}

static void *waiter(void *arg)
{
    assert(tutti_event_wait(mine) == 0);
    assert(news == 1);
    free(mine);
    return arg;
}

static void *looker(void *arg)
{
    TUTTI_SCOPE(s, cell_nowhere(), tutti_after(TUTTI_MS), TUTTI_KEEP_GOING);
    if (tutti_event_is_set(&again) || tutti_event_wait(&again) == 0)
        assert(more == 1);
    return arg;
}

int main(void)
{
    mine = calloc(1, sizeof *mine);
    CELL_RUN(setter, waiter, looker);
    return 0;
}
