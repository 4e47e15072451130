/* sched/pool.h - the two executors of this layer, as exec opens them. */
#ifndef SCHED_POOL_H
#define SCHED_POOL_H
#include "core/executor.h"
#include "io/poll.h"
#include <stddef.h>

/* threads://workers, tasks on stacks of that size, under one lock if asked.  NULL and *rc
 * (-ENOMEM, -EAGAIN, a loop also -EBUSY: see loop_join), with words. */
struct tutti_executor *threads_open(unsigned workers, size_t stack, bool lock,
                                    enum io_kind io, int *rc);
/* loop:// on the calling thread, or on the caller's worker. */
struct tutti_executor *loop_open(size_t stack, enum io_kind io, int *rc);
#endif
