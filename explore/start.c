/* explore/start.c - how this library gets into a program: it stands before libc and
 * takes over the call of main.  Without TUTTI_EXPLORE main runs as ever.  With it the
 * program is executed once more without randomness in its addresses, and main belongs
 * to search.c.
 * Tests: tests/cc_test.sh (plain runs), tests/explore_test.py (what is refused). */
#include "common.h"
#include "fail.h"
#include "heap.h"
#include "memory_inside.h"
#include "options.h"
#include "real.h"
#include "run.h"
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

typedef int main_function(int, char **, char **);
static main_function *program;
static char **arguments;

void *real_find(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);
    if (!p)
        cannot("libc has no %s: this library needs glibc 2.34 or later", name);
    return p;
}

static uint64_t mix(uint64_t h, const void *data, size_t n)
{
    const char *p = data;
    uint64_t word;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    return h;
}

/* Code and constants of the executable, of this library, and nothing of the system's.
 */
static int scan_print(struct dl_phdr_info *info, size_t size, void *arg)
{
    uint64_t *h = arg;
    (void)size;
    const char *name = info->dlpi_name ? info->dlpi_name : "";
    if (*name && !strstr(name, "libtutti-explore"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
            *h = mix(*h, (void *)(info->dlpi_addr + p->p_vaddr), p->p_filesz);
    }
    return 0;
}

uint32_t options_fingerprint(void)
{
    static uint32_t known;
    if (!known) {
        uint64_t h = 1;
        dl_iterate_phdr(scan_print, &h);
        known = (uint32_t)(h >> 32) | 1;
    }
    return known;
}

/* Execute the program again without address randomness and with all its symbols bound,
 * so that nothing of the loader's changes while schedules run. */
static void steady(char **argv)
{
    int now = personality(0xffffffff);
    if (getenv("TUTTI_EXPLORE_STEADY")) {
        unsetenv("TUTTI_EXPLORE_STEADY");
        unsetenv("LD_BIND_NOW");
        return;
    }
    if (now != -1 && !(now & ADDR_NO_RANDOMIZE) &&
        personality(now | ADDR_NO_RANDOMIZE) == -1)
        now = -1;
    setenv("TUTTI_EXPLORE_STEADY", "1", 1);
    setenv("LD_BIND_NOW", "1", 1);
    execv("/proc/self/exe", argv);
    unsetenv("TUTTI_EXPLORE_STEADY"); /* no /proc: go on as we are */
}

__attribute__((constructor(101))) static void open_library(int argc, char **argv)
{
    (void)argc;
    memory_open(false);
    if (!getenv("TUTTI_EXPLORE"))
        return;
    options_read();
    steady(argv);
    Dl_info theirs, ours;
    void *hook = dlsym(RTLD_DEFAULT, "__tsan_init");
    if (dladdr(hook, &theirs) && dladdr(&program, &ours) &&
        theirs.dli_fbase != ours.dli_fbase)
        cannot("ThreadSanitizer is linked too and stands in front of this library: "
               "compile "
               "with -fsanitize=thread, and link without it (tutti cc does)");
    if (!heap_open())
        cannot("no address space for the program's heap: 128 GiB of it are set aside, "
               "and hardly used; lift the limit (ulimit -v unlimited)");
    memory_open(true);
}

static int explored_main(int argc, char **argv, char **env)
{
    return search_main(program, argc, argv, env);
}

exported int __libc_start_main(main_function *main, int argc, char **argv,
                               void (*init)(void), void (*fini)(void),
                               void (*loader_fini)(void), void *stack_end);
int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    __typeof__(&__libc_start_main) real = dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    arguments = argv;
    return real(options.explore ? explored_main : main, argc, argv, init, fini,
                loader_fini, stack_end);
}
