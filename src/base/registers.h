/* base/registers.h - what a signal handler can learn of the code it interrupted. */
#ifndef BASE_REGISTERS_H
#define BASE_REGISTERS_H
#include <stdint.h>
#include <ucontext.h>

static inline uintptr_t registers_pc(const void *context)
{
    const ucontext_t *uc = context;
#if defined(__x86_64__)
    return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)uc->uc_mcontext.pc;
#else
    (void)uc;
    return 0;
#endif
}
static inline uintptr_t registers_sp(const void *context)
{
    const ucontext_t *uc = context;
#if defined(__x86_64__)
    return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)uc->uc_mcontext.sp;
#else
    (void)uc;
    return 0;
#endif
}
/* What a system call gave that did not take place. */
static inline void registers_set_result(void *context, long value)
{
    ucontext_t *uc = context;
#if defined(__x86_64__)
    uc->uc_mcontext.gregs[REG_RAX] = value;
#elif defined(__aarch64__)
    uc->uc_mcontext.regs[0] = (unsigned long long)value;
#else
    (void)uc;
    (void)value;
#endif
}
/* Its n-th argument, from 0 on. */
static inline uintptr_t registers_argument(const void *context, int n)
{
    const ucontext_t *uc = context;
#if defined(__x86_64__)
    static const int at[] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };
    return (uintptr_t)uc->uc_mcontext.gregs[at[n]];
#elif defined(__aarch64__)
    return (uintptr_t)uc->uc_mcontext.regs[n];
#else
    (void)uc;
    (void)n;
    return 0;
#endif
}
#endif
