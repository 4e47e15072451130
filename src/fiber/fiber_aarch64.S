/* fiber/fiber_aarch64.S - the switch for AAPCS64.  Keeps x19 to x30 and the low halves
 * of v8 to v15; fpcr and fpsr belong to the thread.  The unwind tables hold at every
 * instruction, so debuggers and backtrace() walk through a parked fiber and out of
 * none.
 * Tests: tests/fiber_test.c, against fiber_ucontext.c. */
    .text

/* void fiber_swap(struct fiber *from (x0), struct fiber *to (x1)); sp comes first in
 * struct fiber. */
    .globl fiber_swap
    .hidden fiber_swap
    .type fiber_swap, %function
    .p2align 4
fiber_swap:
    .cfi_startproc
    hint #34                /* bti c: callers may come through a pointer */
    sub sp, sp, #160
    .cfi_def_cfa_offset 160
    stp x19, x20, [sp, #0]
    .cfi_offset x19, -160
    .cfi_offset x20, -152
    stp x21, x22, [sp, #16]
    .cfi_offset x21, -144
    .cfi_offset x22, -136
    stp x23, x24, [sp, #32]
    .cfi_offset x23, -128
    .cfi_offset x24, -120
    stp x25, x26, [sp, #48]
    .cfi_offset x25, -112
    .cfi_offset x26, -104
    stp x27, x28, [sp, #64]
    .cfi_offset x27, -96
    .cfi_offset x28, -88
    stp x29, x30, [sp, #80]
    .cfi_offset x29, -80
    .cfi_offset x30, -72
    stp d8, d9, [sp, #96]
    .cfi_offset d8, -64
    .cfi_offset d9, -56
    stp d10, d11, [sp, #112]
    .cfi_offset d10, -48
    .cfi_offset d11, -40
    stp d12, d13, [sp, #128]
    .cfi_offset d12, -32
    .cfi_offset d13, -24
    stp d14, d15, [sp, #144]
    .cfi_offset d14, -16
    .cfi_offset d15, -8
    mov x9, sp
    str x9, [x0]
    ldr x9, [x1]
    mov sp, x9              /* the other stack is laid out alike: the tables hold on */
    ldp d14, d15, [sp, #144]
    .cfi_restore d14
    .cfi_restore d15
    ldp d12, d13, [sp, #128]
    .cfi_restore d12
    .cfi_restore d13
    ldp d10, d11, [sp, #112]
    .cfi_restore d10
    .cfi_restore d11
    ldp d8, d9, [sp, #96]
    .cfi_restore d8
    .cfi_restore d9
    ldp x29, x30, [sp, #80]
    .cfi_restore x29
    .cfi_restore x30
    ldp x27, x28, [sp, #64]
    .cfi_restore x27
    .cfi_restore x28
    ldp x25, x26, [sp, #48]
    .cfi_restore x25
    .cfi_restore x26
    ldp x23, x24, [sp, #32]
    .cfi_restore x23
    .cfi_restore x24
    ldp x21, x22, [sp, #16]
    .cfi_restore x21
    .cfi_restore x22
    ldp x19, x20, [sp, #0]
    .cfi_restore x19
    .cfi_restore x20
    add sp, sp, #160
    .cfi_def_cfa_offset 0
    ret                     /* not br: a return needs no landing pad where it goes */
    .cfi_endproc
    .size fiber_swap, . - fiber_swap

/* The first frame of a fiber; fiber_frame has put self in x19 and main in x20.  It has
 * no caller: with x30 undefined unwinders end here, with x29 0 walkers of frame
 * pointers. */
    .globl fiber_start
    .hidden fiber_start
    .type fiber_start, %function
    .p2align 4
fiber_start:
    .cfi_startproc
    .cfi_undefined x30
    mov x0, x19
    mov x1, x20
    bl fiber_begin
    brk #1
    .cfi_endproc
    .size fiber_start, . - fiber_start

    .section .note.GNU-stack, "", %progbits
