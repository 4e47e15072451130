/* pokes.c - two set an event and raise a semaphore at once, of which one finds the
 * latch held and leaves its work to the holder: no wake is lost, no unit, and who was
 * woken sees what both did. */
#include "cell.h"

static tutti_event event;
static tutti_sem sem;
static int news[2];

static void *upper(void *arg)
{
    news[(long)arg] = 1;
    tutti_sem_up(&sem);
    tutti_event_set(&event);
    return arg;
}

static void *downer(void *arg)
{
    assert(tutti_sem_down(&sem) == 0);
    assert(tutti_sem_down(&sem) == 0);
    assert(news[0] && news[1]);
    assert(tutti_event_wait(&event) == 0);
    return arg;
}

int main(void)
{
    tutti_sem_init(&sem, 0);
    CELL_RUN(upper, upper, downer);
    return 0;
}
