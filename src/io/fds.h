/* io/fds.h - what the process knows of descriptor numbers, whichever worker waits for them:
 * how often each was closed by us, and how many wait for it now.  By that a wait under which
 * its descriptor is closed ends, and what belonged to a closed file is never taken for its
 * number's next.  Tests: tests/io_test.c. */
#ifndef IO_FDS_H
#define IO_FDS_H
#include "base/atomic.h"

/* Holds: generation only grows.  waiters is the number of waits linked for this number in
 * all pollers and rings. */
struct fd_state {
    _Atomic uint32_t generation, waiters;
};

/* NULL: no memory, or no descriptor can have this number.  Never moves, never goes. */
struct fd_state *fd_state(int fd);
/* A wait for fd begins: the generation it is for. */
static inline uint32_t fd_enter(struct fd_state *s)
{
    /* seq_cst, both: pair with fd_renew: either it sees this waiter and has it looked for,
     * or this waiter has the generation after */
    add_seqcst(&s->waiters, 1);
    return load_seqcst(&s->generation);
}
static inline void fd_leave(struct fd_state *s)
{
    sub_release(&s->waiters, 1); /* a hint to fd_renew: one scan too many is harmless */
}
/* The number begins a new life.  True: somebody may wait in the old one. */
static inline bool fd_renew(struct fd_state *s)
{
    add_seqcst(&s->generation, 1); /* see fd_enter */
    return load_seqcst(&s->waiters) > 0;
}
/* Is a wait of this generation over because its number has another life now? */
static inline bool fd_stale(const struct fd_state *s, uint32_t generation)
{
    /* relaxed: who looks was told to by fd_renew's caller, through the poller's flag */
    return load_relaxed(&s->generation) != generation;
}
#endif
