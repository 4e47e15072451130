/* select.c - waiting for any of two channels, an event and a time: nothing is lost, and
 * what comes out was put in. */
#include "cell.h"

static tutti_chan *chan[2];
static tutti_event stop;
static int sent[2];

static void *writer(void *arg)
{
    int me = (int)(long)arg;
    sent[me] = 1;
    assert(tutti_chan_send(chan[me], &me) == 0);
    return arg;
}

static void *reader(void *arg)
{
    int item[2] = { -1, -1 };
    for (int got = 0; got < 2;) {
        tutti_case cases[] = { tutti_on_recv(chan[0], &item[0]),
                               tutti_on_recv(chan[1], &item[1]), tutti_on_event(&stop),
                               tutti_on_time(tutti_after(TUTTI_MS)) };
        int which = tutti_wait(cases, 4);
        assert(which == 0 || which == 1 || which == 3);
        if (which < 2) {
            assert(item[which] == which && sent[which] == 1);
            got++;
        }
    }
    return arg;
}

int main(void)
{
    tutti_scope s;
    tutti_scope_open(&s, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_chan_open(&chan[0], &s, sizeof(int), 0, NULL) == 0);
    assert(tutti_chan_open(&chan[1], &s, sizeof(int), 1, NULL) == 0);
    CELL_RUN(writer, writer, reader);
    tutti_scope_close(&s);
    return 0;
}
