/* livelock.c - threads that keep busy and get nowhere.
 *
 * bug 1  livelock: each waits for the other's flag before it raises its own  @wait
 * bug 2  livelock: the signal is taken back before the other has looked  @missed
 * bug 3  livelock: the count that ends the loop is passed by  @count
 * bug 4  livelock: the winner never takes its flag down  @undo */
#include "bug.h"

static atomic_int flag[2], door, count;

static void wait_for(atomic_int *what)
{
    while (!atomic_load(what)) /* @wait @missed */
        sched_yield();         /* @wait @missed */
}

static void *polite(void *arg)
{
    int me = arg != NULL;
    if (BUG == 1)
        wait_for(&flag[!me]); /* @wait */
    atomic_store(&flag[me], 1);
    wait_for(&flag[!me]);
    return arg;
}

static void *visitor(void *arg)
{
    wait_for(&door); /* @missed */
    return arg;
}

static void *porter(void *arg)
{
    atomic_store(&door, 1);
    if (BUG == 2) {
        sched_yield();
        atomic_store(&door, 0);
    }
    return arg;
}

static void *counter(void *arg)
{
    atomic_fetch_add(&count, 1);
    if (BUG == 3)
        while (atomic_load(&count) != 1) /* @count */
            sched_yield();               /* @count */
    return arg;
}

static void *undoer(void *arg)
{
    int mine = arg != NULL, other = !mine;
    do {
        atomic_store(&flag[mine], 1);
        if (atomic_load(&flag[other]) == 0) /* @undo */
            break;
        atomic_store(&flag[mine], 0); /* @undo */
        sched_yield();                /* @undo */
    } while (true);                   /* @undo */
    return arg;
}

int main(void)
{
    if (BUG <= 1)
        TOGETHER(polite, polite);
    if (BUG == 0 || BUG == 2)
        TOGETHER(visitor, porter);
    if (BUG == 0 || BUG == 3)
        TOGETHER(counter, counter);
    if (BUG == 4)
        TOGETHER(undoer, undoer);
}
