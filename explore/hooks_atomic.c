/* explore/hooks_atomic.c - the calls that the compiler puts in the place of atomic
 * operations.  With exploration off they are those operations; else a point, then the
 * model.  Memory always holds the newest value.
 * Tests: tests/explore/operation.c, wide.c; tests/cells/stale_cas.c. */
#include "calls.h"
#include "engine.h"
#include "fail.h"
#include "model.h"
#include "orders.h"
#include "schedule.h"
#include "trace.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef wide u128;

/* The order of this operation: the compiler passes it in the low bits; orders.c may
 * note it or make it weaker. */
static inline int order_of(int order, enum op op, const void *pc)
{
    int mo = order & 15;
    if (rare(ex.orders))
        mo = orders_at(op, mo, pc);
    if (rare(ex.tracing) && ex.me->step)
        ex.me->step->order = (uint8_t)mo;
    return mo;
}

static inline void point_at(enum op op, void *a, size_t n, const void *pc)
{
    if (n == 16 && rare((uintptr_t)a & 15))
        fail(FAIL_MISUSE, pc, "thread %d uses an atomic of 16 bytes at %p, which is no "
             "multiple of 16", ex.me->id, a);
    point(op, a, pc);
}

static bool weak_fails(int weak)
{
    return weak && spurious();
}

static bool misses(void *a, int size, wide *seen, int fail_mo, const void *pc)
{
    int order = fail_mo & 15;
    return model_misses(a, size, seen, rare(ex.orders) ? orders_made(OP_LOAD, order, pc)
                                                       : order);
}

/* In each of these `real` names the family that does the operation with exploration
 * off: the compiler's own, or the one for 16 bytes below. */
#define LOAD(bits, type, real)                                                \
    static inline type load##bits(const volatile type *a, int mo, const void *pc) \
    {                                                                         \
        if (usual(!ex.on))                                                    \
            return real##load_n(a, __ATOMIC_SEQ_CST);                         \
        point_at(OP_LOAD, (void *)a, sizeof *a, pc);                          \
        return (type)model_load((void *)a, sizeof *a, *a,                     \
                                order_of(mo, OP_LOAD, pc));                   \
    }                                                                         \
    exported type __tsan_atomic##bits##_load(const volatile type *a, int mo); \
    type __tsan_atomic##bits##_load(const volatile type *a, int mo)           \
    {                                                                         \
        return load##bits(a, mo, CALLER);                                     \
    }

#define STORE(bits, type, real)                                               \
    static inline void store##bits(volatile type *a, type v, int mo, const void *pc) \
    {                                                                         \
        if (usual(!ex.on)) {                                                  \
            if (mo == __ATOMIC_SEQ_CST)                                       \
                real##store_n(a, v, __ATOMIC_SEQ_CST);                        \
            else                                                              \
                real##store_n(a, v, __ATOMIC_RELEASE);                        \
            return;                                                           \
        }                                                                     \
        point_at(OP_STORE, (void *)a, sizeof *a, pc);                         \
        model_store((void *)a, sizeof *a, *a, v, order_of(mo, OP_STORE, pc)); \
        *a = v;                                                               \
    }                                                                         \
    exported void __tsan_atomic##bits##_store(volatile type *a, type v, int mo); \
    void __tsan_atomic##bits##_store(volatile type *a, type v, int mo)        \
    {                                                                         \
        store##bits(a, v, mo, CALLER);                                        \
    }

#define RMW(bits, type, name, builtin, result)                                \
    static inline type name##bits(volatile type *a, type v, int mo, const void *pc) \
    {                                                                         \
        if (usual(!ex.on))                                                    \
            return builtin(a, v, __ATOMIC_SEQ_CST);                           \
        point_at(OP_RMW, (void *)a, sizeof *a, pc);                           \
        type old = *a;                                                        \
        type new = (type)(result);                                            \
        model_rmw((void *)a, sizeof *a, old, new, order_of(mo, OP_RMW, pc));  \
        *a = new;                                                             \
        return old;                                                           \
    }                                                                         \
    exported type __tsan_atomic##bits##_##name(volatile type *a, type v, int mo); \
    type __tsan_atomic##bits##_##name(volatile type *a, type v, int mo)       \
    {                                                                         \
        return name##bits(a, v, mo, CALLER);                                  \
    }

