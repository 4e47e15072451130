/* channel.c - two writers, a reader, one place: everything comes out once, in each
 * writer's order, and the end after it. */
#include "cell.h"

static tutti_chan *chan;

static void *writer(void *arg)
{
    for (long i = 0; i < 2; i++) {
        long item = 10 * (long)arg + i;
        assert(tutti_chan_send(chan, &item) == 0);
    }
    assert(tutti_chan_close(chan) == 0);
    return arg;
}

static void *reader(void *arg)
{
    long item, next[2] = { 0, 0 };
    int r, n = 0;
    while ((r = tutti_chan_recv(chan, &item)) == 1) {
        assert(item % 10 == next[item / 10]++);
        n++;
    }
    assert(r == 0 && n == 4);
    return arg;
}

int main(void)
{
    tutti_scope s;
    tutti_scope_open(&s, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_chan_open(&chan, &s, sizeof(long), 1, NULL) == 0);
    tutti_chan_writers(chan, 1);
    CELL_RUN(writer, writer, reader);
    tutti_scope_close(&s);
    return 0;
}
