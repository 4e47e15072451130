/* base/latch.c - see latch.h.  After Drepper, "Futexes Are Tricky", mutex 2, with a
 * short spin before the sleep.  Tests: tests/latch_test.c. */
#include "base/latch.h"
#include "base/race.h"
#include "base/small.h"
#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SPINS = SMALL(100, 1) };

static int futex_sleep(_Atomic uint32_t *word, uint32_t seen, int64_t until)
{
    struct timespec at, *end = NULL;
    if (until < 0)
        until = 0; /* long ago; the kernel refuses times before zero */
    if (until != INT64_MAX) {
        at.tv_sec = until / 1000000000;
        at.tv_nsec = until % 1000000000;
        end = &at;
    }
    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen, end,
                NULL, FUTEX_BITSET_MATCH_ANY) < 0)
        return -errno;
    return 0;
}

int futex_wait(_Atomic uint32_t *word, uint32_t seen, int64_t until)
{
    int kept = errno, rc;
    int64_t nap;
    do {
        nap = race_nap(until);
        rc = futex_sleep(word, seen, nap);
    } while (rc == -ETIMEDOUT && nap < until);
    errno = kept;
    return rc;
}

void futex_wake(_Atomic uint32_t *word, int n)
{
    int kept = errno;
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, NULL, NULL, 0);
    errno = kept;
}

void latch_lock_slow(struct latch *l)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t free = LATCH_FREE;
        if (load_relaxed(&l->word) == LATCH_FREE /* a hint; the CAS decides */
            && cas_acquire(&l->word, &free, LATCH_HELD))
            return;
        spin_pause();
    }
    for (;;) {
        uint32_t seen = load_relaxed(&l->word); /* a hint; each CAS decides */
        uint32_t poke = seen & LATCH_POKE;
        if (!(seen & ~(uint32_t)LATCH_POKE)) {
            /* Take it as WAITED: others may sleep behind us.  Acquire: pairs with
             * latch_unlock. */
            if (cas_acquire(&l->word, &seen, LATCH_WAITED | poke))
                return;
        } else if (seen & LATCH_WAITED
                   || cas_relaxed(&l->word, &seen, LATCH_WAITED | poke)) {
            /* relaxed: the kernel compares the word again before it sleeps */
            futex_wait(&l->word, LATCH_WAITED | poke, INT64_MAX);
        }
    }
}

bool latch_unlock_slow(struct latch *l)
{
    uint32_t was = load_relaxed(&l->word); /* each CAS decides */
    for (;;) {
        assert(was & (LATCH_HELD | LATCH_WAITED));
        if (was & LATCH_POKE) {
            /* acquire: pairs with the poke; what the handler wrote before it is seen */
            if (cas_acquire(&l->word, &was, was & ~(uint32_t)LATCH_POKE))
                return true;
        } else if (cas_release(&l->word, &was, LATCH_FREE)) { /* as in latch_unlock */
            if (was & LATCH_WAITED)
                futex_wake(&l->word, 1);
            return false;
        }
    }
}

bool latch_try_or_poke(struct latch *l)
{
    uint32_t seen = load_relaxed(&l->word); /* a hint; the CASes decide */
    for (;;) {
        if (seen == LATCH_FREE) {
            if (cas_acquire(&l->word, &seen, LATCH_HELD)) /* as latch_lock */
                return true;
        } else if (cas_release(&l->word, &seen, seen | LATCH_POKE)) {
            /* release: what the handler wrote before is seen by whoever unlocks */
            return false;
        }
    }
}
