/* tutti/wait.h - waiting for any of several things at once: items, results, events,
 * descriptors, times.  tutti.h includes this header. */
#ifndef TUTTI_WAIT_H
#define TUTTI_WAIT_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- waiting for any ----------------------------------------------------- */

typedef struct tutti_event tutti_event; /* sync.h */

/* One thing to wait for; the functions below make them. */
typedef struct tutti_case {
    uint16_t kind;
    int16_t events;
    int code;
    union {
        tutti_chan *chan;
        tutti_event *event;
        tutti_scope *scope;
        int fd;
        tutti_time when;
        tutti_future future;
        uint64_t _[2];
    } on;
    void *item;
} tutti_case;

/* Do exactly one ready case (fair among them) and return its index; its code says
 * how it went: what recv or send would give, the task's code, the poll events.
 * Negative: none was done.  -EINVAL: a case is malformed, or n is 0; -ENOMEM; -EMFILE or
 * -ENFILE: no descriptor is left to wait for others with; what epoll_ctl(2) said of a
 * descriptor (-EBADF).  A case made for a zero future is never ready.  [any] [wait] */
TUTTI_API int tutti_wait(tutti_case *c, size_t n);
/* A descriptor for other event loops (poll, libuv, GLib), the scope's: readable
 * when a case is ready.  Then call tutti_wait on the same cases and
 * tutti_on_none() behind them until that comes out, which arms it again.  A case
 * that stays ready (a done future, an ended channel, a time that has come) would
 * keep it from coming out: put tutti_on_done() of a zero future in its place.  The
 * cases and what they are for must outlive *s; those for a scope's end are
 * refused.  Tasks of a loop do not run while its thread is in the other event loop:
 * use threads there.  A descriptor, or -EINVAL, -ENOMEM, -EMFILE, -EBADF.  [any] */
TUTTI_API int tutti_wait_fd(tutti_scope *s, tutti_case *c, size_t n);

enum {
    TUTTI_ON_NONE,
    TUTTI_ON_RECV,
    TUTTI_ON_SEND,
    TUTTI_ON_DONE,
    TUTTI_ON_EVENT,
    TUTTI_ON_FD,
    TUTTI_ON_TIME,
    TUTTI_ON_EMPTY
};
static inline tutti_case tutti_case_(uint16_t kind)
{
    tutti_case c;
    memset(&c, 0, sizeof c);
    c.kind = kind;
    return c;
}
/* Ready when nothing else is: makes a wait a try. */
static inline tutti_case tutti_on_none(void)
{
    return tutti_case_(TUTTI_ON_NONE);
}
/* Ready when an item, or the end, can be received. */
static inline tutti_case tutti_on_recv(tutti_chan *ch, void *item)
{
    tutti_case c = tutti_case_(TUTTI_ON_RECV);
    c.on.chan = ch;
    c.item = item;
    return c;
}
/* Ready when *item can be sent, or the channel has ended. */
static inline tutti_case tutti_on_send(tutti_chan *ch, const void *item)
{
    tutti_case c = tutti_case_(TUTTI_ON_SEND);
    c.on.chan = ch;
    c.item = (void *)(uintptr_t)item; /* only read */
    return c;
}
/* Ready when f has its outcome. */
static inline tutti_case tutti_on_done(tutti_future f)
{
    tutti_case c = tutti_case_(TUTTI_ON_DONE);
    c.on.future = f;
    return c;
}
/* Ready while *e is set. */
static inline tutti_case tutti_on_event(tutti_event *e)
{
    tutti_case c = tutti_case_(TUTTI_ON_EVENT);
    c.on.event = e;
    return c;
}
/* poll_events: POLLIN, POLLOUT...; a descriptor that cannot be polled (a regular
 * file) is always ready, one that is not open is too, with POLLNVAL. */
static inline tutti_case tutti_on_fd(int fd, short poll_events)
{
    tutti_case c = tutti_case_(TUTTI_ON_FD);
    c.on.fd = fd;
    c.events = poll_events;
    return c;
}
/* Ready from `when` on. */
static inline tutti_case tutti_on_time(tutti_time when)
{
    tutti_case c = tutti_case_(TUTTI_ON_TIME);
    c.on.when = when;
    return c;
}
/* No task of *s is left: "drained, or five seconds" in one wait.  Only for who
 * opened *s. */
static inline tutti_case tutti_on_empty(tutti_scope *s)
{
    tutti_case c = tutti_case_(TUTTI_ON_EMPTY);
    c.on.scope = s;
    return c;
}

#ifdef __cplusplus
}
#endif
#endif
