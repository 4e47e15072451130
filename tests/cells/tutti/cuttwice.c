/* cuttwice.c - as cutchan.c, at the second wait of a scope: what the first has found out of
 * the way up stands for this one's, too, so that a cancel is seen by its fence alone. */
#include "cell.h"

static tutti_scope outer;
static tutti_chan *items;
static int written;

static void *cancel(void *arg)
{
    int item = 7;
    assert(tutti_chan_send(items, &item) == 0);
    written = 1;
    tutti_scope_cancel(&outer);
    return arg;
}

int main(void)
{
    pthread_t thread;
    tutti_scope inner;
    int item;
    tutti_scope_open(&outer, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_chan_open(&items, &outer, sizeof(int), 1, NULL) == 0);
    pthread_create(&thread, NULL, cancel, NULL);
    tutti_scope_open(&inner, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int r = tutti_chan_recv(items, &item);
    assert(r == 1 || r == -ECANCELED);
    r = tutti_chan_recv(items, &item);
    assert(r == 1 || r == -ECANCELED);
    if (r == 1) /* the first was refused: the item had been sent, but not been seen */
        assert(tutti_chan_recv(items, &item) == -ECANCELED);
    assert(written == 1);
    tutti_scope_close(&inner);
    tutti_scope_close(&outer);
    pthread_join(thread, NULL);
    return 0;
}
