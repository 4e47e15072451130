/* park.c - core/wait: prepare and park against a wake and against giving up, through an
 * event that one sets, one waits for and one waits for with a time. */
#include "cell.h"

static tutti_event event;
static int news;

static void *setter(void *arg)
{
    news = 1;
    tutti_event_set(&event);
    return arg;
}

static void *waiter(void *arg)
{
    assert(tutti_event_wait(&event) == 0);
    assert(news == 1);
    return arg;
}

static void *hurried(void *arg)
{
    tutti_scope s;
    tutti_scope_open(&s, cell_nowhere(), tutti_after(TUTTI_MS), TUTTI_KEEP_GOING);
    int r = tutti_event_wait(&event);
    assert(r == 0 || r == -ETIMEDOUT);
    if (r == 0)
        assert(news == 1);
    tutti_scope_close(&s);
    return arg;
}

int main(void)
{
    CELL_RUN(waiter, hurried, setter);
    return 0;
}
