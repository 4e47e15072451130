/* tests/urls.h - one body, every executor.  ON_URLS(name) { ... } makes a case of the body
 * for each URL below; it finds the URL in `url`.  Conditions are waited for by yielding, which
 * lets a loop's tasks run and costs a plain thread nothing but its turn. */
#ifndef TESTS_URLS_H
#define TESTS_URLS_H
#include "check.h"
#include <stdatomic.h>
#include <tutti.h>

#if defined(__SANITIZE_THREAD__)
enum { UNDER_TSAN = 1, UNDER_ASAN = 0 };
/* Processes with threads would sleep a second before they end. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "atexit_sleep_ms=0";
}
#elif defined(__SANITIZE_ADDRESS__)
enum { UNDER_TSAN = 0, UNDER_ASAN = 1 };
#elif defined(__has_feature)
enum {
    UNDER_TSAN = __has_feature(thread_sanitizer),
    UNDER_ASAN = __has_feature(address_sanitizer)
};
#else
enum { UNDER_TSAN = 0, UNDER_ASAN = 0 };
#endif

/* A hang comes out as -ETIMEDOUT, a little before the watchdog ends the case. */
__attribute__((unused)) static tutti_time urls_patience(void)
{
    const char *limit = getenv("CHECK_TIMEOUT");
    int s = limit ? atoi(limit) : 60;
    return (s > 20 ? s - 10 : s) * TUTTI_SEC;
}

#define ON_URLS(name_)                                                        \
    static void name_(const char *url);                                       \
    TEST(name_##__loop)                                                       \
    {                                                                         \
        name_("loop://");                                                     \
    }                                                                         \
    TEST(name_##__threads_1)                                                  \
    {                                                                         \
        name_("threads://1");                                                 \
    }                                                                         \
    TEST(name_##__threads_2)                                                  \
    {                                                                         \
        name_("threads://2");                                                 \
    }                                                                         \
    TEST(name_##__threads_4)                                                  \
    {                                                                         \
        name_("threads://4");                                                 \
    }                                                                         \
    TEST(name_##__locked)                                                     \
    {                                                                         \
        name_("threads://2?lock=interpreter");                                \
    }                                                                         \
    static void name_(const char *url)

__attribute__((unused)) static tutti_executor *urls_open(const char *url)
{
    tutti_executor *ex;
    if (tutti_executor_open(&ex, url) < 0)
        check_fail(__FILE__, __LINE__, "%s: %s", url, tutti_why());
    return ex;
}

/* Until *n has come to at least `want`. */
__attribute__((unused)) static void urls_until(atomic_int *n, int want)
{
    while (atomic_load(n) < want)
        tutti_yield();
}

/* A child's end: the signal that killed it, or its exit status as a negative number; what it
 * wrote to stderr is in `text`. */
__attribute__((unused)) static int urls_dies(void (*body)(const char *url), const char *url,
                                             char *text, size_t size)
{
    int ends[2], status;
    if (pipe(ends) < 0)
        check_fail(__FILE__, __LINE__, "no pipe");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        alarm(20);
        body(url);
        _exit(0);
    }
    close(ends[1]);
    size_t have = 0;
    ssize_t n;
    while (have + 1 < size && (n = read(ends[0], text + have, size - 1 - have)) > 0)
        have += (size_t)n;
    text[have] = 0;
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid)
        check_fail(__FILE__, __LINE__, "the child is gone");
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}
#endif
