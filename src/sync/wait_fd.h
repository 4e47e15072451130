/* sync/wait_fd.h - what tutti_wait tells tutti_wait_fd.  See wait_fd.c. */
#ifndef SYNC_WAIT_FD_H
#define SYNC_WAIT_FD_H
#include "core/waitable.h"

/* What serves the case; NULL: nothing (time, descriptors, none), or there is no such kind.
 * sync/wait_any.c. */
const struct waitable *waitable_of(const tutti_case *c);

/* Descriptors there are now; a moment old. */
extern _Atomic unsigned wait_fd_count;
void wait_fd_rearm(const tutti_case *cases);
/* A wait on these cases found nothing ready: if they have a descriptor, arm it
 * again. */
static inline void wait_fd_nothing(const tutti_case *cases)
{
    /* relaxed: who opened a descriptor for these cases also made this call, or told who
     * did of it */
    if (unlikely(load_relaxed(&wait_fd_count)))
        wait_fd_rearm(cases);
}
#endif
