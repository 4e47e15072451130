/* fiber/jump_x86_64.h - the switch for the System V ABI, in the caller's own frame.
 *
 * Inline, not a function, for the sake of the processor's return predictor: it expects a
 * return for each call.  A function that is called here and left by a jump on another
 * stack puts all returns that follow off by one, each a mispredict of some 5 ns; one that
 * ends in ret is predicted only if the other fiber has left from the same place.  This way
 * there is no call, and the jump is predicted by its history.  Besides, the compiler saves
 * what is in use and no more.
 *
 * So what is resumed should not return either to where the processor expects the one that was
 * left to: a function marked returns_by_jump takes its return address from the stack and
 * jumps (__x86_return_thunk in fiber_x86_64.S, by the name that gcc gives it).
 *
 * Kept over it: all that a call keeps.  The floating-point control words belong to the
 * thread.  Neither the stack pointer nor the red zone below it is touched on this side; the
 * unwind tables hold at every instruction, so debuggers and backtrace() walk through a
 * parked fiber.  Who is resumed appears as the caller of the last instruction here; the nop
 * belongs to it, since unwinders look up the byte before an address.
 * Tests: tests/fiber_test.c. */
#ifndef FIBER_JUMP_H
#define FIBER_JUMP_H

/* Without unwind tables there must be no directives for them. */
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define FIBER_CFI(words) words
#else
#define FIBER_CFI(words)
#endif
#ifdef __AVX512F__
#define FIBER_WIDE                                                            \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", \
        "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30",        \
        "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define FIBER_WIDE
#endif

/* rbp is kept by hand, since it may be the frame pointer. */
static inline __attribute__((always_inline)) void fiber_jump(struct fiber *from,
                                                             struct fiber *to)
{
    __asm__ volatile(
        "lea 1f(%%rip), %%rcx\n\t"
        "mov %%rsp, 0(%%rdi)\n\t"
        "mov %%rcx, 8(%%rdi)\n\t"
        "mov %%rbp, 16(%%rdi)\n\t"
        "mov 16(%%rsi), %%rdx\n\t"
        "cmp 8(%%rsi), %%rcx\n\t"
        "je 2f\n\t"
        "mov 8(%%rsi), %%rcx\n\t"
        "mov 0(%%rsi), %%rsp\n\t"
        FIBER_CFI(".cfi_remember_state\n\t"
                  ".cfi_def_cfa %%rsp, 0\n\t"
                  ".cfi_register %%rip, %%rcx\n\t"
                  ".cfi_register %%rbp, %%rdx\n\t"
                  ".cfi_same_value %%rbx\n\t"
                  ".cfi_same_value %%r12\n\t"
                  ".cfi_same_value %%r13\n\t"
                  ".cfi_same_value %%r14\n\t"
                  ".cfi_same_value %%r15\n\t")
        "mov %%rdx, %%rbp\n\t"
        FIBER_CFI(".cfi_same_value %%rbp\n\t")
        "jmp *%%rcx\n\t"
        FIBER_CFI(".cfi_restore_state\n\t")
        "nop\n"
        "2:\n\t"
        "mov 0(%%rsi), %%rsp\n\t"
        "mov %%rdx, %%rbp\n"
        "1:"
        : "+D"(from), "+S"(to)
        :
        : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
          "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc" FIBER_WIDE);
}
#endif
