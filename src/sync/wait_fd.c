/* sync/wait_fd.c - a descriptor that is readable when one of several cases is ready,
 * for event loops that are not ours.
 *
 * Design: what they get is an epoll descriptor. In it are the user's own descriptors, a
 * timer, and an eventfd, which is written by observers: nodes in the queues of
 * channels, futures and events that take nothing and only tell.  An observer tells once
 * and is out; arming again (tutti_wait on the same cases that found nothing) reads the
 * eventfd first, then looks at each object and queues the observer again or, if the
 * object is ready, writes the eventfd: so nothing that happens in between is missed.
 * Tests: tests/wait_fd_test.c. */
#include "sync/wait_fd.h"
#include "base/memory.h"
#include "core/owned.h"
#include "core/thread.h"
#include "core/waiters.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct wait_fd;

/* Holds: enlisted: the node was put into the queue of on's object; it may have told and
 * be out since.  Changed by who arms, and at the end. */
struct observer {
    struct wait_node node;
    struct wait_fd *of;
    tutti_case on; /* the case as it was when enlisted */
    bool enlisted;
};

/* Holds: observers has an entry for each of the n cases, and each knows its wait_fd; the three
 * descriptors are open from the end of opening on.  cases are the user's, and he may change
 * them between two waits. */
struct wait_fd {
    struct owned owned;
    struct list link; /* in all_wait_fds */
    tutti_case *cases;
    size_t n;
    int epoll, event, timer;
    bool always; /* a descriptor that cannot be polled is among the cases */
    struct observer observers[];
};

static struct latch all_latch; /* guards all_wait_fds */
static struct list all_wait_fds = { &all_wait_fds, &all_wait_fds };
_Atomic unsigned wait_fd_count;

static void wait_fd_after_fork(void)
{
    all_latch = (struct latch){ 0 };
    list_init(&all_wait_fds); /* the parent's; what they write to is shared with it */
    store_relaxed(&wait_fd_count, 0); /* one thread */
}

__attribute__((constructor)) static void wait_fd_begin(void)
{
    fork_watch(wait_fd_after_fork);
}

/* --- observing -------------------------------------------------------------- */

/* Called under latches, and in signal handlers. */
static void wait_fd_tell(struct wait_fd *f)
{
    int kept = errno;
    uint64_t one = 1;
    ssize_t put = write(f->event, &one, sizeof one);
    (void)put; /* full: it is readable */
    errno = kept;
}

static void observer_notify(struct wait_node *n)
{
    wait_fd_tell(list_entry(n, struct observer, node)->of);
}

static void observer_leave(struct observer *o)
{
    const struct waitable *w = waitable_of(&o->on);
    int rc;
    struct latch *l = o->enlisted ? w->latch(&o->on, &rc) : NULL;
    o->enlisted = false;
    if (!l)
        return; /* a future that is gone: its waiters were told and are out */
    latch_lock(l);
    waiters_remove(&o->node);
    w->unlock(&o->on, l);
}

/* Queue the observer.  True: no need, the case is ready. */
static bool observer_enter(struct observer *o, const tutti_case *c)
{
    const struct waitable *w = waitable_of(c);
    int rc = 0;
    o->on = *c;
    struct latch *l = w ? w->latch(&o->on, &rc) : NULL;
    if (!l)
        return rc < 0; /* a stale future: tutti_wait says so at once */
    latch_lock(l);
    bool ready = w->ready(&o->on);
    if (!ready) {
        o->node = (struct wait_node){ .notify = observer_notify };
        w->enlist(&o->on, &o->node);
        o->enlisted = true;
    }
    w->unlock(&o->on, l);
    return ready;
}

