/* tutti/io.h - descriptors, files, sockets and names, in blocking style: a call that has to
 * wait parks the task, or blocks the plain thread, as every [wait] call of tutti.h, so the
 * scope's deadline and cancellation hold for each.
 *
 * A worker waits in an io_uring of its own where the kernel grants one, else in an epoll;
 * "?io=epoll", "?io=uring" and "?io=uring-defer" in an executor's URL choose.  The flags of a
 * descriptor that you opened are never changed, so one that other processes share may be
 * given to every call here.
 *
 * A worker that waits for the first time takes up to three descriptors to wait with: -EMFILE
 * where those are not left.  (tutti_accept then looks again now and then.)
 *
 * Counts are at most 1 GiB a call.  One for a file that was cut off may have been made all
 * the same.  What a call gives as a descriptor is yours, to be closed with tutti_close: not
 * with close(2), which leaves those who wait for it waiting.
 * Writing to a pipe that nobody reads raises SIGPIPE: ignore it (signal(SIGPIPE, SIG_IGN)).
 * Sockets give -EPIPE without. */
#ifndef TUTTI_IO_H
#define TUTTI_IO_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- descriptors ---------------------------------------------------------- */

/* As read(2): 1 to n bytes; 0 at the end; -errno.  [any] [wait] */
TUTTI_API int tutti_read(int fd, void *buf, size_t n);
/* As write(2): 1 to n bytes were taken; -errno.  [any] [wait] */
TUTTI_API int tutti_write(int fd, const void *buf, size_t n);
/* All n bytes: 0; -errno, and how many of them were taken is not told.  [any] [wait] */
TUTTI_API int tutti_write_all(int fd, const void *buf, size_t n);
/* Wait until fd is ready for some of the poll_events (POLLIN, POLLOUT...): those that came,
 * also POLLHUP and POLLERR; 0 when `until` has come; -EBADF; -ECANCELED too when it is closed
 * by tutti_close meanwhile.  What cannot be polled (a regular file) is ready.
 * [any] [wait] */
TUTTI_API int tutti_fd_wait(int fd, short poll_events, tutti_time until);
/* Close fd.  Whoever waits for it in a call of this library gets -ECANCELED, and nothing that
 * its number will stand for next.  0; -EBADF.  Never waits.  [any] */
TUTTI_API int tutti_close(int fd);
/* A pipe: ends[0] to read, ends[1] to write.  0, or -errno.  [any] */
TUTTI_API int tutti_pipe(int ends[2]);

/* ---- files ---------------------------------------------------------------- */

/* As open(2), close-on-exec.  A descriptor or -errno.  [any] [wait] */
TUTTI_API int tutti_open(const char *path, int flags, unsigned mode);
/* At most n bytes from that place of the file; 0 behind its end; -ESPIPE of what has no places;
 * -errno.  [any] [wait] */
TUTTI_API int tutti_pread(int fd, void *buf, size_t n, int64_t offset);
/* ... to that place: how many were written.  [any] [wait] */
TUTTI_API int tutti_pwrite(int fd, const void *buf, size_t n, int64_t offset);
/* Until what was written is on the disk: 0 or -errno.  [any] [wait] */
TUTTI_API int tutti_fsync(int fd);
/* Send n bytes of `file` from that place on to the socket or pipe `to`.  How many were sent:
 * less than n only where the file ends; -errno, and how many were is not told.  What of the
 * file is not in memory is read on this thread if `to` is non-blocking, as sockets of this
 * library are: from a slow disk, tutti_pread and tutti_write_all hold up nobody else.
 * [any] [wait] */
TUTTI_API int64_t tutti_sendfile(int to, int file, int64_t offset, size_t n);

/* ---- sockets -------------------------------------------------------------- */

/* An address is "tcp:host:port", "unix:path" or "unix:@name" (abstract), for datagrams
 * "udp:host:port".  host: a name, or numbers, IPv6 in brackets ("tcp:[::1]:80"); empty: when
 * listening all of this machine, else this machine.  port: a number, or a name of services(5);
 * 0 when listening: any, see tutti_address_local. */

/* Listen: a descriptor; -EINVAL and tutti_why names what is wrong with the address;
 * -EADDRINUSE and others of bind(2); -ENOENT: no such host.  [any] [wait] */
TUTTI_API int tutti_listen(const char *address);
/* The next connection, with TCP_NODELAY.  When the process is out of descriptors the client
 * that came is turned away and the wait goes on, so neither a full table nor the clients
 * behind it can make this fail or spin.  -errno.  [any] [wait] */
TUTTI_API int tutti_accept(int listener);
/* Connect.  Of a host with several addresses each is tried, those of both families in turn,
 * the next a quarter of a second after the last or as soon as one fails; the first that
 * answers is kept.  A descriptor; the error of the last that failed; -EINVAL, -ENOENT as
 * tutti_listen; -EAGAIN: who knows names could not say, now.  [any] [wait] */
