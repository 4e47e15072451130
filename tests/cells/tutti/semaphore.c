/* semaphore.c - semaphore, event and once: no unit is lost or doubled, who waits for
 * the event is let through, what is done once is seen by all. */
#include "cell.h"

static tutti_sem sem;
static tutti_event ready;
static tutti_once once;
static int inside, made;

static int make(void *arg)
{
    made++;
    *(int *)arg = 7;
    return 0;
}

static void *user(void *arg)
{
    static int value;
    assert(tutti_event_wait(&ready) == 0);
    assert(tutti_sem_down(&sem) == 0);
    inside++;
    tutti_sem_up(&sem);
    assert(tutti_once_do(&once, make, &value) == 0);
    assert(value == 7);
    return arg;
}

static void *opener(void *arg)
{
    tutti_sem_up(&sem);
    tutti_event_set(&ready);
    return arg;
}

int main(void)
{
    tutti_sem_init(&sem, 0);
    CELL_RUN(user, user, opener);
    assert(inside == 2 && made == 1);
}
