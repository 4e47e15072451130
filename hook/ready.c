/* hook/ready.c - waiting for several descriptors: poll, select, epoll and their forms with a
 * mask of signals.
 *
 * Design: the call itself, told not to wait, says what is ready; between two of those the
 * task parks.  With a mask, signals that it lets through and the thread holds back end the
 * wait as well: a signalfd for them is waited for beside the rest, and the call, made again
 * under the mask, runs their handlers and says EINTR.
 * Tests: tests/hook_ready_test.c. */
#include "hook/hook.h"
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

enum { FEW = 8 };
static const struct timespec at_once;

/* What a call waits for.  Holds: fds has count entries, the last one for signals if there is
 * such a one; block is its memory, or NULL. */
struct watch {
    struct pollfd *fds, few[FEW];
    nfds_t count;
    tutti_time until;
    struct pollfd *block;
    int signals; /* -1: none */
    struct hook_vain vain;
};

/* Signals that the thread holds back and the mask lets through: a descriptor for them; -1:
 * there are none; -2: none to be had. */
static int signals_open(const sigset_t *mask)
{
    sigset_t held, wanted;
    bool any = false;
    if (!mask || pthread_sigmask(SIG_BLOCK, NULL, &held))
        return -1;
    sigemptyset(&wanted);
    for (int s = 1; s < NSIG; s++)
        if (sigismember(&held, s) == 1 && !sigismember(mask, s)) {
            sigaddset(&wanted, s);
            any = true;
        }
    if (!any)
        return -1;
    int fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -2 : fd;
}

/* Room for n descriptors, to be filled in by the caller.  False: no memory. */
static bool watch_open(struct watch *w, nfds_t n, tutti_time until, const sigset_t *mask)
{
    memset(w, 0, sizeof *w);
    w->until = until;
    w->fds = w->few;
    w->signals = signals_open(mask);
    if (w->signals == -2)
        return false;
    if (n + 1 > FEW && n < SIZE_MAX / sizeof(struct pollfd) - 1)
        w->fds = w->block = malloc((n + 1) * sizeof(struct pollfd));
    if (!w->fds || n >= SIZE_MAX / sizeof(struct pollfd) - 1) {
        if (w->signals >= 0)
            libc()->close(w->signals);
        return false;
    }
    w->count = n;
    if (w->signals >= 0)
        w->fds[w->count++] = (struct pollfd){ w->signals, POLLIN, 0 };
    return true;
}

static void watch_close(struct watch *w)
{
    int kept = errno;
    free(w->block);
    if (w->signals >= 0)
        libc()->close(w->signals);
    errno = kept;
}

static int watch_wait(struct watch *w)
{
    return hook_park_again(w->fds, w->count, w->until, &w->vain);
}

static bool span_bad(const struct timespec *t)
{
    return t && (t->tv_sec < 0 || t->tv_nsec < 0 || t->tv_nsec > 999999999);
}

static bool span_none(const struct timespec *t)
{
    return t && !t->tv_sec && !t->tv_nsec;
}

/* --- poll ------------------------------------------------------------------------------ */

/* Some were closed while we waited. */
static int poll_closed(struct pollfd *p, nfds_t n, const struct watch *w)
{
    int count = 0;
    for (nfds_t i = 0; i < n; i++) {
        p[i].revents = p[i].fd >= 0 ? w->fds[i].revents & POLLNVAL : 0;
        count += p[i].revents != 0;
    }
    return count;
}

static int poll_parking(struct pollfd *p, nfds_t n, tutti_time until, const sigset_t *mask)
{
    int kept = errno, found = libc()->ppoll(p, n, &at_once, mask), rc = 1;
    struct watch w;
    if (found || (until != TUTTI_NEVER && tutti_now() >= until))
        return found;
    if (!watch_open(&w, n, until, mask))
        return hook_fail(-ENOMEM);
    if (n)
        memcpy(w.fds, p, n * sizeof *p);
    while (!found && rc > 0) {
        rc = watch_wait(&w);
        if (rc >= 0)
            found = libc()->ppoll(p, n, &at_once, mask);
    }
    if (rc == -EBADF)
        found = poll_closed(p, n, &w);
    watch_close(&w);
    if (rc < 0 && rc != -EBADF)
        return hook_fail(rc);
    if (found >= 0)
        errno = kept;
    return found;
}

HOOK int poll(struct pollfd *p, nfds_t n, int ms)
{
    if (!HOOK_CALLER() || ms == 0)
        return libc()->poll(p, n, ms);
    return poll_parking(p, n, hook_until_ms(ms), NULL);
}

