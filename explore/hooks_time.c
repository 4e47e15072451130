/* explore/hooks_time.c - clocks and sleeping in virtual time: it moves a little with
 * each step, and jumps to a timer when the schedule lets that timer come, which it may
 * at any point.  Who reads the clock again and again sees it run faster, so that
 * waiting for a time by looking at the clock ends.
 * Tests: tests/explore/timers.c, calls_time.c. */
#include "engine.h"
#include "life.h"
#include "locks.h"
#include "memory_inside.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>
#include <sched.h>
#include <sys/time.h>
#include <unistd.h>

static const uint64_t SECOND = 1000000000;

static uint64_t look(const void *pc)
{
    struct thread *me = ex.me;
    point(OP_CLOCK, NULL, pc);
    unsigned n = me->clocks++;
    ex.time += n < 8 ? 100 : 100ull << (n - 8 > 24 ? 24 : n - 8);
    return ex.time;
}

static bool wall(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
           clock == CLOCK_TAI;
}

static bool proper(const struct timespec *at)
{
    return (uint64_t)at->tv_nsec < SECOND;
}

uint64_t time_until(clockid_t clock, const struct timespec *at)
{
    if (!proper(at))
        return TIME_WRONG;
    uint64_t seconds = at->tv_sec < 0 ? 0 : (uint64_t)at->tv_sec;
    if (wall(clock))
        seconds = seconds > CLOCK_EPOCH ? seconds - CLOCK_EPOCH : 0;
    if (seconds > 1ull << 33)
        return UINT64_MAX / 2;
    uint64_t ns = seconds * SECOND + (uint64_t)at->tv_nsec;
    return ns ? ns : 1;
}

uint64_t time_after(const struct timespec *span)
{
    if (!proper(span) || span->tv_sec < 0)
        return TIME_WRONG;
    if (span->tv_sec > 1l << 33)
        return UINT64_MAX / 2;
    return ex.time + (uint64_t)span->tv_sec * SECOND + (uint64_t)span->tv_nsec + 1;
}

/* 0 or EINVAL. */
int sleep_until(uint64_t until, const void *pc)
{
    if (until == TIME_WRONG)
        return EINVAL;
    point(OP_SLEEP, NULL, pc);
    trace_value(until > ex.time ? until - ex.time : 0);
    cancel_point();
    if (until > ex.time)
        block(&ex.me->until, OP_SLEEP, until);
    cancel_point();
    return 0;
}

exported int nanosleep(const struct timespec *span, struct timespec *left)
{
    if (!ex.on)
        return REAL(nanosleep)(span, left);
    int r = sleep_until(time_after(span), CALLER);
    errno = r ? r : errno;
    return r ? -1 : 0;
}

exported int clock_nanosleep(clockid_t clock, int flags, const struct timespec *at,
                             struct timespec *left)
{
    if (!ex.on)
        return REAL(clock_nanosleep)(clock, flags, at, left);
    return sleep_until(flags & TIMER_ABSTIME ? time_until(clock, at) : time_after(at),
                       CALLER);
}

exported int usleep(useconds_t us)
{
    if (!ex.on)
        return REAL(usleep)(us);
    struct timespec span = { us / 1000000, us % 1000000 * 1000l };
    return sleep_until(time_after(&span), CALLER);
}

exported unsigned sleep(unsigned seconds)
{
    if (!ex.on)
        return REAL(sleep)(seconds);
    struct timespec span = { seconds, 0 };
    return (unsigned)sleep_until(time_after(&span), CALLER);
}

static int tell(clockid_t clock, struct timespec *at, const void *pc)
{
    uint64_t now = look(pc);
    memory_writes(at, sizeof *at, pc);
    at->tv_sec = (time_t)(now / SECOND) + (wall(clock) ? CLOCK_EPOCH : 0);
    at->tv_nsec = (long)(now % SECOND);
    return 0;
}

exported int clock_gettime(clockid_t clock, struct timespec *at)
{
    return ex.on ? tell(clock, at, CALLER) : REAL(clock_gettime)(clock, at);
}

exported int gettimeofday(struct timeval *tv, void *zone)
{
    if (!ex.on)
        return REAL(gettimeofday)(tv, zone);
    uint64_t now = look(CALLER);
    memory_writes(tv, sizeof *tv, CALLER);
    tv->tv_sec = (time_t)(now / SECOND) + CLOCK_EPOCH;
    tv->tv_usec = (suseconds_t)(now % SECOND / 1000);
    return 0;
}

exported time_t time(time_t *at)
{
    if (!ex.on)
        return REAL(time)(at);
    time_t now = (time_t)(look(CALLER) / SECOND) + CLOCK_EPOCH;
    if (at) {
        memory_writes(at, sizeof *at, CALLER);
        *at = now;
    }
    return now;
}

exported int timespec_get(struct timespec *at, int base)
{
    if (!ex.on)
        return REAL(timespec_get)(at, base);
    return tell(CLOCK_REALTIME, at, CALLER) ? 0 : base;
}

exported clock_t clock(void)
{
    return ex.on ? (clock_t)(look(CALLER) / 1000) : REAL(clock)();
}

exported int sched_yield(void)
{
    if (!ex.on)
        return REAL(sched_yield)();
    point(OP_YIELD, NULL, CALLER);
    return 0;
}
