/* ticket.c - a lock that serves in the order of tickets.
 *
 * bug 1  race|livelock: a ticket is drawn in two steps  @inside @spin
 * bug 2  race: serving the next one is relaxed  @inside
 * bug 3  livelock: the unlocker counts by what it last saw, twice  @spin */
#include "bug.h"

static atomic_uint next, serving;
static int inside;

static unsigned draw(void)
{
    if (BUG != 1)
        return atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    unsigned mine = atomic_load(&next);
    atomic_store(&next, mine + 1);
    return mine;
}

static void *worker(void *arg)
{
    for (int i = 0; i < 2; i++) {
        unsigned mine = draw();
        while (atomic_load_explicit(&serving, memory_order_acquire) != mine) /* @spin */
            sched_yield();                                                   /* @spin */
        inside++; /* @inside */
        if (BUG == 3 && i == 1 && mine == 2)
            mine++;
        atomic_store_explicit(&serving, mine + 1, ORDER(2, relaxed, release));
    }
    return arg;
}

int main(void)
{
    TOGETHER(worker, worker);
    assert(inside == 4);
}