#define CAS_CORE(bits, type, real)                                            \
    static int explored_cas##bits(volatile type *a, type *expected, type v, int mo, \
                                  int fail_mo, int weak, const void *pc)      \
    {                                                                         \
        point_at(OP_CAS, (void *)a, sizeof *a, pc);                           \
        type old = *a;                                                        \
        wide seen = old;                                                      \
        bool same = old == *expected, odd = same && weak_fails(weak);         \
        if (same && !odd && usual(!misses((void *)a, sizeof *a, &seen, fail_mo, pc))) { \
            model_rmw((void *)a, sizeof *a, old, v, order_of(mo, OP_CAS, pc)); \
            *a = v;                                                           \
            return 1;                                                         \
        }                                                                     \
        trace_flag(STEP_FAILED);                                              \
        fail_mo = order_of(fail_mo, OP_LOAD, pc);                             \
        if (!same || odd)                                                     \
            seen = model_failed((void *)a, sizeof *a, old, *expected, fail_mo); \
        *expected = (type)seen;                                               \
        return 0;                                                             \
    }                                                                         \
    static inline int cas##bits(volatile type *a, type *expected, type v, int mo, \
                                int fail_mo, int weak, const void *pc)        \
    {                                                                         \
        if (usual(!ex.on))                                                    \
            return real##compare_exchange_n(a, expected, v, 0, __ATOMIC_SEQ_CST, \
                                            __ATOMIC_SEQ_CST);                \
        return explored_cas##bits(a, expected, v, mo, fail_mo, weak, pc);     \
    }

#define CAS(bits, type, name, weak)                                           \
    exported int __tsan_atomic##bits##_compare_exchange_##name(               \
        volatile type *a, type *expected, type v, int mo, int fail_mo);       \
    int __tsan_atomic##bits##_compare_exchange_##name(                        \
        volatile type *a, type *expected, type v, int mo, int fail_mo)        \
    {                                                                         \
        return cas##bits(a, expected, v, mo, fail_mo, weak, CALLER);          \
    }

#define CAS_VALUE(bits, type)                                                 \
    exported type __tsan_atomic##bits##_compare_exchange_val(                 \
        volatile type *a, type expected, type v, int mo, int fail_mo);        \
    type __tsan_atomic##bits##_compare_exchange_val(                          \
        volatile type *a, type expected, type v, int mo, int fail_mo)         \
    {                                                                         \
        cas##bits(a, &expected, v, mo, fail_mo, 0, CALLER);                   \
        return expected;                                                      \
    }

