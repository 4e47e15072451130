/* shield.c - a scope is cancelled while its opener waits in it, and then behind a
 * shield: the cancel reaches the first wait or comes after it, and never the second. */
#include "cell.h"

static tutti_scope outer;
static tutti_chan *chan[2];
static int news = 7;

static void *cancel(void *arg)
{
    tutti_scope_cancel(&outer);
    return arg;
}

static void *send(void *arg)
{
    assert(tutti_chan_send(chan[0], &news) == 0);
    assert(tutti_chan_send(chan[1], &news) == 0);
    return arg;
}

int main(void)
{
    pthread_t thread[2];
    int item = 0;
    TUTTI_SCOPE(mine, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < 2; i++)
        assert(tutti_chan_open(&chan[i], &mine, sizeof(int), 1, NULL) == 0);
    tutti_scope_open(&outer, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    pthread_create(&thread[0], NULL, cancel, NULL);
    pthread_create(&thread[1], NULL, send, NULL);
    int r = tutti_chan_recv(chan[0], &item);
    assert(r == 1 || r == -ECANCELED);
    TUTTI_SCOPE(shield, NULL, tutti_after(TUTTI_SEC), TUTTI_SHIELD);
    r = tutti_chan_recv(chan[1], &item);
    assert(r == 1 || r == -ETIMEDOUT);
    tutti_scope_close(&shield);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    tutti_scope_close(&outer);
    return 0;
}
