/* tutti/monitor.h - who held others up: tasks that blocked their worker's thread in a call
 * of another library, or computed for long, while others waited for it.
 *
 * Nothing need be called for it.  With TUTTI_REPORT=1 in the environment each culprit is
 * told of on stderr, once for each place in the code, with its stack.  From then on
 * tasks of its function begin on a spare worker of their own, where the executor has
 * spares, until they have been quick for a while.  Loops have none: there it is told of
 * only, and only if they are watched.
 *
 * Uses SIGURG, for the stack of a task that computes; a handler that the program had before
 * still gets what is not ours. */
#ifndef TUTTI_MONITOR_H
#define TUTTI_MONITOR_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct tutti_culprit {
    size_t size;
    const char *task;     /* its name, as tutti_task_name gives it */
    const char *function; /* what was started: "name (object)" or "object+0x12" */
    const char *site;     /* the innermost call outside the C library, likewise */
    const void *function_at, *site_at;
    int busy;             /* 1: it computed; 0: it was blocked in a call */
    uint64_t times;       /* so often seen */
    tutti_time longest;   /* ns that the worker did not move, at the most */
    size_t depth;
    const void *const *stack; /* return addresses, the innermost first.  Of one that was
                                 blocked some may be left over from calls that returned,
                                 since a signal would cut its sleep short */
} tutti_culprit;
/* Call each(ctx, c) for every place that held others up so far; how many there are, of
 * which the first 128 are kept.  What c points to lives for ever, but for *c itself.  each
 * may be NULL.  [any] */
TUTTI_API size_t tutti_culprits(void (*each)(void *ctx, const tutti_culprit *c), void *ctx);
/* Has a call that returns to `site` (what __builtin_return_address(0) gives in the function
 * that is called) blocked a worker while others waited, or computed on it for long?  1 or 0: a
 * wrapper around a call that cannot be made to wait by itself gives it to tutti_blocking then,
 * as libtutti-hook does.  [any] [signal] */
TUTTI_API int tutti_site_blamed(const void *site);
/* Watch loops, too, that are opened from now on; TUTTI_REPORT does it as well.  For that
 * the library has a thread while one is open.  [any] */
TUTTI_API void tutti_watch_loops(void);

#ifdef __cplusplus
}
#endif
#endif
