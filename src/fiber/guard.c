/* fiber/guard.c - pages that nobody may touch, below each stack.  Two kinds: a mark in
 * the page table (MADV_GUARD_INSTALL, Linux 6.13), which costs no mapping; else
 * PROT_NONE, which splits the mapping and so counts against vm.max_map_count.
 * Tests: tests/fiber_guard_test.c. */
#include "fiber/guard.h"
#include "base/atomic.h"
#include "base/memory.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { GUARD_INSTALL = 102 }; /* MADV_GUARD_INSTALL, which Debian 12's headers lack */
enum { UNKNOWN, MARKS, MAPPINGS };

/* Relaxed: every thread that looks for itself comes to the same answer. */
static _Atomic int kind;

/* Can the kernel write to the page?  Asked by a call that has no other effect. */
static bool writable(void *page)
{
    int kept = errno;
    bool fault = syscall(SYS_uname, page) < 0 && errno == EFAULT;
    errno = kept;
    return !fault;
}

/* Emulators answer 0 to advice that they ignore, so look whether it took. */
static int kind_probe(size_t page)
{
    void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
    if (p == MAP_FAILED)
        return UNKNOWN;
    bool works = !madvise(p, page, GUARD_INSTALL) && !writable(p);
    munmap(p, page);
    return works ? MARKS : MAPPINGS;
}

bool guard_set(void *at, size_t size, size_t page)
{
    int k = load_relaxed(&kind);
    if (k == UNKNOWN && (k = kind_probe(page)) != UNKNOWN)
        store_relaxed(&kind, k);
    if (fault_now())
        return false;
    /* Locked memory (mlockall) refuses marks in kernels before 6.15. */
    if (k == MARKS && !madvise(at, size, GUARD_INSTALL))
        return true;
    return !mprotect(at, size, PROT_NONE);
}

void guard_force_mappings(void)
{
    store_relaxed(&kind, MAPPINGS);
}
