/* hook/vfork_x86_64.S - vfork returns twice on one stack, so nothing may stand between it and
 * its caller: ask which one it is to be, and jump there. */
    .text
    .globl vfork
    .type vfork, @function
vfork:
    .cfi_startproc
    endbr64
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    call hook_vfork
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    jmp *%rax
    .cfi_endproc
    .size vfork, . - vfork
    .section .note.GNU-stack, "", @progbits
