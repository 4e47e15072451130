/* fiber/fiber_x86_64.S - where a fiber begins, for the System V ABI.  The switch itself is
 * fiber/jump_x86_64.h.
 * Tests: tests/fiber_test.c, against fiber_ucontext.c. */
    .text

/* The first frame of a fiber; fiber_frame has put self and main at the stack's top.  It has
 * no caller: with rip undefined unwinders end here, with rbp 0 walkers of frame
 * pointers. */
    .globl fiber_start
    .hidden fiber_start
    .type fiber_start, @function
    .p2align 4
fiber_start:
    .cfi_startproc
    .cfi_undefined %rip
    mov (%rsp), %rdi
    mov 8(%rsp), %rsi
    call fiber_begin
    ud2
    .cfi_endproc
    .size fiber_start, . - fiber_start

/* Where functions marked returns_by_jump end in place of a return. */
    .globl __x86_return_thunk
    .hidden __x86_return_thunk
    .type __x86_return_thunk, @function
    .p2align 4
__x86_return_thunk:
    .cfi_startproc
    pop %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmp *%rcx
    .cfi_endproc
    .size __x86_return_thunk, . - __x86_return_thunk

    .section .note.GNU-stack, "", @progbits
