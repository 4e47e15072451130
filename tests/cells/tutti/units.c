/* units.c - a semaphore raised twice and lowered by two, of whom one may hand the
 * other's unit over while it goes to sleep itself. */
#include "cell.h"

static tutti_sem sem;
static int news;

static void *up(void *arg)
{
    news = 1;
    tutti_sem_up(&sem);
    tutti_sem_up(&sem);
    return arg;
}

static void *down(void *arg)
{
    assert(tutti_sem_down(&sem) == 0);
    assert(news == 1);
    return arg;
}

int main(void)
{
    tutti_sem_init(&sem, 0);
    CELL_RUN(up, down, down);
    return 0;
}
