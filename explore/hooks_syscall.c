/* explore/hooks_syscall.c - syscall(): futexes (hooks_futex.c), fences in all threads,
 * the calls by which threads yield and name themselves.  Others go to the kernel and
 * are noted, but for those that could block or would bring in what is not explored:
 * they are failures that name them.
 * Tests: tests/cells/futex.c, tests/explore_refuse_test.py. */
#include "calls.h"
#include "clock.h"
#include "engine.h"
#include "fail.h"
#include "gaps.h"
#include "locks.h"
#include "orders.h"
#include "real.h"
#include "schedule.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMED(name) { SYS_##name, #name }
static const struct { long n; const char *name; } waits[] = {
    NAMED(read), NAMED(write), NAMED(readv), NAMED(writev), NAMED(poll), NAMED(ppoll),
    NAMED(select), NAMED(pselect6), NAMED(epoll_wait), NAMED(epoll_pwait),
    NAMED(nanosleep), NAMED(clock_nanosleep), NAMED(accept), NAMED(accept4),
    NAMED(connect), NAMED(recvfrom), NAMED(recvmsg), NAMED(recvmmsg), NAMED(sendto),
    NAMED(sendmsg), NAMED(sendmmsg), NAMED(wait4), NAMED(waitid), NAMED(pause),
    NAMED(rt_sigtimedwait), NAMED(rt_sigsuspend), NAMED(flock), NAMED(fcntl),
    NAMED(msgrcv), NAMED(msgsnd), NAMED(semop), NAMED(semtimedop), NAMED(mq_timedsend),
    NAMED(mq_timedreceive), NAMED(io_uring_enter), NAMED(io_getevents), NAMED(fork),
    NAMED(vfork), NAMED(clone), NAMED(clone3), NAMED(execve),
};

const char *syscall_name(long n)
{
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        if (waits[i].n == n)
            return waits[i].name;
    return NULL;
}

/* A fence in all threads at once, as membarrier() gives. */
static void fence_everywhere(const void *pc)
{
    point(OP_FENCE, NULL, pc);
    if (rare(ex.orders) && orders_at(OP_FENCE, __ATOMIC_SEQ_CST, pc) != __ATOMIC_SEQ_CST)
        return; /* weakened: none at all */
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
    case SYS_futex_waitv:
        return futex_several(x, pc);
    case SYS_gettid:
        return 1000 + ex.me->id;
    case SYS_getpid:
        return 1000;
    case SYS_kill: /* the numbers of processes and threads are not the kernel's */
    case SYS_tkill:
    case SYS_tgkill:
        gap("signals sent by syscall(): never delivered");
        return 0;
    case SYS_sched_yield:
        point(OP_YIELD, NULL, pc);
        return 0;
    case SYS_membarrier:
        if (x[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED || x[0] == MEMBARRIER_CMD_GLOBAL)
            fence_everywhere(pc);
        return x[0] == MEMBARRIER_CMD_QUERY
                   ? MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_GLOBAL |
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
            const char *name = syscall_name(n);
            if (name && n != SYS_fcntl)
                fail(FAIL_UNMODELLED, CALLER,
                     "syscall(SYS_%s) is not modelled: take it "
                     "out of the test, or call the C library's %s()",
                     name, name);
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
