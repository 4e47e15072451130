/* explore/real.h - the C library's own functions behind those that this library
 * defines, and the kernel without the library. */
#ifndef EXPLORE_REAL_H
#define EXPLORE_REAL_H
#include "common.h"

/* The kernel's answer as it gives it: -errno on failure. */
static inline long real_syscall(long n, long a, long b, long c, long d, long e, long f)
{
    long r;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}

/* The next definition of a function after ours, looked up once: REAL(close)(fd). */
void *real_find(const char *name);
#define REAL(name)                                                            \
    ({                                                                        \
        static __typeof__(&name) found_;                                      \
        if (rare(!found_))                                                    \
            found_ = (__typeof__(&name))real_find(#name);                     \
        found_;                                                               \
    })
#endif
