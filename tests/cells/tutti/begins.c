/* begins.c - an executor closes while a spare worker of it begins: that one is told to end
 * as soon as it is there. */
#include "cell.h"
#include "sched/pool.h"
#include "sched/spare.h"

int main(void)
{
    tutti_executor *ex = cell_open("threads://1?spares=1&io=epoll");
    assert(spare_call_in(cell_pool));
    assert(tutti_executor_close(ex) == 0);
    return 0;
}
