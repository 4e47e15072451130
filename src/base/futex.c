/* base/futex.c - see futex.h.  Tests: tests/processes_inside_test.c. */
#include "base/futex.h"
#include "base/clock.h"
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct timespec *futex_time(int64_t until, struct timespec *to)
{
    until = until < 0 ? 0 : until; /* the kernel refuses times before zero */
    *to = (struct timespec){ until / 1000000000, until % 1000000000 };
    return until == CLOCK_NEVER ? NULL : to;
}

int futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until)
{
    struct timespec t;
    int kept = errno;
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, futex_time(until, &t), NULL,
                      FUTEX_BITSET_MATCH_ANY);
    int code = rc < 0 ? -errno : 0;
    errno = kept;
    return code;
}

void futex_wake_shared(_Atomic uint32_t *word)
{
    int kept = errno;
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
    errno = kept;
}

int futex_wait_any(const struct futex_any *f, unsigned n, int64_t until)
{
    struct futex_waitv v[FUTEX_ANY_MOST];
    struct timespec t;
    int kept = errno;
    for (unsigned i = 0; i < n; i++)
        v[i] = (struct futex_waitv){ .val = f[i].seen,
                                     .uaddr = (uintptr_t)f[i].word,
                                     .flags = FUTEX_32 | (f[i].shared ? 0 : FUTEX_PRIVATE_FLAG) };
    long rc = syscall(SYS_futex_waitv, v, n, 0, futex_time(until, &t), CLOCK_MONOTONIC);
    int code = rc < 0 ? -errno : 0;
    errno = kept;
    return code;
}
