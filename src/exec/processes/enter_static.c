/* exec/processes/enter_static.c - enter.h where the library is linked into the program.
 * Tests: tests/processes_inside_test.c. */
#include "exec/processes/enter.h"
#include <tutti.h>

enter_start __libc_start_main;
TUTTI_API int __libc_start_main(boot_main *real, int argc, char **argv, void (*init)(void),
                                void (*fini)(void), void (*loader_fini)(void),
                                void *stack_end)
{
    return enter_libc(real, argc, argv, init, fini, loader_fini, stack_end);
}