HOOK int ppoll(struct pollfd *p, nfds_t n, const struct timespec *span, const sigset_t *mask)
{
    if (!HOOK_CALLER() || span_bad(span) || span_none(span))
        return libc()->ppoll(p, n, span, mask);
    return poll_parking(p, n, hook_until(span), mask);
}

HOOK int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t room);
HOOK int __ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *span,
                     const sigset_t *mask, size_t room);

HOOK int __poll_chk(struct pollfd *p, nfds_t n, int ms, size_t room)
{
    if (room / sizeof *p < n)
        abort();
    if (!HOOK_CALLER() || ms == 0)
        return libc()->poll(p, n, ms);
    return poll_parking(p, n, hook_until_ms(ms), NULL);
}

HOOK int __ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *span,
                     const sigset_t *mask, size_t room)
{
    if (room / sizeof *p < n)
        abort();
    if (!HOOK_CALLER() || span_bad(span) || span_none(span))
        return libc()->ppoll(p, n, span, mask);
    return poll_parking(p, n, hook_until(span), mask);
}

/* --- select ---------------------------------------------------------------------------- */

enum { READ, WRITE, EXCEPT, SETS, SET_INLINE = 1024 };
typedef unsigned long word;
enum { WORD_BITS = CHAR_BIT * sizeof(word) };

/* The sets of one call: what was asked, and what the last look found. */
struct sets {
    int n;
    size_t bytes; /* of one set */
    fd_set *user[SETS];
    word *asked[SETS], *found[SETS];
    word room[SETS * 2 * SET_INLINE / WORD_BITS];
    void *block;
};

/* As the kernel has it: what lies beyond the table of descriptors is neither read nor written,
 * since programs ask for more (getdtablesize) than their sets have. */
static int sets_most(int n)
{
    char text[1024];
    if (n <= FD_SETSIZE)
        return n;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : libc()->read(fd, text, sizeof text - 1);
    if (fd >= 0)
        libc()->close(fd);
    text[got > 0 ? got : 0] = 0;
    const char *at = strstr(text, "FDSize:");
    int most = at ? atoi(at + strlen("FDSize:")) : n;
    return most > 0 && most < n ? most : n;
}

static bool sets_open(struct sets *s, int n, fd_set *const user[SETS])
{
    size_t words = ((size_t)n + WORD_BITS - 1) / WORD_BITS;
    s->n = n;
    s->bytes = words * sizeof(word);
    s->block = NULL;
    word *at = s->room;
    if (n > SET_INLINE && !(at = s->block = malloc(SETS * 2 * s->bytes)))
        return false;
    for (int i = 0; i < SETS; i++, at += 2 * words) {
        s->user[i] = user[i];
        s->asked[i] = user[i] ? at : NULL;
        s->found[i] = user[i] ? at + words : NULL;
        if (user[i])
            memcpy(s->asked[i], user[i], s->bytes);
    }
    return true;
}

/* The call itself, without waiting. */
static int sets_look(struct sets *s, const sigset_t *mask)
{
    for (int i = 0; i < SETS; i++)
        if (s->asked[i])
            memcpy(s->found[i], s->asked[i], s->bytes);
    return libc()->pselect(s->n, (fd_set *)(void *)s->found[READ],
                           (fd_set *)(void *)s->found[WRITE],
                           (fd_set *)(void *)s->found[EXCEPT], &at_once, mask);
}

static void sets_close(struct sets *s, int found)
{
    for (int i = 0; i < SETS; i++)
        if (found >= 0 && s->user[i])
            memcpy(s->user[i], s->found[i], s->bytes);
    int kept = errno;
    free(s->block);
    errno = kept;
}

static bool is_in(const word *set, int fd)
{
    return set && set[fd / WORD_BITS] >> (fd % WORD_BITS) & 1;
}

static short sets_events(const struct sets *s, int fd)
{
    return (short)((is_in(s->asked[READ], fd) ? POLLIN : 0)
                   | (is_in(s->asked[WRITE], fd) ? POLLOUT : 0)
                   | (is_in(s->asked[EXCEPT], fd) ? POLLPRI : 0));
}

static nfds_t sets_fill(const struct sets *s, struct pollfd *p)
{
    nfds_t count = 0;
    for (int fd = 0; fd < s->n; fd++) {
        short events = sets_events(s, fd);
        if (events && p)
            p[count] = (struct pollfd){ fd, events, 0 };
        count += events != 0;
    }
    return count;
}

