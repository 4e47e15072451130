/* fiber/fiber_x86_64.S - the switch for the System V ABI.  Keeps rbx, rbp, r12 to r15;
 * the floating-point control words belong to the thread.  The unwind tables hold at
 * every instruction, so debuggers and backtrace() walk through a parked fiber and out
 * of none.
 * Tests: tests/fiber_test.c, against fiber_ucontext.c. */
    .text

/* void fiber_swap(struct fiber *from (rdi), struct fiber *to (rsi)); sp comes first in
 * struct fiber. */
    .globl fiber_swap
    .hidden fiber_swap
    .type fiber_swap, @function
    .p2align 4
fiber_swap:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    push %rbx
    .cfi_def_cfa_offset 24
    .cfi_offset %rbx, -24
    push %r12
    .cfi_def_cfa_offset 32
    .cfi_offset %r12, -32
    push %r13
    .cfi_def_cfa_offset 40
    .cfi_offset %r13, -40
    push %r14
    .cfi_def_cfa_offset 48
    .cfi_offset %r14, -48
    push %r15
    .cfi_def_cfa_offset 56
    .cfi_offset %r15, -56
    mov %rsp, (%rdi)
    mov (%rsi), %rsp        /* the other stack is laid out alike: the tables hold on */
    pop %r15
    .cfi_def_cfa_offset 48
    .cfi_restore %r15
    pop %r14
    .cfi_def_cfa_offset 40
    .cfi_restore %r14
    pop %r13
    .cfi_def_cfa_offset 32
    .cfi_restore %r13
    pop %r12
    .cfi_def_cfa_offset 24
    .cfi_restore %r12
    pop %rbx
    .cfi_def_cfa_offset 16
    .cfi_restore %rbx
    pop %rbp
    .cfi_def_cfa_offset 8
    .cfi_restore %rbp
    pop %rcx                /* not ret: its prediction is for another stack's caller */
    .cfi_def_cfa_offset 0
    .cfi_register %rip, %rcx
    jmp *%rcx
    .cfi_endproc
    .size fiber_swap, . - fiber_swap

/* The first frame of a fiber; fiber_frame has put self in rbx and main in r12.  It has
 * no caller: with rip undefined unwinders end here, with rbp 0 walkers of frame
 * pointers. */
    .globl fiber_start
    .hidden fiber_start
    .type fiber_start, @function
    .p2align 4
fiber_start:
    .cfi_startproc
    .cfi_undefined %rip
    mov %rbx, %rdi
    mov %r12, %rsi
    call fiber_begin
    ud2
    .cfi_endproc
    .size fiber_start, . - fiber_start

    .section .note.GNU-stack, "", @progbits
