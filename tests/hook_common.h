/* tests/hook_common.h - what the tests of libtutti-hook share.  Nearly all of them run on one
 * thread: a call that stops it, instead of its task, leaves the other task without its turn,
 * and the watchdog ends the case. */
#ifndef TESTS_HOOK_COMMON_H
#define TESTS_HOOK_COMMON_H
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <tutti.h>
#include <unistd.h>

/* Two tasks on one thread: first waits, second lets it go on.  Then a failure of either. */
struct pair {
    tutti_fn *first, *second;
    int fd[2];
    int steps; /* for the cases: who came how far */
};
static struct pair pair;

__attribute__((unused)) static int pair_run(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_go(&s, pair.first, NULL);
    tutti_go(&s, pair.second, NULL);
    return tutti_scope_close(&s);
}

/* $HOOK_LOOP in place of a plain loop, to try all of it on each way of waiting. */
__attribute__((unused)) static const char *hook_url(const char *url)
{
    const char *other = getenv("HOOK_LOOP");
    return other && !strcmp(url, "loop://") ? other : url;
}

/* fd[0] to read, fd[1] to write. */
__attribute__((unused)) static void pair_on(const char *url, tutti_fn *first,
                                            tutti_fn *second)
{
    pair.first = first;
    pair.second = second;
    CHECK_INT(tutti_run(hook_url(url), pair_run, NULL), 0);
}

__attribute__((unused)) static void pair_pipe(void)
{
    CHECK_INT(pipe(pair.fd), 0);
}

__attribute__((unused)) static void pair_sockets(int type)
{
    CHECK_INT(socketpair(AF_UNIX, type, 0, pair.fd), 0);
}

/* Run fn as the only task of a loop. */
__attribute__((unused)) static void alone(tutti_fn *fn)
{
    CHECK_INT(tutti_run(hook_url("loop://"), fn, NULL), 0);
}

/* Let the others come to where they wait. */
__attribute__((unused)) static void let_others(void)
{
    for (int i = 0; i < 20; i++)
        tutti_yield();
}

/* A scope that ends soon is around what comes after: for waits that must be cut off. */
enum { SOON = 20 };
__attribute__((unused)) static tutti_time soon(void)
{
    return tutti_after(SOON * TUTTI_MS);
}

/* These wait for ever. */
__attribute__((unused)) static int wait_read(void)
{
    char c;
    return (int)read(pair.fd[0], &c, 1);
}

__attribute__((unused)) static int wait_select(void)
{
    fd_set r;
    FD_ZERO(&r);
    FD_SET(pair.fd[0], &r);
    return select(pair.fd[0] + 1, &r, NULL, NULL, NULL);
}
#endif
