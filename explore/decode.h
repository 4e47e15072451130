/* explore/decode.h - which memory an instruction is about to touch. */
#ifndef EXPLORE_DECODE_H
#define EXPLORE_DECODE_H
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

/* An operand in memory.  relative: address counts from the next instruction's. */
struct operand {
    uintptr_t address;
    bool relative, written;
};

enum { OPERANDS = 2 };
/* The operands of the instruction at the registers' RIP, but for what lies on the stack
 * by push, call and the like, and in the thread's own segment; how many. */
int decode_operands(const greg_t *registers, struct operand *to);
#endif
