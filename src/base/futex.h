/* base/futex.h - futexes in memory that several processes share, and waiting for several
 * at once.  (The private ones are base/latch.h's.) */
#ifndef BASE_FUTEX_H
#define BASE_FUTEX_H
#include "base/atomic.h"

/* Sleep while *word == seen, until the absolute monotonic time (INT64_MAX: for ever).
 * 0, -ETIMEDOUT, -EAGAIN (it differed), -EINTR. */
int futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until);
void futex_wake_shared(_Atomic uint32_t *word);

enum { FUTEX_ANY_MOST = 128 };
struct futex_any {
    _Atomic uint32_t *word;
    uint32_t seen;
    bool shared;
};
/* Sleep until one of n words differs from what was seen or is woken.  As futex_wait_shared;
 * -ENOSYS on kernels before 5.16. */
int futex_wait_any(const struct futex_any *f, unsigned n, int64_t until);
#endif