#define ALL(bits, type, real)                                                 \
    LOAD(bits, type, real)                                                    \
    STORE(bits, type, real)                                                   \
    RMW(bits, type, exchange, real##exchange_n, v)                            \
    RMW(bits, type, fetch_add, real##fetch_add, old + v)                      \
    RMW(bits, type, fetch_sub, real##fetch_sub, old - v)                      \
    RMW(bits, type, fetch_and, real##fetch_and, old &v)                       \
    RMW(bits, type, fetch_or, real##fetch_or, old | v)                        \
    RMW(bits, type, fetch_xor, real##fetch_xor, old ^ v)                      \
    RMW(bits, type, fetch_nand, real##fetch_nand, ~(old & v))                 \
    CAS_CORE(bits, type, real)                                                \
    CAS(bits, type, strong, 0)                                                \
    CAS(bits, type, weak, 1)                                                  \
    CAS_VALUE(bits, type)
ALL(8, u8, __atomic_)
ALL(16, u16, __atomic_)
ALL(32, u32, __atomic_)
ALL(64, u64, __atomic_)

/* For near.c, by the other name. */
#define TWICE(name) exported __typeof__(__tsan_##name) tutti_explore_##name           \
    __attribute__((alias("__tsan_" #name)));
TWICE(atomic8_load)
TWICE(atomic16_load)
TWICE(atomic32_load)
TWICE(atomic64_load)
TWICE(atomic8_store)
TWICE(atomic16_store)
TWICE(atomic32_store)
TWICE(atomic64_store)

/* --- 16 bytes, without the library that compilers leave them to --- */

/* The compilers' own form of this is a call into libatomic, by clang at least. */
static u128 swap16(volatile u128 *a, u128 old, u128 new)
{
    u64 low = (u64)old, high = (u64)(old >> 64);
    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(*a), "+a"(low), "+d"(high)
                     : "b"((u64)new), "c"((u64)(new >> 64))
                     : "memory", "cc");
    return (u128)high << 64 | low;
}

static inline u128 wide_load_n(const volatile u128 *a, int mo)
{
    (void)mo;
    return swap16((volatile u128 *)a, 0, 0); /* writes back what was there */
}

static inline int wide_compare_exchange_n(volatile u128 *a, u128 *expected, u128 v,
                                          int weak, int mo, int fail_mo)
{
    (void)weak, (void)mo, (void)fail_mo;
    u128 was = *expected;
    *expected = swap16(a, was, v);
    return *expected == was;
}

#define WIDE(name, result)                                                    \
    static inline u128 wide_##name(volatile u128 *a, u128 v, int mo)          \
    {                                                                         \
        u128 old = wide_load_n(a, mo);                                        \
        while (!wide_compare_exchange_n(a, &old, result, 0, mo, mo))          \
            ;                                                                 \
        return old;                                                           \
    }
WIDE(exchange_n, v)
WIDE(fetch_add, old + v)
WIDE(fetch_sub, old - v)
WIDE(fetch_and, old &v)
WIDE(fetch_or, old | v)
WIDE(fetch_xor, old ^ v)
WIDE(fetch_nand, ~(old & v))

static inline void wide_store_n(volatile u128 *a, u128 v, int mo)
{
    wide_exchange_n(a, v, mo);
}

ALL(128, u128, wide_)

wide atomic16_load(wide *a, int mo, const void *pc)
{
    return load128(a, mo, pc);
}

void atomic16_store(wide *a, wide v, int mo, const void *pc)
{
    store128(a, v, mo, pc);
}

wide atomic16_exchange(wide *a, wide v, int mo, const void *pc)
{
    return exchange128(a, v, mo, pc);
}

bool atomic16_cas(wide *a, wide *expected, wide v, int mo, int fail_mo, const void *pc)
{
    return cas128(a, expected, v, mo, fail_mo, 0, pc);
}

/* By the names of libatomic, where compilers that may not use the processor's own
 * instruction leave them; hooks_atomic_any.c has the names for any size. */
#define LIBATOMIC(type, name, parameters, call)                               \
    exported type explore_##name parameters __asm__("__atomic_" #name);       \
    type explore_##name parameters                                            \
    {                                                                         \
        return call;                                                          \
    }
#define LIBATOMIC_RMW(name)                                                   \
    LIBATOMIC(u128, name##_16, (volatile u128 *a, u128 v, int mo),            \
              name##128(a, v, mo, CALLER))
LIBATOMIC(u128, load_16, (const volatile u128 *a, int mo), load128(a, mo, CALLER))
LIBATOMIC(void, store_16, (volatile u128 * a, u128 v, int mo),
          store128(a, v, mo, CALLER))
LIBATOMIC(bool, compare_exchange_16,
          (volatile u128 *a, u128 *expected, u128 v, int mo, int fail_mo),
          cas128(a, expected, v, mo, fail_mo, 0, CALLER))
LIBATOMIC_RMW(exchange)
LIBATOMIC_RMW(fetch_add)
LIBATOMIC_RMW(fetch_sub)
LIBATOMIC_RMW(fetch_and)
LIBATOMIC_RMW(fetch_or)
LIBATOMIC_RMW(fetch_xor)
LIBATOMIC_RMW(fetch_nand)

exported void __tsan_atomic_thread_fence(int mo);
void __tsan_atomic_thread_fence(int mo)
{
    if (usual(!ex.on)) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return;
    }
    point(OP_FENCE, NULL, CALLER);
    model_fence(order_of(mo, OP_FENCE, CALLER));
}

exported void __tsan_atomic_signal_fence(int mo);
void __tsan_atomic_signal_fence(int mo)
{
    (void)mo;
}
