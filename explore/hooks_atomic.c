/* explore/hooks_atomic.c - the calls that the compiler puts in the place of atomic
 * operations.  With exploration off they are those operations; else a point, then the
 * model.  Memory always holds the newest value.
 * Tests: tests/cells/ (every operation and width against its plain twin). */
#include "engine.h"

typedef unsigned __int128 u128;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* The order of this operation: the compiler passes it in the low bits; orders.c may note it
 * or make it weaker. */
static inline int order_of(int order, enum op op, const void *pc)
{
    int mo = order & 15;
    if (rare(ex.orders))
        mo = orders_at(op, mo, pc);
    if (rare(ex.tracing) && ex.me->step)
        ex.me->step->order = (uint8_t)mo;
    return mo;
}

static bool weak_fails(int weak)
{
    return weak && spurious();
}

#define LOAD(bits, type)                                                      \
    exported type __tsan_atomic##bits##_load(const volatile type *a, int mo); \
    type __tsan_atomic##bits##_load(const volatile type *a, int mo)           \
    {                                                                         \
        if (usual(!ex.on))                                                    \
            return __atomic_load_n(a, __ATOMIC_SEQ_CST);                      \
        point(OP_LOAD, (void *)a, CALLER);                                    \
        return (type)model_load((void *)a, sizeof *a, *a,                      \
                                order_of(mo, OP_LOAD, CALLER), NULL);         \
    }

#define STORE(bits, type)                                                     \
    exported void __tsan_atomic##bits##_store(volatile type *a, type v, int mo); \
    void __tsan_atomic##bits##_store(volatile type *a, type v, int mo)        \
    {                                                                         \
        if (usual(!ex.on)) {                                                  \
            if (mo == __ATOMIC_SEQ_CST)                                       \
                __atomic_store_n(a, v, __ATOMIC_SEQ_CST);                     \
            else                                                              \
                __atomic_store_n(a, v, __ATOMIC_RELEASE);                     \
            return;                                                           \
        }                                                                     \
        point(OP_STORE, (void *)a, CALLER);                                   \
        model_store((void *)a, sizeof *a, *a, v, order_of(mo, OP_STORE, CALLER)); \
        *a = v;                                                               \
    }

#define RMW(bits, type, name, builtin, result)                                \
    exported type __tsan_atomic##bits##_##name(volatile type *a, type v, int mo); \
    type __tsan_atomic##bits##_##name(volatile type *a, type v, int mo)       \
    {                                                                         \
        if (usual(!ex.on))                                                    \
            return builtin(a, v, __ATOMIC_SEQ_CST);                           \
        point(OP_RMW, (void *)a, CALLER);                                     \
        type old = *a;                                                        \
        type new = (type)(result);                                            \
        model_rmw((void *)a, sizeof *a, old, new, order_of(mo, OP_RMW, CALLER)); \
        *a = new;                                                             \
        return old;                                                           \
    }

#define CAS(bits, type, name, weak)                                           \
    exported int __tsan_atomic##bits##_compare_exchange_##name(               \
        volatile type *a, type *expected, type v, int mo, int fail_mo);       \
    int __tsan_atomic##bits##_compare_exchange_##name(                        \
        volatile type *a, type *expected, type v, int mo, int fail_mo)        \
    {                                                                         \
        if (usual(!ex.on))                                                    \
            return __atomic_compare_exchange_n(a, expected, v, weak,          \
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        return cas##bits(a, expected, v, mo, fail_mo, weak, CALLER);          \
    }

#define CAS_CORE(bits, type)                                                  \
    static int cas##bits(volatile type *a, type *expected, type v, int mo, int fail_mo, \
                         int weak, const void *pc)                            \
    {                                                                         \
        point(OP_CAS, (void *)a, pc);                                         \
        type old = *a;                                                        \
        if (old == *expected && !weak_fails(weak)) {                          \
            model_rmw((void *)a, sizeof *a, old, v, order_of(mo, OP_CAS, pc)); \
            *a = v;                                                           \
            return 1;                                                         \
        }                                                                     \
        trace_flag(STEP_FAILED);                                              \
        *expected = (type)model_failed((void *)a, sizeof *a, old, *expected,  \
                                       order_of(fail_mo, OP_LOAD, pc));       \
        return 0;                                                             \
    }

#define CAS_VALUE(bits, type)                                                 \
    exported type __tsan_atomic##bits##_compare_exchange_val(                 \
        volatile type *a, type expected, type v, int mo, int fail_mo);        \
    type __tsan_atomic##bits##_compare_exchange_val(                          \
        volatile type *a, type expected, type v, int mo, int fail_mo)         \
    {                                                                         \
        if (usual(!ex.on))                                                    \
            __atomic_compare_exchange_n(a, &expected, v, 0, __ATOMIC_SEQ_CST, \
                                        __ATOMIC_SEQ_CST);                    \
        else                                                                  \
            cas##bits(a, &expected, v, mo, fail_mo, 0, CALLER);               \
        return expected;                                                      \
    }

#define ALL(bits, type)                                                       \
    LOAD(bits, type)                                                          \
    STORE(bits, type)                                                         \
    RMW(bits, type, exchange, __atomic_exchange_n, v)                         \
    RMW(bits, type, fetch_add, __atomic_fetch_add, old + v)                   \
    RMW(bits, type, fetch_sub, __atomic_fetch_sub, old - v)                   \
    RMW(bits, type, fetch_and, __atomic_fetch_and, old &v)                    \
    RMW(bits, type, fetch_or, __atomic_fetch_or, old | v)                     \
    RMW(bits, type, fetch_xor, __atomic_fetch_xor, old ^ v)                   \
    RMW(bits, type, fetch_nand, __atomic_fetch_nand, ~(old & v))              \
    CAS_CORE(bits, type)                                                      \
    CAS(bits, type, strong, 0)                                                \
    CAS(bits, type, weak, 1)                                                  \
    CAS_VALUE(bits, type)
ALL(8, u8)
ALL(16, u16)
ALL(32, u32)
ALL(64, u64)

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
