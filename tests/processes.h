/* tests/processes.h - what the tests of processes:// share.  A bug of a young guard would
 * start processes without end, so every test bounds their number first; for root, whom that
 * does not bind, the guard itself is tested as nobody. */
#ifndef TESTS_PROCESSES_H
#define TESTS_PROCESSES_H
#include "check.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <tutti.h>

#if defined(__SANITIZE_THREAD__)
/* Processes with threads would sleep a second before they end. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "atexit_sleep_ms=0";
}
#endif

/* First of all in a test that fork()s. */
__attribute__((unused)) static void processes_needed(void)
{
    if (getenv("CHECK_EMULATED"))
        check_skip("what an emulator runs cannot be executed again without it");
    if (getenv("CHECK_VALGRIND"))
        check_skip("valgrind knows no descriptors of processes");
}

__attribute__((unused)) static tutti_executor *processes_open_bounded(const char *url)
{
    struct rlimit most;
    tutti_executor *ex;
    processes_needed();
    getrlimit(RLIMIT_NPROC, &most);
    if (most.rlim_cur == RLIM_INFINITY || most.rlim_cur > 3000) {
        most.rlim_cur = 3000;
        setrlimit(RLIMIT_NPROC, &most);
    }
    if (tutti_executor_open(&ex, url) < 0)
        check_fail(__FILE__, __LINE__, "%s: %s", url, tutti_why());
    return ex;
}

__attribute__((unused)) static int processes_pid(void *to)
{
    *(int *)to = getpid();
    return 0;
}
#endif
