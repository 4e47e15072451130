/* fiber/told.c - tells ThreadSanitizer, AddressSanitizer, LeakSanitizer and valgrind
 * which stacks there are.  Compiles to nearly nothing in ordinary builds.
 * Tests: tests/fiber_test.c, run under each of them. */
#include "base/atomic.h"
#include "fiber/inside.h"
#include <pthread.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(low, high) 0u
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define RUNNING_ON_VALGRIND 0
#endif

bool fiber_emulated(void)
{
    return RUNNING_ON_VALGRIND;
}

/* A frame of no kind that valgrind has a short cut for; nothing touches it. */
static __attribute__((noinline)) void large_frame(void)
{
    char frame[2000];
    __asm__ volatile("" : : "r"(frame) : "memory");
}

void fiber_stack_here(void)
{
    if (RUNNING_ON_VALGRIND)
        large_frame();
}

#if FIBER_ASAN
void __asan_unpoison_memory_region(void const volatile *at, size_t size);
void __lsan_register_root_region(const void *at, size_t size);
void __lsan_unregister_root_region(const void *at, size_t size);
#endif

#if FIBER_TSAN
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void *__tsan_get_current_fiber(void);
/* It aborts at 8,128 threads and fibers; leave some for the threads. */
enum { TSAN_MOST = 8000 };
static _Atomic int tsan_fibers;
#endif

bool told_new(struct fiber *f)
{
#if FIBER_TSAN
    if (add_relaxed(&tsan_fibers, 1) >= TSAN_MOST) { /* only a count */
        sub_relaxed(&tsan_fibers, 1);
        return false;
    }
    f->tsan = __tsan_create_fiber(0);
#endif
#if FIBER_ASAN
    /* An earlier mapping at this place may have left marks.  What parked frames point
     * to is not leaked. */
    __asan_unpoison_memory_region(f->low, (size_t)(f->high - f->low));
    __lsan_register_root_region(f->low, (size_t)(f->high - f->low));
#endif
    f->valgrind = VALGRIND_STACK_REGISTER(f->low, f->high);
    return true;
}

void told_gone(struct fiber *f)
{
    VALGRIND_STACK_DEREGISTER(f->valgrind);
#if FIBER_ASAN
    __asan_unpoison_memory_region(f->low, (size_t)(f->high - f->low));
    __lsan_unregister_root_region(f->low, (size_t)(f->high - f->low));
#endif
#if FIBER_TSAN
    __tsan_destroy_fiber(f->tsan);
    sub_relaxed(&tsan_fibers, 1); /* only a count */
#endif
}

void told_adopt(struct fiber *f)
{
#if FIBER_TSAN
    f->tsan = __tsan_get_current_fiber();
#elif FIBER_ASAN
    pthread_attr_t attr;
    void *low;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attr))
        return;
    if (!pthread_attr_getstack(&attr, &low, &size)) {
        f->low = low;
        f->high = (char *)low + size;
    }
    pthread_attr_destroy(&attr);
#else
    (void)f;
#endif
}
