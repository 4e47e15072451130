/* explore/hooks_futex.c - syscall(): futexes, and the calls by which threads yield and
 * name themselves.  Other calls go to the kernel and are noted; those that could block
 * are errors that say so.
 * Tests: tests/cells/ (futex_*.c). */
#include "locks.h"
#include "real.h"
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t futex_until(int op, const struct timespec *ts)
{
    if (!ts)
        return 0;
    if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
        return time_after(ts);
    return time_until(op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, ts);
}

static long futex_wait(uint32_t *a, uint32_t expected, uint64_t until, const void *pc)
{
    point(OP_FUTEX_WAIT, a, pc);
    trace_value(expected);
    cancel_point();
    if (heap_owns(a))
        heap_check(a, 4, false, pc);
    if (*(volatile uint32_t *)a != expected) {
        trace_flag(STEP_FAILED);
        return -EAGAIN;
    }
    if (spurious()) {
        trace_flag(STEP_SPURIOUS);
        return 0;
    }
    if (until && until <= ex.time)
        return -ETIMEDOUT;
    struct object *o = object_of(a, OBJECT_FUTEX);
    if (block(o, OP_FUTEX_WAIT, until)) {
        trace_flag(STEP_TIMEOUT);
        return -ETIMEDOUT;
    }
    return 0;
}

static long futex_wake(void *a, int n, const void *pc)
{
    point(OP_FUTEX_WAKE, a, pc);
    struct object *o = object_of(a, OBJECT_FUTEX);
    long woken = 0;
    while (woken < n && wake_one(o))
        woken++;
    trace_value((uint64_t)woken);
    return woken;
}

/* Wake some, and let the others wait for another address. */
static long futex_requeue(void *a, int wake, int move, void *to, const void *pc)
{
    long done = futex_wake(a, wake, pc);
    struct object *from = object_of(a, OBJECT_FUTEX), *other = object_of(to, OBJECT_FUTEX);
    for (int i = 0; i < ex.threads && move > 0; i++)
        if (ex.thread[i].state == THREAD_BLOCKED && ex.thread[i].key == from) {
            ex.thread[i].key = other;
            move--;
            done++;
        }
    return done;
}

static long futex(long *x, const void *pc)
{
    int op = (int)x[1];
    switch (op & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return futex_wait((uint32_t *)x[0], (uint32_t)x[2],
                          futex_until(op, (struct timespec *)x[3]), pc);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return futex_wake((void *)x[0], (int)x[2], pc);
    case FUTEX_CMP_REQUEUE:
        if (*(volatile uint32_t *)x[0] != (uint32_t)x[5])
            return -EAGAIN;
        return futex_requeue((void *)x[0], (int)x[2], (int)x[3], (void *)x[4], pc);
    case FUTEX_REQUEUE:
        return futex_requeue((void *)x[0], (int)x[2], (int)x[3], (void *)x[4], pc);
    default:
        fail(FAIL_UNMODELLED, pc, "futex operation %d is not modelled", op & FUTEX_CMD_MASK);
    }
}

/* A fence in all threads at once, as membarrier() gives. */
static void fence_everywhere(const void *pc)
{
    point(OP_FENCE, NULL, pc);
    ++ex.sc;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < ex.threads; i++) {
            struct thread *t = &ex.thread[i];
            clock_join(&t->now, &t->pending, ex.lanes);
            clock_join_cc(&ex.sc_clock, &t->now, ex.lanes);
            clock_join_cc(&t->now, &ex.sc_clock, ex.lanes);
            clock_copy(&t->released, &t->now, ex.lanes);
            t->wants = true;
            t->fence_sc = ex.sc;
        }
    for (int i = 0; i < ex.threads; i++)
        clock_set(&ex.thread[i].now, i, ++ex.thread[i].at);
}

static long modelled(long n, long *x, const void *pc, bool *known)
{
    *known = true;
    switch (n) {
    case SYS_futex:
        return futex(x, pc);
    case SYS_gettid:
        return 1000 + ex.me->id;
    case SYS_getpid:
        return 1000;
    case SYS_sched_yield:
        point(OP_YIELD, NULL, pc);
        return 0;
    case SYS_membarrier:
        if (x[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED || x[0] == MEMBARRIER_CMD_GLOBAL)
            fence_everywhere(pc);
        return x[0] == MEMBARRIER_CMD_QUERY ? MEMBARRIER_CMD_PRIVATE_EXPEDITED |
                                                  MEMBARRIER_CMD_GLOBAL |
                                                  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
                                            : 0;
    default:
        *known = false;
        return 0;
    }
}

exported long syscall(long n, ...)
{
    va_list list;
    long x[6];
    va_start(list, n);
    for (int i = 0; i < 6; i++)
        x[i] = va_arg(list, long);
    va_end(list);
    static const long harmless[] = { SYS_uname, SYS_getuid, SYS_geteuid, SYS_mmap,
                                     SYS_munmap, SYS_madvise, SYS_mprotect, SYS_rseq,
                                     SYS_sched_getaffinity, SYS_getcpu };
    bool known = false;
    long r = ex.on ? modelled(n, x, CALLER, &known) : 0;
    if (!known) {
        bool noted = !ex.on;
        for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
            noted |= harmless[i] == n;
        if (!noted) {
            char words[80];
            snprintf(words, sizeof words, "system call %ld: passed to the kernel", n);
            gap(words);
        }
        r = real_syscall(n, x[0], x[1], x[2], x[3], x[4], x[5]);
    }
    if (r < 0 && r > -4096) {
        errno = (int)-r;
        return -1;
    }
    return r;
}
