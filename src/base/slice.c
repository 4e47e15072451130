/* base/slice.c - see slice.h. */
#include "base/slice.h"
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's struct sched_attr in its first size, which libc of these years has not. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void slice_set(int64_t ns)
{
    struct attributes a = { 0 };
    int kept = errno;
    /* What else is set stays: the program may have changed its priority. */
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) == 0 && a.policy == SCHED_OTHER) {
        a.runtime = (uint64_t)ns;
        syscall(SYS_sched_setattr, 0, &a, 0);
    }
    errno = kept;
}
