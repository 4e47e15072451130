/* explore/hooks_map.c - memory that the program maps itself.  What is unmapped was used
 * by all who touched it, and what is mapped in its place later is new: nobody has
 * touched that.  Mappings that a schedule leaves behind are taken down after it, or
 * addresses would differ from schedule to schedule, and run out.
 * Holds: kept[0..keeps) are mappings of this schedule, which do not overlap; those with
 * MAP_FIXED lie in others and are not among them.
 * Tests: tests/cells/mapped.c. */
#include "calls.h"
#include "engine.h"
#include "races.h"
#include "real.h"
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { KEPT = 1024 };
static struct kept { char *low, *high; } kept[KEPT];
static int keeps;

static size_t pages(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

static void keep(char *low, char *high)
{
    if (low < high && keeps < KEPT)
        kept[keeps++] = (struct kept){ low, high };
}

/* [low, high) is no mapping of this schedule any more. */
static void drop(char *low, char *high)
{
    for (int i = keeps; i-- > 0;) {
        struct kept k = kept[i];
        if (k.high <= low || high <= k.low)
            continue;
        kept[i] = kept[--keeps];
        keep(k.low, low);
        keep(high, k.high);
    }
}

void maps_reset(void)
{
    for (int i = 0; i < keeps; i++)
        real_syscall(SYS_munmap, (long)kept[i].low, kept[i].high - kept[i].low, 0, 0, 0,
                     0);
    keeps = 0;
}

static void *answer(long r)
{
    if (r < 0 && r > -4096) {
        errno = (int)-r;
        return MAP_FAILED;
    }
    return (void *)r;
}

static void *map(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    void *p = answer(real_syscall(SYS_mmap, (long)at, (long)n, prot, flags, fd, offset));
    if (!ex.on || p == MAP_FAILED)
        return p;
    race_forget(p, n);
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
        keep(p, (char *)p + pages(n));
    return p;
}

/* Both names, whichever of them this library's own flags make of the other. */
#define MMAP(name)                                                            \
    exported void *explore_##name(void *at, size_t n, int prot, int flags, int fd, \
                                  off_t offset) __asm__(#name);               \
    void *explore_##name(void *at, size_t n, int prot, int flags, int fd, off_t offset) \
    {                                                                         \
        return map(at, n, prot, flags, fd, offset);                           \
    }
MMAP(mmap)
MMAP(mmap64)

exported int munmap(void *at, size_t n)
{
    if (ex.on) {
        race_free(at, n, CALLER);
        drop(at, (char *)at + pages(n));
    }
    return answer(real_syscall(SYS_munmap, (long)at, (long)n, 0, 0, 0, 0)) ? -1 : 0;
}

exported void *mremap(void *at, size_t n, size_t to, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    void *there = va_arg(list, void *);
    va_end(list);
    void *p = answer(real_syscall(SYS_mremap, (long)at, (long)n, (long)to, flags,
                                  (long)there, 0));
    if (!ex.on || p == MAP_FAILED)
        return p;
    if (p != at) {
        race_free(at, n, CALLER);
        race_forget(p, to);
    }
    drop(at, (char *)at + pages(n));
    if (!(flags & MREMAP_FIXED))
        keep(p, (char *)p + pages(to));
    return p;
}
