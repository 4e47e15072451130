/* farchan.c - a channel that processes share, with room for one item: what is sent comes,
 * once and in order, and the end after it; in both directions somebody has to wait. */
#include "far.h"

enum { ITEMS = 3 };
static tutti_chan *chan;
static int written[ITEMS + 1], got;

static void *sender(void *arg)
{
    lane_enter(WORKER);
    for (long i = 1; i <= ITEMS; i++) {
        written[i] = 1;
        assert(tutti_chan_send(chan, &i) == 0);
    }
    assert(tutti_chan_close(chan) == 0);
    return arg;
}

static void *receiver(void *arg)
{
    long item;
    lane_enter(HOME);
    while (tutti_chan_recv(chan, &item) == 1) {
        assert(item == got + 1 && written[item]);
        got++;
    }
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_chan_share(&chan, &s, sizeof(long), 1) == 0);
    CELL_RUN(sender, receiver);
    assert(got == ITEMS);
    home_close(&s);
    return 0;
}
