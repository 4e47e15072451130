/* explore/hooks_poll.c - waiting for several descriptors, or for none and a time: the
 * kernel is asked without waiting, and if nothing is ready the thread waits for a
 * change by another thread or for its time.  Masks of signals are left aside.
 * Tests: tests/cells/pipes.c, orders_by_fd.c; tests/explore/calls_time.c. */
#include "descriptors.h"
#include "engine.h"
#include "life.h"
#include "locks.h"
#include "real.h"
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static uint64_t until_ms(int ms)
{
    return ms < 0 ? 0 : ex.time + (uint64_t)ms * 1000000 + 1;
}

static int wrong(int code)
{
    errno = code;
    return -1;
}

/* look(arg) asks the kernel; now: the caller would not wait at all. */
static int wait_for(const char *name, int (*look)(void *arg), void *arg, bool now,
                    uint64_t until, const void *pc)
{
    if (until == TIME_WRONG)
        return wrong(EINVAL);
    fds_begin(pc);
    cancel_point();
    for (;;) {
        int r = look(arg);
        if (r == 0 && !now && fds_wait(name, until))
            continue;
        if (r > 0)
            files_read_all(); /* of epoll's it is not known which they are */
        return r;
    }
}

struct polled { struct pollfd *p; nfds_t n; };

static int look_poll(void *arg)
{
    const struct polled *x = arg;
    return REAL(poll)(x->p, x->n, 0);
}

exported int poll(struct pollfd *p, nfds_t n, int ms)
{
    struct polled x = { p, n };
    if (!ex.on)
        return REAL(poll)(p, n, ms);
    return wait_for("poll", look_poll, &x, ms == 0, until_ms(ms), CALLER);
}

exported int ppoll(struct pollfd *p, nfds_t n, const struct timespec *span,
                   const sigset_t *mask)
{
    struct polled x = { p, n };
    if (!ex.on)
        return REAL(ppoll)(p, n, span, mask);
    return wait_for("ppoll", look_poll, &x, false, span ? time_after(span) : 0, CALLER);
}

struct epolled { int fd; struct epoll_event *e; int n; };

static int look_epoll(void *arg)
{
    const struct epolled *x = arg;
    return REAL(epoll_wait)(x->fd, x->e, x->n, 0);
}

exported int epoll_wait(int fd, struct epoll_event *e, int n, int ms)
{
    struct epolled x = { fd, e, n };
    if (!ex.on)
        return REAL(epoll_wait)(fd, e, n, ms);
    return wait_for("epoll_wait", look_epoll, &x, ms == 0, until_ms(ms), CALLER);
}

exported int epoll_pwait(int fd, struct epoll_event *e, int n, int ms,
                         const sigset_t *mask)
{
    struct epolled x = { fd, e, n };
    if (!ex.on)
        return REAL(epoll_pwait)(fd, e, n, ms, mask);
    return wait_for("epoll_pwait", look_epoll, &x, ms == 0, until_ms(ms), CALLER);
}

exported int epoll_pwait2(int fd, struct epoll_event *e, int n,
                          const struct timespec *span, const sigset_t *mask)
{
    struct epolled x = { fd, e, n };
    if (!ex.on)
        return REAL(epoll_pwait2)(fd, e, n, span, mask);
    return wait_for("epoll_pwait2", look_epoll, &x, false, span ? time_after(span) : 0,
                    CALLER);
}

exported int epoll_ctl(int fd, int op, int other, struct epoll_event *e)
{
    if (!ex.on)
        return REAL(epoll_ctl)(fd, op, other, e);
    fds_begin(CALLER);
    files_written(fd); /* what it hands to who waits there */
    int r = REAL(epoll_ctl)(fd, op, other, e);
    fds_changed();
    return r;
}

/* Holds: asked are the caller's sets, as they were; set are where the answers go. */
struct selected { int n; fd_set asked[3], *set[3]; };

static int look_select(void *arg)
{
    const struct selected *x = arg;
    struct timeval none = { 0, 0 };
    for (int i = 0; i < 3; i++)
        if (x->set[i])
            *x->set[i] = x->asked[i];
    return REAL(select)(x->n, x->set[0], x->set[1], x->set[2], &none);
}

static int select_until(const char *name, int n, fd_set *r, fd_set *w, fd_set *e,
                        const struct timespec *span, const void *pc)
{
    struct selected x = { .n = n, .set = { r, w, e } };
    for (int i = 0; i < 3; i++)
        if (x.set[i])
            x.asked[i] = *x.set[i];
    return wait_for(name, look_select, &x, false, span ? time_after(span) : 0, pc);
}

exported int select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv)
{
    if (!ex.on)
        return REAL(select)(n, r, w, e, tv);
    if (tv && (tv->tv_sec < 0 || tv->tv_usec < 0))
        return wrong(EINVAL);
    struct timespec span = { 0, 0 };
    if (tv)
        span = (struct timespec){ tv->tv_sec + tv->tv_usec / 1000000,
                                  tv->tv_usec % 1000000 * 1000 };
    return select_until("select", n, r, w, e, tv ? &span : NULL, CALLER);
}

exported int pselect(int n, fd_set *r, fd_set *w, fd_set *e,
                     const struct timespec *span, const sigset_t *mask)
{
    if (!ex.on)
        return REAL(pselect)(n, r, w, e, span, mask);
    return select_until("pselect", n, r, w, e, span, CALLER);
}
