/* explore/common.h - what every file of the library begins with: names of libc's that
 * go around the hooks, and words of the compiler's. */
#ifndef EXPLORE_COMMON_H
#define EXPLORE_COMMON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The compiler's own calls of these must not meet the hooks that the program meets. */
#ifndef EXPLORE_DEFINES_LIBC
__asm__("memcpy = explore_memcpy");
__asm__("memmove = explore_memmove");
__asm__("memset = explore_memset");
__asm__("malloc = explore_malloc");
__asm__("calloc = explore_calloc");
__asm__("free = explore_free");
__asm__("memcmp = explore_memcmp");
__asm__("strlen = explore_strlen");
#endif

#define hidden __attribute__((visibility("hidden")))
#define exported __attribute__((visibility("default")))
#define rare(x) __builtin_expect(!!(x), 0)
#define usual(x) __builtin_expect(!!(x), 1)

typedef unsigned __int128 wide; /* a value of any size up to 16 bytes */
#endif
