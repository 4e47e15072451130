/* calls_time.c - each call that sleeps, tells the time or waits for descriptors, with
 * its answers.  Time is virtual: a year's sleep takes none, and no clock goes back.
 *
 * bug 1  assert: who sleeps longer is taken to come later
 * bug 2  unmodelled: nobody will ever write what poll waits for  @poll
 * bug 3  assert: a wait of select ends, and the set is not looked at */
#include "bug.h"
#include <errno.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

static int ends[2];
static atomic_int first;

static long long now(clockid_t clock)
{
    struct timespec at;
    assert(clock_gettime(clock, &at) == 0);
    return at.tv_sec * 1000000000ll + at.tv_nsec;
}

static void sleeps(void)
{
    struct timespec year = { 365 * 86400, 0 }, at, wrong = { 0, 1000000000 };
    long long begin = now(CLOCK_MONOTONIC), wall = now(CLOCK_REALTIME);
    assert(nanosleep(&year, NULL) == 0);
    assert(now(CLOCK_MONOTONIC) - begin >= 365 * 86400 * 1000000000ll);
    assert(now(CLOCK_REALTIME) - wall >= 365 * 86400 * 1000000000ll);
    assert(nanosleep(&wrong, NULL) == -1 && errno == EINVAL);
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += 3600;
    assert(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0);
    assert(now(CLOCK_MONOTONIC) >= at.tv_sec * 1000000000ll + at.tv_nsec);
    assert(clock_nanosleep(CLOCK_REALTIME, 0, &wrong, NULL) == EINVAL);
    assert(usleep(3000000) == 0 && sleep(3) == 0);
}

static void clocks(void)
{
    struct timeval tv;
    struct timespec at;
    time_t seconds = time(NULL), same;
    assert(gettimeofday(&tv, NULL) == 0 && tv.tv_sec >= seconds);
    assert(timespec_get(&at, TIME_UTC) == TIME_UTC && at.tv_sec >= tv.tv_sec);
    assert(time(&same) == same && same >= at.tv_sec);
    assert(clock() != (clock_t)-1);
    assert(sched_yield() == 0);
    while (time(NULL) < same + 2) /* who only looks sees it pass */
        ;
}

static void only_times(void)
{
    struct timeval tv = { 2, 500000 };
    struct timespec two = { 2, 0 };
    long long begin = now(CLOCK_MONOTONIC);
    assert(poll(NULL, 0, 1500) == 0 && ppoll(NULL, 0, &two, NULL) == 0);
    assert(select(0, NULL, NULL, NULL, &tv) == 0);
    assert(pselect(0, NULL, NULL, NULL, &two, NULL) == 0);
    assert(now(CLOCK_MONOTONIC) - begin >= 8 * 1000000000ll);
    assert(poll(NULL, 0, 0) == 0);
}

static void *writer(void *arg)
{
    sleep(1);
    if (BUG == 1)
        assert(atomic_load(&first) == 0);
    atomic_store(&first, 1);
    if (BUG != 2)
        assert(write(ends[1], "x", 1) == 1);
    return arg;
}

static void *reader(void *arg)
{
    struct pollfd p = { .fd = ends[0], .events = POLLIN };
    struct timeval tv = { 2, 0 };
    fd_set set;
    char c;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    int n = select(ends[0] + 1, &set, NULL, NULL, &tv);
    assert(n == 0 || (n == 1 && FD_ISSET(ends[0], &set)));
    if (BUG == 3)
        assert(n == 1);
    assert(poll(&p, 1, -1) == 1 && p.revents == POLLIN); /* @poll */
    assert(read(ends[0], &c, 1) == 1 && c == 'x');
    return arg;
}

static void *other(void *arg)
{
    sleep(1);
    atomic_store(&first, 2);
    return arg;
}

int main(void)
{
    sleeps();
    clocks();
    only_times();
    if (pipe(ends) != 0)
        return 0;
    TOGETHER(writer, reader, other);
    close(ends[0]);
    close(ends[1]);
}
