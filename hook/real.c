/* hook/real.c - libc's own functions, found behind ours; and where the runtime's code lies.
 * Tests: tests/hook_test.c. */
#include "hook/hook.h"
#include <dlfcn.h>
#include <link.h>

struct libc hook_libc;
_Atomic bool hook_libc_known;

/* Holds: code of libtutti lies in [low, high). */
static struct {
    uintptr_t low, high;
} runtime;

static int find_runtime(struct dl_phdr_info *info, size_t size, void *address)
{
    (void)size;
    uintptr_t at = (uintptr_t)address;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || at < low || at >= low + part->p_memsz)
            continue;
        runtime.low = low;
        runtime.high = low + part->p_memsz;
        return 1;
    }
    return 0;
}

bool hook_is_runtime(const void *from)
{
    return (uintptr_t)from - runtime.low < runtime.high - runtime.low;
}

/* By several threads at once at the worst: all find the same.  A call that this libc does not
 * have stays NULL; nobody can have linked with it. */
void hook_libc_find(void)
{
    int kept = errno;
#define HOOK_FIND(name) hook_libc.name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);
    HOOK_CALLS(HOOK_FIND)
#undef HOOK_FIND
    dl_iterate_phdr(find_runtime, (void *)(uintptr_t)&tutti_task_here);
    store_release(&hook_libc_known, true); /* pairs with libc() */
    errno = kept;
}

__attribute__((constructor(101))) static void real_begin(void)
{
    libc();
}
