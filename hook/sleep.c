/* hook/sleep.c - sleeping, and giving way.  A sleep that is cut off says so with ECANCELED or
 * ETIMEDOUT, and how much of it is left, as one that a signal ended does.
 * Tests: tests/hook_test.c. */
#include "hook/hook.h"

static bool span_good(const struct timespec *t)
{
    return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec <= 999999999;
}

static struct timespec span_left(tutti_time until)
{
    tutti_time left = until - tutti_now();
    left = left > 0 ? left : 0;
    return (struct timespec){ left / TUTTI_SEC, left % TUTTI_SEC };
}

/* 0 or a code; *rest, may be NULL, is set when it was cut off. */
static int sleep_span(const struct timespec *span, struct timespec *rest)
{
    int kept = errno;
    tutti_time until = hook_until(span);
    int rc = tutti_sleep_until(until);
    if (rc < 0 && rest)
        *rest = span_left(until);
    errno = kept;
    return rc;
}

HOOK int nanosleep(const struct timespec *span, struct timespec *rest)
{
    if (!HOOK_CALLER() || !span || !span_good(span))
        return libc()->nanosleep(span, rest);
    int rc = sleep_span(span, rest);
    return rc < 0 ? hook_fail(rc) : 0;
}

HOOK int usleep(useconds_t us)
{
    struct timespec span = { us / 1000000, us % 1000000 * 1000 };
    if (!HOOK_CALLER())
        return libc()->usleep(us);
    int rc = sleep_span(&span, NULL);
    return rc < 0 ? hook_fail(rc) : 0;
}

HOOK unsigned sleep(unsigned seconds)
{
    struct timespec span = { seconds, 0 }, rest = { 0, 0 };
    if (!HOOK_CALLER())
        return libc()->sleep(seconds);
    return sleep_span(&span, &rest) < 0 ? (unsigned)rest.tv_sec + (rest.tv_nsec > 0) : 0;
}

HOOK int thrd_sleep(const struct timespec *span, struct timespec *rest)
{
    if (!HOOK_CALLER() || !span || !span_good(span))
        return libc()->thrd_sleep(span, rest);
    return sleep_span(span, rest) < 0 ? -1 : 0;
}

/* Until a clock shows a time.  It may be set meanwhile, so look at it again. */
static int sleep_until_clock(clockid_t clock, const struct timespec *when)
{
    for (;;) {
        struct timespec now;
        if (clock_gettime(clock, &now) < 0)
            return -errno;
        int64_t left;
        if (__builtin_mul_overflow((int64_t)(when->tv_sec - now.tv_sec), TUTTI_SEC, &left))
            left = INT64_MAX / 2;
        left += when->tv_nsec - now.tv_nsec;
        if (left <= 0)
            return 0;
        int rc = tutti_sleep_until(tutti_after(left));
        if (rc < 0)
            return rc;
    }
}

static bool clock_is_known(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME
           || clock == CLOCK_TAI;
}

/* It returns its error and leaves errno alone. */
HOOK int clock_nanosleep(clockid_t clock, int flags, const struct timespec *span,
                         struct timespec *rest)
{
    if (!HOOK_CALLER() || !span || !span_good(span) || !clock_is_known(clock))
        return libc()->clock_nanosleep(clock, flags, span, rest);
    int kept = errno;
    int rc = flags & TIMER_ABSTIME ? sleep_until_clock(clock, span) : sleep_span(span, rest);
    errno = kept;
    return -rc;
}

/* Programs spin with it until another thread has done something; that may be a task here. */
HOOK int sched_yield(void)
{
    if (!HOOK_CALLER())
        return libc()->sched_yield();
    int kept = errno;
    tutti_yield(); /* a scope that is over is none of its business */
    errno = kept;
    return 0;
}