static int sets_wait(struct sets *s, tutti_time until, const sigset_t *mask)
{
    struct watch w;
    int found = 0, rc = 1;
    if (!watch_open(&w, sets_fill(s, NULL), until, mask))
        return hook_fail(-ENOMEM);
    sets_fill(s, w.fds);
    while (!found && rc > 0) {
        rc = watch_wait(&w);
        if (rc >= 0)
            found = sets_look(s, mask);
    }
    watch_close(&w);
    return rc < 0 ? hook_fail(rc) : found;
}

static int select_parking(int n, fd_set *const user[SETS], tutti_time until,
                          const sigset_t *mask)
{
    int kept = errno;
    struct sets s;
    if (!sets_open(&s, sets_most(n), user))
        return hook_fail(-ENOMEM);
    int found = sets_look(&s, mask);
    if (!found && (until == TUTTI_NEVER || tutti_now() < until))
        found = sets_wait(&s, until, mask);
    sets_close(&s, found);
    if (found >= 0)
        errno = kept;
    return found;
}

HOOK int pselect(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict e,
                 const struct timespec *restrict span, const sigset_t *restrict mask)
{
    fd_set *const user[SETS] = { r, w, e };
    if (!HOOK_CALLER() || n < 0 || span_bad(span) || span_none(span))
        return libc()->pselect(n, r, w, e, span, mask);
    return select_parking(n, user, hook_until(span), mask);
}

/* Linux says in the argument how much of the time was left. */
HOOK int select(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict e,
                struct timeval *restrict span)
{
    fd_set *const user[SETS] = { r, w, e };
    bool bad = span && (span->tv_sec < 0 || span->tv_usec < 0 || span->tv_usec > 999999);
    bool none = span && !span->tv_sec && !span->tv_usec;
    if (!HOOK_CALLER() || n < 0 || bad || none)
        return libc()->select(n, r, w, e, span);
    struct timespec ts = { span ? span->tv_sec : 0, span ? span->tv_usec * 1000 : 0 };
    tutti_time until = hook_until(span ? &ts : NULL);
    int found = select_parking(n, user, until, NULL);
    if (span && until != TUTTI_NEVER) {
        tutti_time left = until - tutti_now();
        left = left > 0 ? left : 0;
        *span = (struct timeval){ left / TUTTI_SEC, left % TUTTI_SEC / 1000 };
    }
    return found;
}

/* --- epoll ------------------------------------------------------------------------------ */

/* The kernel does not look for signals when it is told not to wait. */
static int epoll_look(int epoll, struct epoll_event *ev, int n, const sigset_t *mask)
{
    int found = libc()->epoll_wait(epoll, ev, n, 0);
    return found || !mask ? found : libc()->ppoll(NULL, 0, &at_once, mask);
}

static int epoll_parking(int epoll, struct epoll_event *ev, int n, tutti_time until,
                         const sigset_t *mask)
{
    int kept = errno, found = epoll_look(epoll, ev, n, mask), rc = 1;
    struct watch w;
    if (found || (until != TUTTI_NEVER && tutti_now() >= until))
        return found;
    if (!watch_open(&w, 1, until, mask))
        return hook_fail(-ENOMEM);
    w.fds[0] = (struct pollfd){ epoll, POLLIN, 0 };
    while (!found && rc > 0) {
        rc = watch_wait(&w);
        if (rc >= 0)
            found = epoll_look(epoll, ev, n, mask);
    }
    watch_close(&w);
    if (rc < 0)
        return hook_fail(rc);
    if (found >= 0)
        errno = kept;
    return found;
}

HOOK int epoll_wait(int epoll, struct epoll_event *ev, int n, int ms)
{
    if (!HOOK_CALLER() || ms == 0)
        return libc()->epoll_wait(epoll, ev, n, ms);
    return epoll_parking(epoll, ev, n, hook_until_ms(ms), NULL);
}

HOOK int epoll_pwait(int epoll, struct epoll_event *ev, int n, int ms, const sigset_t *mask)
{
    if (!HOOK_CALLER() || ms == 0)
        return libc()->epoll_pwait(epoll, ev, n, ms, mask);
    return epoll_parking(epoll, ev, n, hook_until_ms(ms), mask);
}

HOOK int epoll_pwait2(int epoll, struct epoll_event *ev, int n, const struct timespec *span,
                      const sigset_t *mask)
{
    if (!HOOK_CALLER() || span_bad(span) || span_none(span))
        return libc()->epoll_pwait2(epoll, ev, n, span, mask);
    return epoll_parking(epoll, ev, n, hook_until(span), mask);
}
