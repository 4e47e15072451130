/* futexevent.c - a counter of events that a worker sleeps on: it reads the counter,
 * looks for work, and sleeps if the counter still is what it was.
 *
 * bug 1  lost-wakeup: it reads the counter after it looked for work  @sleep
 * bug 2  lost-wakeup: the bringer counts up before the work is there  @sleep
 * bug 3  lost-wakeup: one is woken where two sleep  @sleep */
#include "bug.h"
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

static atomic_int events, work, done;

static void *worker(void *arg)
{
    for (int got = 0; got < 2;) {
        int seen = 0, there;
        if (BUG != 1)
            seen = atomic_load(&events);
        there = atomic_load(&work);
        if (BUG == 1)
            seen = atomic_load(&events);
        if (there > got) {
            got++;
            atomic_fetch_add(&done, 1);
            continue;
        }
        syscall(SYS_futex, &events, FUTEX_WAIT, seen, NULL, NULL, 0); /* @sleep */
    }
    return arg;
}

static void *bringer(void *arg)
{
    for (int i = 0; i < 2; i++) {
        usleep(3600);
        if (BUG == 2)
            atomic_fetch_add(&events, 1);
        atomic_fetch_add(&work, 1);
        if (BUG != 2)
            atomic_fetch_add(&events, 1);
        syscall(SYS_futex, &events, FUTEX_WAKE, BUG == 3 ? 1 : INT_MAX, NULL, NULL, 0);
    }
    return arg;
}

int main(void)
{
    if (BUG == 3)
        TOGETHER(worker, worker, bringer);
    else
        TOGETHER(worker, bringer);
    assert(done == (BUG == 3 ? 4 : 2));
}
