/* exec/processes/enter.h - between the constructors and `main`.
 *
 * A worker must serve when the program's constructors have made its tasks known, and before
 * its `main`.  Libc's own start routine does just that, with a `main` that it is given; so
 * ours is called in its place and gives it another one. */
#ifndef EXEC_PROCESSES_ENTER_H
#define EXEC_PROCESSES_ENTER_H
#include "exec/processes/boot.h"
#include <dlfcn.h>
#include <unistd.h>

typedef int enter_start(boot_main *real, int argc, char **argv, void (*init)(void),
                        void (*fini)(void), void (*loader_fini)(void), void *stack_end);

static inline int enter_libc(boot_main *real, int argc, char **argv, void (*init)(void),
                             void (*fini)(void), void (*loader_fini)(void),
                             void *stack_end)
{
    union {
        void *found;
        enter_start *start;
    } libc = { dlsym(RTLD_NEXT, "__libc_start_main") };
    if (!libc.found)
        _exit(127); /* a libc without it: nothing of ours could have been linked */
    return libc.start(boot_enter(real), argc, argv, init, fini, loader_fini, stack_end);
}
#endif
