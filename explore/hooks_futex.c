/* explore/hooks_futex.c - futexes, one and several: all operations but those that
 * inherit priorities, which are an error that names them.  A wait may end without a wake,
 * as the kernel's may.
 * Tests: tests/cells/futex.c, tests/explore/calls_futex.c. */
#include "engine.h"
#include "fail.h"
#include "heap.h"
#include "locks.h"
#include "model.h"
#include "objects.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>
#include <linux/futex.h>

static uint64_t futex_until(int op, const struct timespec *ts)
{
    if (!ts)
        return 0;
    if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
        return time_after(ts);
    return time_until(op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, ts);
}

static long futex_wait(uint32_t *a, uint32_t expected, uint64_t until, uint32_t bits,
                       const void *pc)
{
    if (until == TIME_WRONG || !bits)
        return -EINVAL;
    point(OP_FUTEX_WAIT, a, pc);
    trace_value(expected);
    if (heap_owns(a)) /* no cancellation point: syscall() is none */
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
    ex.me->bits = bits;
    if (block(o, OP_FUTEX_WAIT, until)) {
        trace_flag(STEP_TIMEOUT);
        return -ETIMEDOUT;
    }
    return 0;
}

/* Answers with the place of the one that was woken. */
long futex_several(const long *x, const void *pc)
{
    const struct futex_waitv *v = (struct futex_waitv *)x[0];
    const struct timespec *ts = (struct timespec *)x[3];
    unsigned n = (unsigned)x[1];
    void *keys[FUTEX_WAITV_MAX];
    uint64_t until = ts ? time_until((clockid_t)x[4], ts) : 0;
    if (!n || n > FUTEX_WAITV_MAX || x[2] || until == TIME_WRONG)
        return -EINVAL;
    point(OP_FUTEX_WAIT, (void *)(uintptr_t)v[0].uaddr, pc);
    for (unsigned i = 0; i < n; i++) {
        uint32_t *a = (uint32_t *)(uintptr_t)v[i].uaddr;
        if (v[i].__reserved || (v[i].flags & ~(unsigned)FUTEX_PRIVATE_FLAG) != FUTEX_32)
            return -EINVAL;
        if (heap_owns(a))
            heap_check(a, 4, false, pc);
        if (*(volatile uint32_t *)a != (uint32_t)v[i].val) {
            trace_flag(STEP_FAILED);
            return -EAGAIN;
        }
        keys[i] = object_of(a, OBJECT_FUTEX);
    }
    if (spurious()) {
        trace_flag(STEP_SPURIOUS);
        return 0;
    }
    if (until && until <= ex.time)
        return -ETIMEDOUT;
    ex.me->bits = FUTEX_BITSET_MATCH_ANY;
    int which = block_any(keys, n, OP_FUTEX_WAIT, until);
    if (which >= 0)
        return which;
    trace_flag(STEP_TIMEOUT);
    return -ETIMEDOUT;
}

static long wake_at(void *a, int n, uint32_t bits)
{
    struct object *o = object_of(a, OBJECT_FUTEX);
    long woken = 0;
    while (woken < n && wake_one_of(o, bits))
        woken++;
    return woken;
}

static long futex_wake(void *a, int n, uint32_t bits, const void *pc)
{
    if (!bits)
        return -EINVAL;
    point(OP_FUTEX_WAKE, a, pc);
    long woken = wake_at(a, n, bits);
    trace_value((uint64_t)woken);
    return woken;
}

/* Wake some, and let others wait for another address, if *a is still as expected (NULL:
 * whatever it is). */
static long futex_requeue(uint32_t *a, int wake, int move, void *to,
                          const uint32_t *expected, const void *pc)
{
    point(OP_FUTEX_WAKE, a, pc);
    if (expected && *(volatile uint32_t *)a != *expected) {
        trace_flag(STEP_FAILED);
        return -EAGAIN;
    }
    long done = wake_at(a, wake, FUTEX_BITSET_MATCH_ANY);
    struct object *from = object_of(a, OBJECT_FUTEX),
                  *other = object_of(to, OBJECT_FUTEX);
    for (int i = 0; i < ex.threads && move > 0; i++)
        if (ex.thread[i].state == THREAD_BLOCKED && ex.thread[i].key == from) {
            ex.thread[i].key = other;
            move--;
            done += expected != NULL; /* the older call counts the woken alone */
        }
    trace_value((uint64_t)done);
    return done;
}

