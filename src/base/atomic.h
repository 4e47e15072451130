/* base/atomic.h - C11 atomics with the memory order in the name, so that a grep shows
 * every order in use.  Each use names, in a comment, the access it pairs with, or says
 * why nothing more is needed.  Nothing here knows what it is used for. */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define load_seqcst(p) atomic_load_explicit((p), memory_order_seq_cst)
#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define store_seqcst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define swap_acquire(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define swap_release(p, v) atomic_exchange_explicit((p), (v), memory_order_release)
#define swap_acqrel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define swap_seqcst(p, v) atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define add_acquire(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acquire)
#define add_acqrel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define add_release(p, v) atomic_fetch_add_explicit((p), (v), memory_order_release)
#define add_seqcst(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define sub_release(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_release)
#define sub_acquire(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acquire)
#define sub_acqrel(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)
#define or_relaxed(p, v) atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define or_acquire(p, v) atomic_fetch_or_explicit((p), (v), memory_order_acquire)
#define or_release(p, v) atomic_fetch_or_explicit((p), (v), memory_order_release)
#define or_acqrel(p, v) atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define or_seqcst(p, v) atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)
#define and_relaxed(p, v) atomic_fetch_and_explicit((p), (v), memory_order_relaxed)
#define and_acqrel(p, v) atomic_fetch_and_explicit((p), (v), memory_order_acq_rel)
/* Compare-and-swap; *e receives what was there when it fails. */
#define cas_relaxed(p, e, v)                                                  \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_relaxed, \
                                            memory_order_relaxed)
#define cas_acquire(p, e, v)                                                  \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_acquire, \
                                            memory_order_relaxed)
#define cas_release(p, e, v)                                                  \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_release, \
                                            memory_order_relaxed)
#define cas_acqrel(p, e, v)                                                   \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_acq_rel, \
                                            memory_order_acquire)
#define cas_seqcst(p, e, v)                                                   \
    atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_seq_cst, \
                                            memory_order_seq_cst)
#define fence_acquire() atomic_thread_fence(memory_order_acquire)
#define fence_release() atomic_thread_fence(memory_order_release)
/* The same barrier as atomic_thread_fence(memory_order_seq_cst) by its older name: gcc warns
 * that ThreadSanitizer makes no edge of the newer one, and we need none from it. */
#define fence_seqcst() __sync_synchronize()
/* Orders the compiler alone: for what a signal handler of this thread sees. */
#define fence_signal() atomic_signal_fence(memory_order_seq_cst)

/* n more, by the only thread that writes *p; readers take what they find.  One instruction
 * where the compiler would make three of a load and a store. */
static inline void count_add(_Atomic int64_t *p, int64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    __asm__("addq %1, %0" : "+m"(*p) : "er"(n) : "cc");
#else
    store_relaxed(p, load_relaxed(p) + n);
#endif
}
static inline void count_one(_Atomic uint64_t *p)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    __asm__("addq $1, %0" : "+m"(*p) : : "cc");
#else
    store_relaxed(p, load_relaxed(p) + 1);
#endif
}

/* A function whose insides no caller may learn: for what switches stacks, after which the
 * address of a thread-local may be another. */
#if defined(__clang__)
#define closed_call __attribute__((noinline))
#else
#define closed_call __attribute__((noipa))
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Tell the processor that this is a spin loop. */
static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
#endif
