/* exec/processes/boot.c - see boot.h.  Runs before the program's constructors, at times
 * before the library's own, so it uses libc and nothing of ours.
 * Tests: tests/processes_guard_test.c. */
#include "exec/processes/boot.h"
#include "core/context.h"
#include "exec/processes/shared.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct boot boot;

/* Take every NAME=... out of the environment; the first in `value`.  By hand: unsetenv takes
 * out all, but getenv gives one only, and here nothing may allocate. */
static bool environment_take(const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    bool found = false;
    char **to = environ;
    for (char **at = environ; at && *at; at++) {
        if (strncmp(*at, name, length) || (*at)[length] != '=') {
            *to++ = *at;
            continue;
        }
        if (!found) {
            strncpy(value, *at + length + 1, size - 1);
            value[size - 1] = 0;
        }
        found = true;
    }
    if (environ)
        *to = NULL;
    return found;
}

/* Started by a home that has ended since, it is nobody's worker, and no program either: `main`
 * would do all of the program's work once more, with nobody to ask for it. */
static bool boot_has_home(pid_t home)
{
    if (getppid() != home)
        _exit(0);
    return true;
}

_Static_assert(offsetof(struct head, home) == 32 && offsetof(struct head, workers) == 36,
               "boot_is_true reads them");

/* Trust nothing that was found in the environment: it must be an arena of our parent's, and
 * know the same secret. */
static bool boot_is_true(const char *text)
{
    unsigned long long base, nonce;
    struct {
        uint64_t magic, nonce, base, total;
        int32_t home;
        uint32_t workers;
    } h; /* how a head begins: all of it is more than a megabyte, each page of which is touched
            when it is a local */
    if (sscanf(text, "%d,%d,%d,%u,%llx,%llx", &boot.arena, &boot.bell, &boot.life,
               &boot.index, &base, &nonce) != 6)
        return false;
    boot.base = base;
    int seals = fcntl(boot.arena, F_GET_SEALS);
    return seals >= 0 && seals & F_SEAL_SHRINK
           && pread(boot.arena, &h, sizeof h, 0) == (ssize_t)sizeof h && h.magic == ARENA_MAGIC
           && h.nonce == nonce && h.base == base && boot.index <= h.workers
           && ((boot.zygote = boot.index == h.workers), boot_has_home(h.home));
}

void boot_look(void)
{
    static bool looked;
    char text[160], depth[16] = "";
    if (looked)
        return;
    looked = true;
    for (char **at = environ; at && *at; at++)
        if (!strncmp(*at, BOOT_DEPTH "=", sizeof BOOT_DEPTH))
            strncpy(depth, *at + sizeof BOOT_DEPTH, sizeof depth - 1);
    unsigned long n = strtoul(depth, NULL, 10);
    boot.depth = n > BOOT_DEPTH_MOST ? BOOT_DEPTH_MOST : (unsigned)n;
    boot.meant = environment_take(BOOT_VARIABLE, text, sizeof text);
    boot.worker = boot.meant && boot_is_true(text);
    if (boot.worker) /* programs that tasks execute get none of these */
        for (int i = 0; i < 5; i++) {
            const int fd[] = { boot.arena, boot.bell, boot.life, BOOT_ASK, BOOT_SPILL };
            fcntl(fd[i], F_SETFD, FD_CLOEXEC);
        }
}

boot_main *boot_enter(boot_main *real)
{
    boot_look();
    boot.entered = true;
    return boot.worker ? worker_main : real;
}

int boot_may_open(void)
{
    boot_look();
    if (boot.worker)
        return why_set(-EPERM, "processes:// inside a worker process: open the outer one with "
                       "?inner=threads://N, and share that");
    if (boot.meant)
        return why_set(-EPERM, "processes:// is refused here: this process was started to be a "
                       "worker (" BOOT_VARIABLE " was set), but its home does not know it");
    if (boot.depth >= BOOT_DEPTH_MOST)
        return why_set(-ELOOP, "processes:// is nested %d deep already: programs that start "
                       "each other?", BOOT_DEPTH_MOST);
    return 0;
}

/* In a library that was loaded late nobody calls boot_enter; the variable goes all the same. */
__attribute__((constructor)) static void boot_begin(void)
{
    boot_look();
}
