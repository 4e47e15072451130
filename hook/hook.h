/* hook/hook.h - what the parts of libtutti-hook share.  The library stands in front of libc
 * and takes its blocking calls: a call made in a task parks that task instead of its
 * thread; every other call is libc's own.  It uses the public calls of tutti alone, so it
 * is a program's code to the runtime, and its waits are cut off as a program's are.
 *
 * Rules that all parts keep:
 *   - a descriptor's flags are never changed: other processes may share them.  What can
 *     be asked not to block for one call is asked so (MSG_DONTWAIT, RWF_NOWAIT); the rest
 *     is called after poll(2) said that it would not;
 *   - a call that succeeds leaves errno as it was; one that fails sets it last, after any
 *     park, since meanwhile other tasks have used the same errno;
 *   - what can be done at once is done even when the scope is over, so that a library can
 *     clean up; what would have to wait then fails with ECANCELED or ETIMEDOUT.
 * Tests: tests/hook_test.c. */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H
#include "base/atomic.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <tutti.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

/* --- libc's own: real.c ------------------------------------------------------ */

#define HOOK_CALLS(X)                                                         \
    X(read) X(readv) X(write) X(writev)                                       \
    X(recv) X(recvfrom) X(recvmsg) X(recvmmsg)                                \
    X(send) X(sendto) X(sendmsg) X(sendmmsg)                                  \
    X(connect) X(accept) X(accept4)                                           \
    X(poll) X(ppoll) X(select) X(pselect)                                     \
    X(epoll_wait) X(epoll_pwait) X(epoll_pwait2)                              \
    X(nanosleep) X(clock_nanosleep) X(usleep) X(sleep) X(thrd_sleep)          \
    X(sched_yield)                                                            \
    X(getaddrinfo) X(getnameinfo) X(gethostbyname) X(gethostbyname2)          \
    X(gethostbyname_r) X(gethostbyname2_r) X(gethostbyaddr) X(gethostbyaddr_r) \
    X(fsync) X(fdatasync)                                                     \
    X(pread) X(pread64) X(pwrite) X(pwrite64)                                 \
    X(preadv) X(preadv64) X(pwritev) X(pwritev64)                             \
    X(open) X(open64) X(openat) X(openat64)                                   \
    X(sendfile) X(sendfile64) X(copy_file_range) X(flock)                     \
    X(wait) X(waitpid) X(waitid) X(wait4)                                     \
    X(close) X(dup2) X(dup3) X(close_range) X(closefrom) X(fork) X(vfork)     \
    X(pthread_mutex_lock) X(pthread_mutex_trylock) X(pthread_mutex_unlock)    \
    X(pthread_mutex_timedlock) X(pthread_mutex_clocklock)                     \
    X(pthread_cond_wait) X(pthread_cond_timedwait) X(pthread_cond_clockwait)  \
    X(pthread_cond_signal) X(pthread_cond_broadcast)

struct libc {
#define HOOK_FIELD(name) __typeof__(&name) name;
    HOOK_CALLS(HOOK_FIELD)
#undef HOOK_FIELD
};
extern struct libc hook_libc;
extern _Atomic bool hook_libc_known;
void hook_libc_find(void);

/* What libc gives under these names.  May be called before any constructor has run. */
static inline const struct libc *libc(void)
{
    if (unlikely(!load_acquire(&hook_libc_known))) /* pairs with hook_libc_find */
        hook_libc_find();
    return &hook_libc;
}

/* Is `from` code of the runtime?  Its own calls are never taken: it makes them on the stack
 * of a task that is parked already. */
bool hook_is_runtime(const void *from);
/* The task that made a hooked call which will return to `from`; 0: take libc's own. */
static inline uintptr_t hook_caller(const void *from)
{
    uintptr_t task = tutti_task_here();
    return unlikely(task != 0) && !hook_is_runtime(from) ? task : 0;
}
#define HOOK_CALLER() hook_caller(__builtin_return_address(0))

/* --- waiting: wait.c --------------------------------------------------------- */

/* Park until one of p[0..n) may have what it asks for, or the time has come.  1: look
 * again; 0: the time has come; -EBADF: one was closed meanwhile, its revents is POLLNVAL;
 * -ECANCELED, -ETIMEDOUT: the scope is over; -ENOMEM.  Entries below zero are left out. */
int hook_park(struct pollfd *p, nfds_t n, tutti_time until);
/* The same, in a loop that looks by itself in between: when it was told to look again for
 * nothing several times on end (a datagram's far end is full, which poll(2) does not
 * know), it sleeps a little before.  *v is zero at first. */
struct hook_vain {
    int times;
};
int hook_park_again(struct pollfd *p, nfds_t n, tutti_time until, struct hook_vain *v);
/* The descriptor is about to be closed: end the waits for it. */
void hook_closing(unsigned first, unsigned last);

/* The waits of one call for one descriptor.  Zero but for fd, events and option. */
struct turn {
    int fd;
    short events;
    int option;       /* SO_RCVTIMEO, SO_SNDTIMEO; 0: it has no time limit */
    bool asked;       /* whether it may wait at all, and until when */
    tutti_time until;
    struct hook_vain vain;
};
/* The call would block: wait.  0: try again; -EAGAIN: it may not wait, or not longer; else as
 * hook_park. */
int hook_turn(struct turn *t);
/* errno = -code; -1. */
int hook_fail(int code);
/* Asks poll(2) for one descriptor without waiting: its events, 0 for none. */
short hook_ready(int fd, short events);
bool hook_nonblocking(int fd);
tutti_time hook_until(const struct timespec *span); /* NULL: never */
tutti_time hook_until_ms(int ms);                   /* negative: never */

/* What a descriptor stands for, as far as waiting for it differs. */
enum kind { KIND_FILE, KIND_SOCKET, KIND_TTY, KIND_OTHER };
enum kind hook_kind(int fd); /* KIND_FILE when it is none */

/* --- a part of an array of buffers: stream.c ----------------------------------- */

/* Holds: `in` bytes of v[0] are done; in < v[0].iov_len or left is 0. */
struct cursor {
    const struct iovec *v;
    size_t left, in;
    struct iovec one; /* the rest of v[0], when some of it is done */
};
struct cursor cursor_at(const struct iovec *v, size_t n);
/* What remains to be done next: its buffers and their number; all that remains unless the
 * first buffer is half done. */
const struct iovec *cursor_rest(struct cursor *c, size_t *n);
void cursor_advance(struct cursor *c, size_t bytes);
/* Bytes in n buffers; SIZE_MAX when they are too many. */
size_t buffers_size(const struct iovec *v, size_t n);

/* --- on another thread: rescue.c ----------------------------------------------- */

/* Run run(arg) on a rescue thread, however long it takes; errno and h_errno come along.
 * 0, or a negative code: it was not run. */
int hook_rescue(void (*run)(void *arg), void *arg);

/* Whose turn it is to hold a spin lock of ours; see spin_lock. */
struct spin {
    _Atomic uint32_t held;
};
/* For a few instructions at a time, never over a park or a call of libc's. */
static inline void spin_lock(struct spin *s)
{
    while (swap_acquire(&s->held, 1)) /* pairs with spin_unlock */
        libc()->sched_yield();
}
static inline void spin_unlock(struct spin *s)
{
    store_release(&s->held, 0); /* pairs with spin_lock */
}
#endif
