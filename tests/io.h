/* tests/io.h - one body, every way to wait for descriptors: ON_IO(name) { ... } makes a case
 * of the body for tasks on each backend, with one worker and with two, and for a plain thread.
 * The body finds an open scope, *s, on that executor; it must leave no descriptor open. */
#ifndef TESTS_IO_H
#define TESTS_IO_H
#include "descriptors.h"
#include "urls.h"
#include <stdbool.h>
#include <tutti/io.h>

/* A descriptor as the argument of a task. */
__attribute__((unused)) static void *fd_arg(int fd)
{
    return (void *)(intptr_t)fd;
}

/* What is opened once for good: rings, epolls, a reserve. */
__attribute__((unused)) static int io_warm(void *unused)
{
    (void)unused;
    int l = tutti_listen("tcp:127.0.0.1:0"), ends[2];
    TUTTI_SCOPE(s, NULL, tutti_after(TUTTI_MS), TUTTI_KEEP_GOING);
    CHECK(l >= 0);
    CHECK_INT(tutti_accept(l), -ETIMEDOUT);
    CHECK_INT(tutti_close(l), 0);
    CHECK_INT(tutti_pipe(ends), 0);
    CHECK_INT(tutti_close(ends[0]), 0);
    CHECK_INT(tutti_close(ends[1]), 0);
    tutti_scope_cancel(&s);
    tutti_scope_close(&s);
    return 0;
}

/* One for each worker: none goes on before all are there. */
struct io_warmth {
    atomic_int there;
    int all;
};
__attribute__((unused)) static int io_warm_worker(void *arg)
{
    struct io_warmth *k = arg;
    atomic_fetch_add(&k->there, 1);
    while (atomic_load(&k->there) < k->all)
        usleep(100); /* the thread, not the task */
    return io_warm(NULL);
}

struct io_case {
    void (*body)(tutti_scope *s);
    tutti_scope *s;
    int leaked;
    bool alone; /* nobody else opens descriptors meanwhile */
};

__attribute__((unused)) static int io_body(void *arg)
{
    struct io_case *k = arg;
    io_warm(NULL);
    int before = descriptors();
    k->body(k->s);
    /* The runtime's monitor has a file open for a moment now and then. */
    for (int i = 0; i < 1000; i++) {
        k->leaked = k->alone ? descriptors() - before : 0;
        if (!k->leaked)
            break;
        tutti_sleep_until(tutti_after(TUTTI_MS));
    }
    return 0;
}

__attribute__((unused)) static void io_run(void (*body)(tutti_scope *s), const char *url,
                                           bool in_task)
{
    tutti_executor *ex;
    signal(SIGPIPE, SIG_IGN);
    int rc = tutti_executor_open(&ex, url);
    if (rc == -ENOTSUP)
        check_skip(tutti_why());
    CHECK_INT(rc, 0);
    tutti_scope outer, s;
    tutti_scope_open(&outer, ex, tutti_after(urls_patience()), TUTTI_KEEP_GOING);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    struct io_warmth warmth = { 0, (int)tutti_executor_workers(ex) };
    tutti_scope warm;
    tutti_scope_open(&warm, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < warmth.all; i++)
        CHECK_INT(tutti_go(&warm, io_warm_worker, &warmth), 0);
    CHECK_INT(tutti_scope_close(&warm), 0);
    struct io_case k = { body, &s, 0, in_task && tutti_executor_workers(ex) == 1 };
    if (in_task) {
        tutti_scope first;
        tutti_scope_open(&first, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&first, io_body, &k), 0);
        CHECK_INT(tutti_scope_close(&first), 0);
    } else {
        io_body(&k);
    }
    tutti_scope_close(&s);
    CHECK_INT(tutti_scope_close(&outer), 0);
    CHECK_INT(k.leaked, 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

#define ON_IO(name_)                                                          \
    static void name_(tutti_scope *s);                                        \
    TEST(name_##__epoll)                                                      \
    {                                                                         \
        io_run(name_, "loop://?io=epoll", true);                              \
    }                                                                         \
    TEST(name_##__uring)                                                      \
    {                                                                         \
        io_run(name_, "loop://?io=uring", true);                              \
    }                                                                         \
    TEST(name_##__defer)                                                      \
    {                                                                         \
        io_run(name_, "threads://1?io=uring-defer", true);                    \
    }                                                                         \
    TEST(name_##__epoll_2)                                                    \
    {                                                                         \
        io_run(name_, "threads://2?io=epoll", true);                          \
    }                                                                         \
    TEST(name_##__uring_2)                                                    \
    {                                                                         \
        io_run(name_, "threads://2?io=uring", true);                          \
    }                                                                         \
    TEST(name_##__thread)                                                     \
    {                                                                         \
        io_run(name_, "threads://1", false);                                  \
    }                                                                         \
    static void name_(tutti_scope *s)
#endif