TUTTI_API int tutti_dial(const char *address);
/* Connect a socket that you made, whose flags stay as they are, to the address in those bytes
 * (a struct sockaddr of its family).  0; -errno of connect(2); -EINVAL when they are too many.
 * When it was cut off the connection may still come about, as after a signal.
 * [any] [wait] */
TUTTI_API int tutti_connect(int fd, const void *address, size_t size);
/* Accept until the listener is closed or the caller is cut off, and start serve(fd) in *s for
 * each; serve owns fd, and closes it.  A limit of *s (tutti_scope_limit) makes it wait.
 * -ECANCELED, -ETIMEDOUT or what accept or a start gave.  [any] [wait] */
TUTTI_API int tutti_serve(tutti_scope *s, int listener, int (*serve)(int fd));
/* Where a socket is, and who is at its other end, as an address in the words above with
 * numbers; cut at n - 1 bytes.  0 or -errno.  [any] */
TUTTI_API int tutti_address_local(int fd, char *text, size_t n);
TUTTI_API int tutti_address_peer(int fd, char *text, size_t n);

/* ---- datagrams ------------------------------------------------------------ */

typedef struct tutti_address {
    uint64_t _[18];
} tutti_address; /* copy it at will */

/* What an address stands for, up to most of them, families in turn: how many; -EINVAL,
 * -ENOENT, -EAGAIN as tutti_dial.  [any] [wait] */
TUTTI_API int tutti_resolve(const char *address, tutti_address *out, size_t most);
/* In the words of "sockets", with numbers; cut at n - 1 bytes.  0; -EINVAL for one that was
 * never filled.  [any] */
TUTTI_API int tutti_address_text(const tutti_address *a, char *text, size_t n);
/* A socket for datagrams at "udp:host:port"; "udp::0" is any port of this machine, for both
 * families.  A descriptor, or as tutti_listen.  [any] [wait] */
TUTTI_API int tutti_udp_open(const char *address);
/* Send n bytes as one datagram: 0 or -errno (-EMSGSIZE: too long for one).  [any] [wait] */
TUTTI_API int tutti_udp_send(int fd, const void *data, size_t n, const tutti_address *to);
/* The next datagram, up to n bytes of it into buf: its whole length, so more than n says that
 * the rest is lost.  from may be NULL.  -errno.  [any] [wait] */
TUTTI_API int tutti_udp_receive(int fd, void *buf, size_t n, tutti_address *from);

/* ---- signals -------------------------------------------------------------- */

/* A channel of int in *s that gets the number of each of these n signals when it comes, until
 * *s closes; arrivals that nobody has received yet count once.  As tutti_event_on_signal for
 * each, and one thread.  0; on error *out is NULL: -EINVAL, -EBUSY, -ENOMEM, -EAGAIN.
 * [any] */
TUTTI_API int tutti_signals(tutti_chan **out, tutti_scope *s, const int *signums, size_t n);

/* ---- processes ------------------------------------------------------------ */

enum { /* which of its descriptors are pipes to us; the others are shared */
    TUTTI_PIPE_IN = 1,
    TUTTI_PIPE_OUT = 2,
    TUTTI_PIPE_ERR = 4,
    TUTTI_ERR_TO_OUT = 8 /* its errors go where its output goes */
};
typedef struct tutti_process {
    int in, out, err; /* our ends, -1: none; in: to write.  You may close one with
                         tutti_close and put -1 in its place */
    int pid;
    uint64_t _[4];
} tutti_process;
typedef struct tutti_process_end { /* set size before the call */
    size_t size;
    int status;             /* exit status, or 128 + signal                     */
    int signal;             /* 0: it ended by itself                            */
    int64_t user, system;   /* ns of CPU time, with those it has waited for     */
    int64_t memory;         /* bytes, the most that were resident               */
} tutti_process_end;

/* Run argv[0], found by $PATH, in a process group of its own.  0; -ENOENT and others of
 * posix_spawn(3); -EMFILE; -ENOSYS where processes have no descriptors (valgrind); -EINVAL.
 * [any] */
TUTTI_API int tutti_process_open(tutti_process *p, char *const argv[], unsigned flags);
/* Wait for its end: 0 and *end (may be NULL).  Cut off, or at the deadline, it and all that it
 * has started are killed: the cut's code, and *end is filled.  -EINVAL if it is not open;
 * -ECHILD, with *end as it was, where the program ignores SIGCHLD.  [any] [wait] */
TUTTI_API int tutti_process_wait(tutti_process *p, tutti_process_end *end);
/* Send it and its group a signal.  0 or -errno; -ESRCH after its end.  [any] */
TUTTI_API int tutti_process_signal(tutti_process *p, int signum);
/* Close its pipes; one that still runs is killed, with all that it has started (but for what
 * has left the tree by ending its parent).  Never cut off.  [any] [wait] */
TUTTI_API void tutti_process_close(tutti_process *p);

#ifdef __cplusplus
}
#endif
#endif
