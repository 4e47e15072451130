/* base/fence.c - see fence.h.  Tests: the scheduler's, tests/pool_test.c. */
#include "base/fence.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

_Atomic bool fence_both_full = true;

void fence_begin(void)
{
    int kept = errno;
    long rc = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    store_relaxed(&fence_both_full, rc < 0); /* before threads exist: see fence.h */
    errno = kept;
}

void fence_heavy(void)
{
    fence_seqcst();
    int kept = errno;
    if (likely(!load_relaxed(&fence_both_full))) /* as in fence_light */
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    errno = kept;
}
