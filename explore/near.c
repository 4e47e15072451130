/* explore/near.c - libtutti-explore-near, which `tutti cc` links into each program: the
 * hooks before plain accesses, and of atomic loads and stores, once more, so that a
 * program that is not explored pays a near call and a compare for each and not the way
 * into another library.  In a program that explores they jump on to the library's,
 * which sees who called.
 * Tests: tests/cc_test.sh (what it builds runs and is explored). */
#include "near.h"
#include <stdint.h>

#define inside __attribute__((visibility("hidden")))
static bool exploring;

__attribute__((constructor(101))) static void begin(void)
{
    tutti_explore_near(&exploring);
}

#define ACCESS(name, size, writes)                                            \
    void tutti_explore_##name##size(void *a);                                 \
    inside void __tsan_##name##size(void *a);                                 \
    void __tsan_##name##size(void *a)                                         \
    {                                                                         \
        if (__builtin_expect(exploring, 0))                                   \
            tutti_explore_##name##size(a);                                    \
    }
ACCESSES(ACCESS)

void tutti_explore_func_entry(void *caller);
inside void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    if (__builtin_expect(exploring, 0))
        tutti_explore_func_entry(caller);
}

void tutti_explore_func_exit(void);
inside void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
    if (__builtin_expect(exploring, 0))
        tutti_explore_func_exit();
}

/* Atomic loads and stores, which cost as little; the others cost what they cost. */
#define LOAD_STORE(bits)                                                      \
    typedef uint##bits##_t u##bits;                                           \
    u##bits tutti_explore_atomic##bits##_load(const volatile u##bits *a, int order); \
    inside u##bits __tsan_atomic##bits##_load(const volatile u##bits *a, int order); \
    u##bits __tsan_atomic##bits##_load(const volatile u##bits *a, int order)  \
    {                                                                         \
        if (__builtin_expect(exploring, 0))                                   \
            return tutti_explore_atomic##bits##_load(a, order);               \
        return __atomic_load_n(a, __ATOMIC_SEQ_CST);                          \
    }                                                                         \
    void tutti_explore_atomic##bits##_store(volatile u##bits *a, u##bits v, int order); \
    inside void __tsan_atomic##bits##_store(volatile u##bits *a, u##bits v, int order); \
    void __tsan_atomic##bits##_store(volatile u##bits *a, u##bits v, int order) \
    {                                                                         \
        if (__builtin_expect(exploring, 0))                                   \
            tutti_explore_atomic##bits##_store(a, v, order);                  \
        else if (order == __ATOMIC_SEQ_CST)                                   \
            __atomic_store_n(a, v, __ATOMIC_SEQ_CST);                         \
        else                                                                  \
            __atomic_store_n(a, v, __ATOMIC_RELEASE);                         \
    }
LOAD_STORE(8)
LOAD_STORE(16)
LOAD_STORE(32)
LOAD_STORE(64)
