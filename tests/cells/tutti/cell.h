/* cell.h - what the cells of the runtime share.  A cell is a small program on tutti's own
 * calls, built with the whole library for -fsanitize=thread and linked with
 * libtutti-explore: explore_cells_test.py runs each under some thousands of schedules.
 * Nothing in a cell may depend on the schedule but what it asserts about it. */
#ifndef CELL_H
#define CELL_H
#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <tutti.h>
#include <tutti/sync.h>

typedef void *cell_body(void *);

/* Run the bodies in threads of their own, and wait for them. */
#define CELL_RUN(...)                                                         \
    cell_run((cell_body *[]){ __VA_ARGS__ },                                  \
             sizeof((cell_body *[]){ __VA_ARGS__ }) / sizeof(cell_body *))
__attribute__((unused)) static void cell_run(cell_body *const *body, size_t n)
{
    pthread_t t[8];
    for (size_t i = 0; i < n; i++)
        assert(pthread_create(&t[i], NULL, body[i], (void *)i) == 0);
    for (size_t i = 0; i < n; i++)
        pthread_join(t[i], NULL);
}

__attribute__((unused)) static tutti_executor *cell_threads(const char *url)
{
    tutti_executor *ex;
    assert(tutti_executor_open(&ex, url) == 0);
    return ex;
}
#endif
