/* base/fence.h - a pair of fences of unequal price, for a frequent and a rare side of one
 * store-then-look protocol.  The frequent side pays a compiler barrier; the rare side
 * interrupts every thread of the process (membarrier(2), about a microsecond), which makes
 * each of them pass a full fence.  Where the kernel lacks that call both are full fences. */
#ifndef BASE_FENCE_H
#define BASE_FENCE_H
#include "base/atomic.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

extern _Atomic bool fence_both_full; /* set once by fence_begin, before any thread starts */

void fence_begin(void); /* once for the process, and again in the child after fork() */
/* The rare side.  Inline so that test-orders can leave out each one by itself.  The call is a
 * full fence of the caller, too. */
static inline void fence_heavy(void)
{
    if (unlikely(load_relaxed(&fence_both_full))) { /* as in fence_light */
        fence_seqcst();
    } else {
        int kept = errno;
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
        errno = kept;
    }
}
static inline void fence_light(void) /* the frequent side */
{
    /* relaxed: it changes only before threads exist */
    if (unlikely(load_relaxed(&fence_both_full)))
        fence_seqcst();
    else
        fence_signal();
}
#endif
