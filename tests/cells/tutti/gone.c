/* gone.c - a semaphore and a mutex that go away with the last who needs them: whoever
 * has the unit, or has locked after the other, frees them at once. */
#include "cell.h"
#include <stdlib.h>

static tutti_sem *sem;
static tutti_mutex *mutex;
static int sent, turns;

static void leave(void)
{
    tutti_mutex_lock(mutex);
    bool last = ++turns == 2;
    tutti_mutex_unlock(mutex);
    if (last)
        free(mutex);
}

static void *giver(void *arg)
{
    sent = 1;
    tutti_sem_up(sem);
    leave();
    return arg;
}

static void *taker(void *arg)
{
    assert(tutti_sem_down(sem) == 0);
    assert(sent == 1);
    free(sem);
    leave();
    return arg;
}

int main(void)
{
    sem = calloc(1, sizeof *sem);
    mutex = calloc(1, sizeof *mutex);
    tutti_sem_init(sem, 0);
    CELL_RUN(giver, taker);
    return 0;
}
