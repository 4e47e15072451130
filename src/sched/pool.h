/* sched/pool.h - the two executors of this layer, as exec opens them. */
#ifndef SCHED_POOL_H
#define SCHED_POOL_H
#include "core/executor.h"
#include "io/poll.h"
#include <stddef.h>

/* threads://workers, at most so many spare workers (none under a lock), tasks on stacks of
 * that size, under one lock if asked.  NULL and *rc (-ENOMEM, -EAGAIN, a loop also -EBUSY:
 * see loop_join), with words. */
struct tutti_executor *threads_open(unsigned workers, unsigned spares, size_t stack,
                                    bool lock, enum io_kind io, int *rc);
/* From now on ex, just opened, has as many workers as CPUs are granted. */
void threads_follow(struct tutti_executor *ex);
/* What a worker without work does in place of sleeping until *word differs from value or
 * `until` comes.  False: nothing, it shall sleep; true: look for work, then come again. */
typedef bool pool_doze(void *ctx, _Atomic uint32_t *word, uint32_t value, int64_t until);
/* For all workers of an executor that threads_open gave; once. */
void threads_set_doze(struct tutti_executor *ex, pool_doze *doze, void *ctx);
/* loop:// on the calling thread, or on the caller's worker. */
struct tutti_executor *loop_open(size_t stack, enum io_kind io, int *rc);
/* A loop whose tasks take turns in an order drawn from the seed, in virtual time. */
struct tutti_executor *loop_open_sim(uint64_t seed, size_t stack, int *rc);
#endif
