/* livelock.c - threads that keep busy and get nowhere.
 *
 * bug 1  livelock: each waits for the other's flag before it raises its own  @wait
 * bug 2  livelock: the signal is taken back before the other has looked  @missed
 * bug 3  livelock: the count that ends the loop is passed by  @count
 * bug 4  livelock: the winner never takes its flag down  @undo
 * bug 5  livelock: both give back what they hold when the rest is not to be had  @back
 * bug 6  livelock: each lets the other go first, which has just done the same  @after */
#include "bug.h"

static atomic_int flag[2], door, count;
static pthread_mutex_t lock[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };

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

static void *both_locks(void *arg)
{
    int first = BUG == 5 && arg != NULL;
    pthread_mutex_lock(&lock[first]); /* @back */
    while (pthread_mutex_trylock(&lock[!first])) { /* @back */
        pthread_mutex_unlock(&lock[first]); /* @back */
        pthread_mutex_lock(&lock[first]); /* @back */
    }
    pthread_mutex_unlock(&lock[0]);
    pthread_mutex_unlock(&lock[1]);
    return arg;
}

static void *courteous(void *arg)
{
    int mine = arg != NULL, other = !mine;
    atomic_store(&flag[mine], 1);
    while (atomic_load(&flag[other])) { /* @after */
        atomic_store(&flag[mine], 0);   /* @after */
        atomic_store(&flag[mine], 1);   /* @after */
    }
    atomic_store(&flag[mine], 0);
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
    if (BUG == 0 || BUG == 5)
        TOGETHER(both_locks, both_locks);
    if (BUG == 6)
        TOGETHER(courteous, courteous);
}