static void wait_fd_set_timer(struct wait_fd *f)
{
    int64_t when = CLOCK_NEVER; /* also when the case for a time gave way to another */
    for (size_t i = 0; i < f->n; i++)
        if (f->cases[i].kind == TUTTI_ON_TIME && f->cases[i].on.when < when)
            when = f->cases[i].on.when;
    struct itimerspec at = { { 0, 0 }, { 0, 0 } }; /* disarmed */
    if (when != CLOCK_NEVER) {
        int64_t ns = when > 0 ? when : 1;
        at.it_value = (struct timespec){ ns / 1000000000, ns % 1000000000 };
    }
    if (f->timer >= 0)
        timerfd_settime(f->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void wait_fd_arm(struct wait_fd *f)
{
    int kept = errno;
    uint64_t told;
    bool ready = f->always;
    ssize_t got = read(f->event, &told, sizeof told);
    (void)got; /* nothing was told */
    for (size_t i = 0; i < f->n; i++) {
        observer_leave(&f->observers[i]);
        if (observer_enter(&f->observers[i], &f->cases[i]))
            ready = true;
    }
    wait_fd_set_timer(f);
    if (ready)
        wait_fd_tell(f);
    errno = kept;
}

void wait_fd_rearm(const tutti_case *cases)
{
    struct wait_fd *found = NULL;
    latch_lock(&all_latch);
    for (struct list *l = all_wait_fds.next; l != &all_wait_fds && !found; l = l->next) {
        struct wait_fd *f = list_entry(l, struct wait_fd, link);
        found = f->cases == cases ? f : NULL;
    }
    latch_unlock(&all_latch);
    if (found) /* its scope is open as long as the cases are waited for */
        wait_fd_arm(found);
}

/* --- opening and ending ------------------------------------------------------ */

static void wait_fd_free(struct wait_fd *f)
{
    int kept = errno;
    for (size_t i = 0; i < f->n; i++)
        observer_leave(&f->observers[i]);
    if (f->epoll >= 0)
        close(f->epoll);
    if (f->event >= 0)
        close(f->event);
    if (f->timer >= 0)
        close(f->timer);
    memory_free(f);
    errno = kept;
}

static void wait_fd_end(struct owned *o)
{
    struct wait_fd *f = list_entry(o, struct wait_fd, owned);
    latch_lock(&all_latch);
    list_remove(&f->link);
    sub_relaxed(&wait_fd_count, 1); /* the latch orders it */
    latch_unlock(&all_latch);
    wait_fd_free(f);
}

static int wait_fd_add(struct wait_fd *f, int fd, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.fd = fd };
    if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    if (errno == EEXIST) { /* two cases for it */
        ev.events = 0;
        for (size_t i = 0; i < f->n; i++)
            if (f->cases[i].kind == TUTTI_ON_FD && f->cases[i].on.fd == fd)
                ev.events |= (unsigned short)f->cases[i].events;
        return epoll_ctl(f->epoll, EPOLL_CTL_MOD, fd, &ev) == 0 ? 0 : -errno;
    }
    if (errno == EPERM) {
        f->always = true;
        return 0;
    }
    return errno == ENOSPC ? -ENOMEM : -errno;
}

static int wait_fd_open_all(struct wait_fd *f)
{
    f->epoll = fault_now() ? -1 : epoll_create1(EPOLL_CLOEXEC);
    f->event = fault_now() ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->timer = fault_now() ? -1
                           : timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (f->epoll < 0 || f->event < 0 || f->timer < 0)
        return -EMFILE;
    int rc = wait_fd_add(f, f->event, EPOLLIN);
    if (rc == 0)
        rc = wait_fd_add(f, f->timer, EPOLLIN);
    for (size_t i = 0; rc == 0 && i < f->n; i++)
        if (f->cases[i].kind == TUTTI_ON_FD)
            rc = wait_fd_add(f, f->cases[i].on.fd, (unsigned short)f->cases[i].events);
    return rc;
}

/* 0, or what is wrong with the cases. */
static int wait_fd_read(tutti_case *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct waitable *w = waitable_of(&c[i]);
        int rc = 0;
        bool plain = c[i].kind == TUTTI_ON_NONE || c[i].kind == TUTTI_ON_TIME
                     || c[i].kind == TUTTI_ON_FD;
        if (c[i].kind == TUTTI_ON_EMPTY)
            return why_set(-EINVAL, "tutti_wait_fd: case %zu is for the end of a scope, "
                           "which only its opener can wait for", i);
        if ((!w && !plain) || (w && !w->latch(&c[i], &rc) && rc == -EINVAL))
            return why_set(-EINVAL, "tutti_wait_fd: case %zu has no object, or no item, or "
                           "is of no known kind", i);
    }
    return 0;
}

int tutti_wait_fd(tutti_scope *s, tutti_case *c, size_t n)
{
    int rc = !s || !c || !n ? why_static(-EINVAL, "tutti_wait_fd: no scope or no cases")
                            : wait_fd_read(c, n);
    if (rc < 0)
        return rc;
    struct wait_fd *f = NULL;
    if (n < INT32_MAX)
        f = memory_zalloc(sizeof *f + n * sizeof f->observers[0]);
    if (!f)
        return why_static(-ENOMEM, "tutti_wait_fd: no memory");
    int kept = errno;
    *f = (struct wait_fd){ .cases = c, .n = n };
    f->owned.end = wait_fd_end;
    for (size_t i = 0; i < n; i++)
        f->observers[i].of = f;
    rc = wait_fd_open_all(f);
    errno = kept;
    if (rc < 0) {
        wait_fd_free(f);
        return why_static(rc, tutti_strerror(rc));
    }
    latch_lock(&all_latch);
    list_push_back(&all_wait_fds, &f->link);
    add_relaxed(&wait_fd_count, 1); /* the latch orders it */
    latch_unlock(&all_latch);
    rc = scope_own(s, &f->owned);
    if (rc < 0) {
        wait_fd_end(&f->owned);
        return rc;
    }
    wait_fd_arm(f);
    return f->epoll;
}