static bool compares(unsigned how, int old, int with)
{
    switch (how) {
    case FUTEX_OP_CMP_EQ: return old == with;
    case FUTEX_OP_CMP_NE: return old != with;
    case FUTEX_OP_CMP_LT: return old < with;
    case FUTEX_OP_CMP_LE: return old <= with;
    case FUTEX_OP_CMP_GT: return old > with;
    default: return old >= with;
    }
}

static uint32_t changed(unsigned how, uint32_t old, uint32_t by)
{
    switch (how) {
    case FUTEX_OP_SET: return by;
    case FUTEX_OP_ADD: return old + by;
    case FUTEX_OP_OR: return old | by;
    case FUTEX_OP_ANDN: return old & ~by;
    default: return old ^ by;
    }
}

/* Change what is at another address, wake some here and, if what was there compares as
 * asked, some there.  The word says all that in 4, 4, 12 and 12 bits. */
static long futex_wake_op(void *a, int wake, int wake_other, uint32_t *other,
                          uint32_t word, const void *pc)
{
    unsigned how = word >> 28 & 7, compare = word >> 24 & 15;
    int by = (int)(word << 8) >> 20, with = (int)(word << 20) >> 20;
    if (how > FUTEX_OP_XOR || compare > FUTEX_OP_CMP_GE)
        return -ENOSYS;
    if (word >> 28 & FUTEX_OP_OPARG_SHIFT)
        by = (int)(1u << (by & 31));
    point(OP_FUTEX_WAKE, a, pc);
    uint32_t old = *(volatile uint32_t *)other, new = changed(how, old, (uint32_t)by);
    model_rmw(other, 4, old, new, __ATOMIC_SEQ_CST);
    *(volatile uint32_t *)other = new;
    long woken = wake_at(a, wake, FUTEX_BITSET_MATCH_ANY);
    if (compares(compare, (int)old, with))
        woken += wake_at(other, wake_other, FUTEX_BITSET_MATCH_ANY);
    return woken;
}

static const char *futex_name(int op)
{
    static const char *const names[] = {
        [FUTEX_FD] = "FUTEX_FD", [FUTEX_LOCK_PI] = "FUTEX_LOCK_PI",
        [FUTEX_UNLOCK_PI] = "FUTEX_UNLOCK_PI", [FUTEX_TRYLOCK_PI] = "FUTEX_TRYLOCK_PI",
        [FUTEX_WAIT_REQUEUE_PI] = "FUTEX_WAIT_REQUEUE_PI",
        [FUTEX_CMP_REQUEUE_PI] = "FUTEX_CMP_REQUEUE_PI",
        [FUTEX_LOCK_PI2] = "FUTEX_LOCK_PI2",
    };
    bool known = op >= 0 && op < (int)(sizeof names / sizeof *names) && names[op];
    return known ? names[op] : "unknown";
}

long futex(long *x, const void *pc)
{
    uint32_t *a = (uint32_t *)x[0], *other = (uint32_t *)x[4], last = (uint32_t)x[5];
    int op = (int)x[1], command = op & FUTEX_CMD_MASK, n = (int)x[2], m = (int)x[3];
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return futex_wait(a, (uint32_t)n, futex_until(op, (struct timespec *)x[3]),
                          command == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : last, pc);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return futex_wake(a, n, command == FUTEX_WAKE ? FUTEX_BITSET_MATCH_ANY : last,
                          pc);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(a, n, m, other, &last, pc);
    case FUTEX_REQUEUE:
        return futex_requeue(a, n, m, other, NULL, pc);
    case FUTEX_WAKE_OP:
        return futex_wake_op(a, n, m, other, last, pc);
    default:
        fail(FAIL_UNMODELLED, pc,
             "futex operation %d (%s) is not modelled: take it out of "
             "the test",
             command, futex_name(command));
    }
}
