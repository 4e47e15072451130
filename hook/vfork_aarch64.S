/* hook/vfork_aarch64.S - vfork returns twice on one stack, so nothing may stand between it and
 * its caller: ask which one it is to be, and jump there. */
    .text
    .globl vfork
    .type vfork, %function
vfork:
    .cfi_startproc
    hint #34
    stp x29, x30, [sp, #-16]!
    .cfi_adjust_cfa_offset 16
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    bl hook_vfork
    ldp x29, x30, [sp], #16
    .cfi_adjust_cfa_offset -16
    .cfi_restore x29
    .cfi_restore x30
    mov x16, x0
    br x16
    .cfi_endproc
    .size vfork, . - vfork
    .section .note.GNU-stack, "", %progbits
