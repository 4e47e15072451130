/* explore/scarce.c - see scarce.h.  Not base/memory.h: its malloc would be the
 * program's own heap, which each schedule empties.
 * Tests: tests/explore_refuse_test.py (each request refused in turn). */
#include "base/memory.h"
#include "real.h"
#include "scarce.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *scarce_bytes(size_t n)
{
    return fault_now() ? NULL : calloc(1, n);
}

static void *map(void *at, size_t n, int flags)
{
    if (fault_now())
        return NULL;
    flags |= MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED_NOREPLACE : 0);
    long p = real_syscall(SYS_mmap, (long)at, (long)n, PROT_READ | PROT_WRITE, flags, -1,
                          0); /* not as the program does: it stays */
    return (p < 0 && p > -4096) || (at && p != (long)at) ? NULL : (void *)p;
}

void *scarce_map(void *at, size_t n)
{
    return map(at, n, MAP_PRIVATE);
}

void *scarce_shared(size_t n)
{
    return map(NULL, n, MAP_SHARED);
}

long scarce_fork(void)
{
    return fault_now() ? -EAGAIN : real_syscall(SYS_fork, 0, 0, 0, 0, 0, 0);
}

int scarce_open(const char *path, int flags)
{
    errno = EMFILE;
    return fault_now() ? -1 : open(path, flags | O_CLOEXEC);
}

FILE *scarce_pipe(const char *command)
{
    return fault_now() ? NULL : popen(command, "r");
}

FILE *scarce_stream(int fd)
{
    int copy = fault_now() ? -1 : dup(fd);
    FILE *f = copy < 0 || fault_now() ? NULL : fdopen(copy, "w");
    if (!f && copy >= 0)
        close(copy);
    return f;
}
