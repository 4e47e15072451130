/* tests/storm.h - signals thousands of times a second, with a handler that restarts nothing:
 * between storm_begin and storm_end every call of the system may be interrupted.  The
 * watchdog's alarm goes on. */
#ifndef TESTS_STORM_H
#define TESTS_STORM_H
#include "check.h"

static _Atomic unsigned storm_signals; /* that have come, to whichever thread */
static timer_t storm_timer;

static void storm_handler(int s)
{
    (void)s;
    storm_signals++;
}

static void storm_begin(void)
{
    struct sigaction act = { .sa_handler = storm_handler };
    struct sigevent to = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF };
    struct itimerspec often = { { 0, 300000 }, { 0, 300000 } };
    CHECK_INT(sigaction(SIGPROF, &act, NULL), 0);
    CHECK_INT(timer_create(CLOCK_MONOTONIC, &to, &storm_timer), 0);
    CHECK_INT(timer_settime(storm_timer, 0, &often, NULL), 0);
}

static void storm_end(void)
{
    CHECK_INT(timer_delete(storm_timer), 0);
    signal(SIGPROF, SIG_IGN); /* one may be under way */
}
#endif
