/* futexlock.c - a lock of one word: 0 free, 1 held, 2 held and somebody may sleep.
 *
 * bug 1  lost-wakeup: a sleeper leaves the word at 1: its unlocker wakes nobody
 *        @sleep
 * bug 2  lost-wakeup: the unlocker looks for sleepers before it lets go  @sleep
 * bug 3  race: the unlock is relaxed  @inside
 * bug 4  race: who was woken takes it for granted that the lock is its own  @inside */
#include "bug.h"
#include <linux/futex.h>
#include <sys/syscall.h>

static atomic_int word;
static int inside;

static void futex_wait(int value)
{
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, NULL); /* @sleep */
}

static void futex_wake(void)
{
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

static void lock(void)
{
    int seen = 0;
    if (atomic_compare_exchange_strong(&word, &seen, 1))
        return;
    do {
        int held = 1;
        if (seen == 2 || atomic_compare_exchange_strong(&word, &held, 2) || held == 2)
            futex_wait(2);
        if (BUG == 4)
            return;
        seen = 0;
    } while (!atomic_compare_exchange_strong(&word, &seen, BUG == 1 ? 1 : 2));
}

static void unlock(void)
{
    int was;
    if (BUG == 2) {
        was = atomic_load(&word);
        atomic_store(&word, 0);
    } else {
        was = atomic_exchange_explicit(&word, 0, ORDER(3, relaxed, release));
    }
    if (was == 2)
        futex_wake();
}

static void *worker(void *arg)
{
    lock();
    inside++; /* @inside */
    unlock();
    return arg;
}

int main(void)
{
    TOGETHER(worker, worker, worker);
    assert(inside == 3);
}
