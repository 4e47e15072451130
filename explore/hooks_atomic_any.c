/* explore/hooks_atomic_any.c - atomics of sizes that no instruction has (a structure of
 * 24 bytes), by the names of libatomic, which need not be linked.  That library does
 * them under a lock, and so does this one: they are a point and then the whole effect,
 * never stale, and order what their memory orders say.  One of 16 bytes is an ordinary
 * atomic that a compiler left to the library because older processors have no
 * instruction for it.
 * Tests: tests/explore/wide.c. */
#include "calls.h"
#include "engine.h"
#include "model.h"
#include "objects.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <sched.h>
#include <string.h>

static int busy; /* with exploration off: somebody is in one of these */

/* A point; with exploration off, alone from here to leave(). */
static void enter(enum op op, void *a, const void *pc)
{
    if (ex.on) {
        point(op, a, pc);
        return;
    }
    /* Acquires what leave() of another thread released. */
    while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
        REAL(sched_yield)();
}

/* What has been entered is about to read or write, with that order. */
static void look(void *a, size_t n, bool write, int order)
{
    if (ex.on)
        model_whole(a, n, write, order & 15, &object_of(a, OBJECT_TOLD)->clock);
}

static void leave(void)
{
    if (!ex.on)
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
    enter(OP_LOAD, a, CALLER);
    look(a, n, false, mo);
    memcpy(to, a, n);
    leave();
}

exported void explore_any_store(size_t n, void *a, void *v, int mo)
    __asm__("__atomic_store");
void explore_any_store(size_t n, void *a, void *v, int mo)
{
    if (ordinary(n, a)) {
        atomic16_store(a, value_of(v), mo, CALLER);
        return;
    }
    enter(OP_STORE, a, CALLER);
    look(a, n, true, mo);
    memcpy(a, v, n);
    leave();
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
    enter(OP_RMW, a, CALLER);
    look(a, n, true, mo);
    memcpy(to, a, n);
    memcpy(a, v, n);
    leave();
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
    enter(OP_CAS, a, CALLER);
    bool same = !memcmp(a, expected, n);
    look(a, n, same, same ? mo : fail_mo);
    if (same) {
        memcpy(a, v, n);
    } else {
        trace_flag(STEP_FAILED);
        memcpy(expected, a, n);
    }
    leave();
    return same;
}
