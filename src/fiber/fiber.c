/* fiber/fiber.c - switching, and the first frame of a fiber.  In ordinary builds
 * fiber_switch is the architecture's fiber_swap and nothing else; fiber_switch_here is it
 * in the caller's frame, where there is such a thing.
 * Tests: tests/fiber_test.c. */
#include "fiber/inside.h"
#include "base/race.h"
#include <stdlib.h>
#include <string.h>

#if FIBER_ASAN
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size);
#endif
#if FIBER_TSAN
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
enum { TSAN_SYNC = 0 };
#endif

void fiber_begin(struct fiber *self, fiber_main *main)
{
#if FIBER_ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
    main(self);
    abort(); /* a fiber's main must never return: there is nothing to return to */
}

__attribute__((no_sanitize_thread)) void fiber_switch(struct fiber *from,
                                                      struct fiber *to)
{
#if FIBER_ASAN
    __sanitizer_start_switch_fiber(&from->asan, to->low, (size_t)(to->high - to->low));
#endif
#if FIBER_TSAN
    race_let_signals_in(); /* they would wait for this fiber, not for this thread */
    /* With an edge from `from` to `to`: what belongs to a thread passes from fiber to fiber
     * of that thread without atomics, not only our queues and caches but every variable
     * of that storage in the program and its libraries, errno first of all.  Without the
     * edge each of those would be reported.  So a race is reported between tasks on
     * different workers, and not between tasks that take turns. */
    __tsan_switch_to_fiber(to->tsan, TSAN_SYNC);
#endif
    fiber_swap(from, to);
#if FIBER_ASAN
    __sanitizer_finish_switch_fiber(from->asan, NULL, NULL);
#endif
}

void fiber_adopt(struct fiber *f)
{
    memset(f, 0, sizeof *f);
    told_adopt(f);
}

void fiber_adopt_end(struct fiber *f)
{
    memset(f, 0, sizeof *f);
}

#if !defined(FIBER_UCONTEXT)
void fiber_start(void); /* in the architecture's file; not called from C */

#if FIBER_JUMPS
__attribute__((no_sanitize_thread)) void fiber_swap(struct fiber *from, struct fiber *to)
{
    fiber_jump(from, to);
}

void fiber_frame(struct fiber *f, fiber_main *main)
{
    /* The stack pointer that fiber_start finds must be a multiple of 16. */
    uintptr_t *frame = (uintptr_t *)((uintptr_t)f->high & ~(uintptr_t)15) - 2;
    frame[0] = (uintptr_t)f;
    frame[1] = (uintptr_t)main;
    f->sp = frame;
    f->pc = (void *)(uintptr_t)fiber_start;
    f->bp = NULL;
}
#elif defined(__aarch64__)
/* The words that fiber_swap pops, from sp upwards: x19 .. x28 x29 x30 d8 .. d15. */
enum { WORDS = 20, SELF = 0, MAIN = 1, PC = 11 };

void fiber_frame(struct fiber *f, fiber_main *main)
{
    /* The stack pointer that fiber_start finds must be a multiple of 16. */
    uintptr_t *frame = (uintptr_t *)((uintptr_t)f->high & ~(uintptr_t)15) - WORDS;
    memset(frame, 0, WORDS * sizeof *frame);
    frame[SELF] = (uintptr_t)f;
    frame[MAIN] = (uintptr_t)main;
    frame[PC] = (uintptr_t)fiber_start;
    f->sp = frame;
}
#endif
#endif
