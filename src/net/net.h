/* net/net.h - what the files of this layer share: one call that has to wait, whoever the
 * caller is.  On a worker with a ring the kernel does the call (io_do); on one without, and on
 * a plain thread, the call is tried without blocking, then again when the descriptor is
 * ready. */
#ifndef NET_NET_H
#define NET_NET_H
#include "io/wait.h"
#include <tutti/io.h>

enum { NET_MOST = 1 << 30 }; /* bytes of one call */

/* The caller's ring; NULL: none. */
struct ring *net_ring(struct context *c, struct poller **p);
/* As io_ready, for plain threads too. */
int net_ready(struct context *c, int fd, short events, int64_t until);
/* Mark fd as a descriptor whose life begins; gives it back. */
int net_new(int fd);
/* Note what failed: the words of the system for a negative code. */
int net_failed(const char *call, int code);

/* fd was closed by tutti_close: whoever connects it on a rescue thread waits no longer. */
void connect_forget(int fd);

/* One end of the bytes of a descriptor, without waiting: as read(2) and write(2) but
 * -EAGAIN.  told: the descriptor was reported to be ready, so a file on a disk, which always
 * is, is written even if that blocks. */
int net_try_read(int fd, void *buf, size_t n, bool told);
int net_try_write(int fd, const void *buf, size_t n, bool told);
#endif
