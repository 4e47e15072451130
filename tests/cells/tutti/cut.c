/* cut.c - a scope is cancelled while its opener goes to sleep in a scope inside, where
 * nothing else would ever wake it; and what was written before the cancel is seen. */
#include "cell.h"

static tutti_scope outer;
static tutti_event never;
static int written;

static void *cancel(void *arg)
{
    written = 1;
    tutti_scope_cancel(&outer);
    return arg;
}

int main(void)
{
    pthread_t thread;
    tutti_scope inner;
    tutti_scope_open(&outer, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    pthread_create(&thread, NULL, cancel, NULL);
    tutti_scope_open(&inner, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int r = tutti_sleep_until(tutti_after(1)); /* known to the scope from here on */
    assert(r == 0 || r == -ECANCELED);
    assert(tutti_event_wait(&never) == -ECANCELED);
    assert(written == 1);
    assert(tutti_scope_close(&inner) == -ECANCELED);
    tutti_scope_close(&outer);
    pthread_join(thread, NULL);
    return 0;
}
