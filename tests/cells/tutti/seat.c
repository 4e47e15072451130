/* seat.c - one that does what the monitor does: a spare worker is called in, sent off, ended
 * and called in again, on the same seat or as it rests, and is looked at meanwhile; what
 * one thread of a seat has left is seen by the next. */
#include "base/clock.h"
#include "cell.h"
#include "sched/pool.h"
#include "sched/spare.h"

int main(void)
{
    tutti_executor *ex = cell_open("threads://1?spares=1&io=epoll");
    struct pool *p = cell_pool;
    assert(spare_call_in(p));
    while (!spare_alive(p, 1))
        sched_yield();
    spare_send_off(p);
    while (!spare_call_in(p)) {
        spares_trim(p, clock_now() + 10 * TUTTI_SEC);
        sched_yield();
    }
    while (!spare_alive(p, 1))
        sched_yield();
    spare_send_off(p);
    spare_call_in(p);
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
