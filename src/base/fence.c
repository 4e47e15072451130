/* base/fence.c - see fence.h.  Tests: the scheduler's, tests/pool_test.c. */
#include "base/fence.h"

_Atomic bool fence_both_full = true;

void fence_begin(void)
{
    int kept = errno;
    long rc = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    store_relaxed(&fence_both_full, rc < 0); /* before threads exist: see fence.h */
    errno = kept;
}
