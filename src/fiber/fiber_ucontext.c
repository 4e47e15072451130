/* fiber/fiber_ucontext.c - the switch in C's own terms, with a system call each: the
 * reference that the assembly is tested against, and what other processors get.
 * A context lies on its own stack: while switched out, sp points to it.
 * Tests: tests/fiber_test.c in a build with -Dfiber=ucontext. */
#include "fiber/inside.h"
#include <stdlib.h>
#include <ucontext.h>

/* Unseen by ThreadSanitizer, which believes to be in `to` already. */
__attribute__((no_sanitize_thread)) void fiber_swap(struct fiber *from,
                                                    struct fiber *to)
{
    ucontext_t here;
    from->sp = &here;
    if (swapcontext(&here, to->sp))
        abort(); /* it only fails for want of a valid context */
}

/* makecontext passes nothing but ints. */
static void begin(unsigned self_high, unsigned self_low, unsigned main_high,
                  unsigned main_low)
{
    uintptr_t self = (uintptr_t)self_high << 32 | self_low;
    uintptr_t main = (uintptr_t)main_high << 32 | main_low;
    fiber_begin((struct fiber *)self, (fiber_main *)main);
}

void fiber_frame(struct fiber *f, fiber_main *main)
{
    uintptr_t self = (uintptr_t)f, run = (uintptr_t)main;
    ucontext_t *first = (ucontext_t *)((uintptr_t)f->high & ~(uintptr_t)63) - 1;
    if (getcontext(first))
        abort(); /* cannot fail on Linux */
    /* The frames begin below `first`, which the first switch still has to read. */
    first->uc_stack.ss_sp = f->low;
    first->uc_stack.ss_size = (size_t)((char *)first - f->low);
    first->uc_link = NULL;
    makecontext(first, (void (*)(void))begin, 4, (unsigned)(self >> 32), (unsigned)self,
                (unsigned)(run >> 32), (unsigned)run);
    f->sp = first;
}
