/* cutchan.c - as cut.c, where the wait is that of a channel, which has no fence of its
 * own: the cancel's interrupts it. */
#include "cell.h"

static tutti_scope outer;
static tutti_chan *never;
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
    assert(tutti_chan_open(&never, &outer, sizeof(int), 1, NULL) == 0);
    pthread_create(&thread, NULL, cancel, NULL);
    tutti_scope_open(&inner, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int r = tutti_sleep_until(tutti_after(1)); /* known to the scope from here on */
    assert(r == 0 || r == -ECANCELED);
    int item;
    assert(tutti_chan_recv(never, &item) == -ECANCELED);
    assert(written == 1);
    assert(tutti_scope_close(&inner) == -ECANCELED);
    tutti_scope_close(&outer);
    pthread_join(thread, NULL);
    return 0;
}
