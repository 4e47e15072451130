/* calls_futex.c - each operation on futexes, with its answers.
 *
 * bug 1  lost-wakeup|deadlock: who waits by bits is woken by others  @bits
 * bug 2  lost-wakeup|deadlock: what is moved is not woken where it went  @moved
 * bug 3  unmodelled: a futex that inherits priorities  @pi
 * bug 4  unmodelled: a system call that sleeps  @sleep
 * bug 5  lost-wakeup|deadlock: of several words the one that moves is not woken  @several */
#include "bug.h"
#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

static atomic_uint word, other, changed, ready, woken;

static long futex(atomic_uint *a, int op, unsigned n, uintptr_t time_or_more,
                  atomic_uint *b, unsigned last)
{
    op |= FUTEX_PRIVATE_FLAG;
    return syscall(SYS_futex, a, op, n, time_or_more, b, last); /* @bits @moved @pi */
}

static void *waits_by_bits(void *arg)
{
    while (!atomic_load(&word))
        futex(&word, FUTEX_WAIT_BITSET, 0, 0, NULL, 2);
    return arg;
}

static void *wakes_by_bits(void *arg)
{
    atomic_store(&word, 1);
    futex(&word, FUTEX_WAKE_BITSET, 1, 0, NULL, BUG == 1 ? 4 : 6);
    return arg;
}

static void *moved(void *arg)
{
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&changed))
        futex(&other, FUTEX_WAIT, 0, 0, NULL, 0);
    atomic_fetch_add(&woken, 1);
    return arg;
}

/* Those who wait here are sent to `word`, and woken there. */
static void *mover(void *arg)
{
    while (atomic_load(&ready) < 2)
        sched_yield();
    assert(futex(&other, FUTEX_CMP_REQUEUE, 0, 9, &word, 1) == -1 && errno == EAGAIN);
    long n = futex(&other, FUTEX_CMP_REQUEUE, 0, 9, &word, 0);
    assert(n >= 0 && n <= 2);
    atomic_store(&changed, 1);
    atomic_store(&other, 1);
    futex(&other, FUTEX_WAKE, 9, 0, NULL, 0); /* who came after */
    if (BUG != 2)
        futex(&word, FUTEX_WAKE, 9, 0, NULL, 0);
    return arg;
}

static long several(atomic_uint *a, unsigned seen_a, atomic_uint *b, unsigned seen_b,
                    struct timespec *until)
{
    struct futex_waitv v[] = {
        { .uaddr = (uintptr_t)a, .val = seen_a, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
        { .uaddr = (uintptr_t)b, .val = seen_b, .flags = FUTEX_32 },
    };
    return syscall(SYS_futex_waitv, v, 2, 0, until, CLOCK_MONOTONIC); /* @several */
}

static atomic_uint first, second;

static void *waits_for_several(void *arg)
{
    while (!atomic_load(&second)) {
        long r = several(&first, 0, &second, 0, NULL);
        assert(r == 0 || r == 1 || (r == -1 && errno == EAGAIN));
    }
    return arg;
}

static void *moves_the_second(void *arg)
{
    atomic_store(&second, 1);
    futex(BUG == 5 ? &word : &second, FUTEX_WAKE, 1, 0, NULL, 0);
    return arg;
}

static void answers_of_several(void)
{
    atomic_uint a = 1, b = 5;
    struct timespec past = { 0, 5 }, wrong = { 0, -1 };
    assert(several(&a, 1, &b, 4, NULL) == -1 && errno == EAGAIN);
    assert(several(&a, 1, &b, 5, &wrong) == -1 && errno == EINVAL);
    long r = several(&a, 1, &b, 5, &past);
    assert(r == 0 || (r == -1 && errno == ETIMEDOUT));
    assert(syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 && errno == EINVAL);
}

static void answers(void)
{
    atomic_uint a = 1, b = 5;
    struct timespec past = { 0, 5 }, wrong = { 0, -1 };
    uintptr_t soon = (uintptr_t)&past;
    assert(futex(&a, FUTEX_WAIT, 0, 0, NULL, 0) == -1 && errno == EAGAIN);
    long r = futex(&a, FUTEX_WAIT, 1, soon, NULL, 0);
    assert(r == 0 || errno == ETIMEDOUT);
    r = futex(&a, FUTEX_WAIT_BITSET, 1, soon, NULL, 1);
    assert(r == 0 || errno == ETIMEDOUT);
    assert(futex(&a, FUTEX_WAIT_BITSET, 1, 0, NULL, 0) == -1 && errno == EINVAL);
    assert(futex(&a, FUTEX_WAIT, 1, (uintptr_t)&wrong, NULL, 0) == -1 &&
           errno == EINVAL);
    assert(futex(&a, FUTEX_WAKE, 1, 0, NULL, 0) == 0);
    assert(futex(&a, FUTEX_REQUEUE, 1, 1, &b, 0) == 0);
    unsigned add = FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 5);
    assert(futex(&a, FUTEX_WAKE_OP, 1, 1, &b, add) == 0 && atomic_load(&b) == 12);
    unsigned by_shift = FUTEX_OP_ANDN | FUTEX_OP_OPARG_SHIFT;
    unsigned clear = FUTEX_OP(by_shift, 2, FUTEX_OP_CMP_GT, -1);
    assert(futex(&a, FUTEX_WAKE_OP, 1, 1, &b, clear) == 0 && atomic_load(&b) == 8);
    if (BUG == 3)
        futex(&a, FUTEX_LOCK_PI, 0, 0, NULL, 0);
    if (BUG == 4)
        syscall(SYS_nanosleep, &past, NULL); /* @sleep */
}

int main(void)
{
    answers();
    answers_of_several();
    TOGETHER(waits_for_several, moves_the_second);
    TOGETHER(waits_by_bits, wakes_by_bits);
    TOGETHER(moved, moved, mover);
    assert(atomic_load(&woken) == 2);
}
