/* exec/processes/enter_shared.c - enter.h in the shared library.  The name carries libc's
 * version, and is no default one: so the loader finds it before libc's, while nobody links
 * against it and a program runs with a libtutti that lacks it, too.
 * Tests: tests/processes_guard_test.c. */
#include "exec/processes/enter.h"
#include <tutti.h>

enter_start enter_shared;
TUTTI_API int enter_shared(boot_main *real, int argc, char **argv, void (*init)(void),
                           void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    return enter_libc(real, argc, argv, init, fini, loader_fini, stack_end);
}
__asm__(".symver enter_shared, __libc_start_main@GLIBC_2.34");
