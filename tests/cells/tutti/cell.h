/* cell.h - what the cells of the runtime share.  A cell is a small program on tutti's
 * own calls, built with the whole library for -fsanitize=thread and linked with
 * libtutti-explore: explore_cells_test.py runs each under some hundreds of schedules.
 * Nothing in a cell may depend on the schedule but what it asserts about it.
 *
 * The fewer steps a cell takes, the more schedules a second and the more of them
 * differ: plain threads need no executor, only a scope on cell_nowhere(), and where an
 * executor is needed cell_threads() opens one without the monitor, whose thread has its
 * own cell. */
#ifndef CELL_H
#define CELL_H
#undef NDEBUG
#include "base/fence.h"
#include "core/executor.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <tutti.h>
#include <tutti/sync.h>

/* The cells named ..-full are the same on a kernel without membarrier(2), where both
 * sides of base/fence.h are full fences. */
#ifdef CELL_FULL_FENCES
enum { CELL_FULL = 1 };
#else
enum { CELL_FULL = 0 };
#endif
__attribute__((unused)) static void cell_fences(void)
{
    if (CELL_FULL)
        store_relaxed(&fence_both_full, true); /* no threads yet */
}

typedef void *cell_body(void *);

/* Run the bodies in threads of their own, and wait for them. */
#define CELL_RUN(...)                                                         \
    cell_run((cell_body *[]){ __VA_ARGS__ },                                  \
             sizeof((cell_body *[]){ __VA_ARGS__ }) / sizeof(cell_body *))
__attribute__((unused)) static void cell_run(cell_body *const *body, size_t n)
{
    pthread_t t[8];
    cell_fences();
    for (size_t i = 0; i < n; i++)
        assert(pthread_create(&t[i], NULL, body[i], (void *)i) == 0);
    for (size_t i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

/* --- executors ------------------------------------------------------------------- */

/* The linker brings the library's calls here: no monitor's thread, unless wanted. */
struct pool;
void __real_monitor_enter(struct pool *p);
void __wrap_monitor_enter(struct pool *p);
static bool cell_monitor;
__attribute__((unused)) static struct pool *cell_pool; /* the last one opened */
void __wrap_monitor_enter(struct pool *p)
{
    cell_pool = p;
    if (cell_monitor)
        __real_monitor_enter(p);
}

__attribute__((unused)) static tutti_executor *cell_open(const char *url)
{
    tutti_executor *ex;
    cell_fences();
    assert(tutti_executor_open(&ex, url) == 0);
    return ex;
}

__attribute__((unused)) static tutti_executor *cell_threads(int workers)
{
    return cell_open(workers == 1 ? "threads://1?spares=0&io=epoll"
                                  : "threads://2?spares=0&io=epoll");
}

static bool nowhere_carries(const tutti_executor *ex, const struct context *c)
{
    return ex && !c; /* never */
}
static void nowhere_look(tutti_executor *ex)
{
    (void)ex;
}
/* One that runs nothing: for the scopes of plain threads, whose objects and deadlines
 * they own. */
__attribute__((unused)) static tutti_executor *cell_nowhere(void)
{
    static const struct executor_ops ops = { .carries = nowhere_carries,
                                             .look = nowhere_look };
    static tutti_executor nowhere = { .ops = &ops };
    cell_fences();
    return &nowhere;
}
#endif
