/* explore/hooks_atomic_any.c - atomics of sizes that no instruction has (a structure of
 * 24 bytes), by the names of libatomic, which need not be linked.  That library does
 * them under a lock, and so does this one: they are a point and then the whole effect,
 * ordered among themselves, never stale.  One of 16 bytes is an ordinary atomic that a
 * compiler left to the library because older processors have no instruction for it.
 * Tests: tests/explore/calls.c. */
#include "real.h"
#include <sched.h>
#include <string.h>

static int busy; /* with exploration off: somebody is in one of these */

static void enter(enum op op, void *a, size_t n, bool write, const void *pc)
{
    if (!ex.on) {
        /* Acquires what leave() of another thread released. */
        while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
            REAL(sched_yield)();
        return;
    }
    point(op, a, pc);
    if (heap_owns(a))
        heap_check(a, n, write, pc);
    if (write && restore_tracks)
        restore_touched(a, n);
    acquire_clock(&object_of(a, OBJECT_TOLD)->clock);
}

static void leave(void *a)
{
    if (ex.on)
        release_clock(&object_of(a, OBJECT_TOLD)->clock);
    else
        __atomic_store_n(&busy, 0, __ATOMIC_RELEASE); /* for enter() */
}

static bool ordinary(size_t n, const void *a)
{
    return n == 16 && !((uintptr_t)a & 15);
}

static wide value_of(const void *v)
{
    wide value;
    memcpy(&value, v, sizeof value);
    return value;
}

exported void explore_any_load(size_t n, void *a, void *to,
                               int mo) __asm__("__atomic_load");
void explore_any_load(size_t n, void *a, void *to, int mo)
{
    if (ordinary(n, a)) {
        wide value = atomic16_load(a, mo, CALLER);
        memcpy(to, &value, n);
        return;
    }
    enter(OP_LOAD, a, n, false, CALLER);
    memcpy(to, a, n);
    leave(a);
}

exported void explore_any_store(size_t n, void *a, void *v, int mo)
    __asm__("__atomic_store");
void explore_any_store(size_t n, void *a, void *v, int mo)
{
    if (ordinary(n, a)) {
        atomic16_store(a, value_of(v), mo, CALLER);
        return;
    }
    enter(OP_STORE, a, n, true, CALLER);
    memcpy(a, v, n);
    leave(a);
}

exported void explore_any_exchange(size_t n, void *a, void *v, void *to, int mo)
    __asm__("__atomic_exchange");
void explore_any_exchange(size_t n, void *a, void *v, void *to, int mo)
{
    if (ordinary(n, a)) {
        wide value = atomic16_exchange(a, value_of(v), mo, CALLER);
        memcpy(to, &value, n);
        return;
    }
    enter(OP_RMW, a, n, true, CALLER);
    memcpy(to, a, n);
    memcpy(a, v, n);
    leave(a);
}

exported bool explore_any_cas(size_t n, void *a, void *expected, void *v, int mo,
                              int fail_mo) __asm__("__atomic_compare_exchange");
bool explore_any_cas(size_t n, void *a, void *expected, void *v, int mo, int fail_mo)
{
    if (ordinary(n, a)) {
        wide value = value_of(expected);
        bool swapped = atomic16_cas(a, &value, value_of(v), mo, fail_mo, CALLER);
        memcpy(expected, &value, n);
        return swapped;
    }
    enter(OP_CAS, a, n, true, CALLER);
    bool same = !memcmp(a, expected, n);
    if (same) {
        memcpy(a, v, n);
    } else {
        trace_flag(STEP_FAILED);
        memcpy(expected, a, n);
    }
    leave(a);
    return same;
}
