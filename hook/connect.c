/* hook/connect.c - connect and accept, neither of which has a word for "do not wait".
 *
 * Design: tutti_connect knows how to do the one.  accept is made after poll(2) said that
 * there is one; a lock keeps other tasks of this program from taking it in between.
 * Another process that shares the listener may take it all the same: then the thread waits
 * for the next.
 * Tests: tests/hook_connect_test.c. */
#include "hook/hook.h"
#include <tutti/io.h>

/* Datagrams connect at once. */
static bool connects_slowly(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0
           && (type == SOCK_STREAM || type == SOCK_SEQPACKET) && !hook_nonblocking(fd);
}

HOOK int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t size)
{
    if (!HOOK_CALLER() || !to.__sockaddr__ || size > sizeof(struct sockaddr_storage))
        return libc()->connect(fd, to, size);
    int kept = errno;
    bool slowly = connects_slowly(fd);
    errno = kept;
    if (!slowly)
        return libc()->connect(fd, to, size);
    int rc = tutti_connect(fd, to.__sockaddr__, size);
    errno = kept;
    return rc < 0 ? hook_fail(rc) : 0;
}

/* --- accept ------------------------------------------------------------------------- */

enum { LISTENERS = 16 };
static pthread_mutex_t taking[LISTENERS] = { [0 ... LISTENERS - 1] = PTHREAD_MUTEX_INITIALIZER };

/* -EAGAIN: there is none now; else what accept4 gave, and errno. */
static int accept_ready(int fd, struct sockaddr *from, socklen_t *size, int flags)
{
    pthread_mutex_t *m = &taking[(unsigned)fd % LISTENERS];
    libc()->pthread_mutex_lock(m);
    int rc = hook_ready(fd, POLLIN)
                 ? libc()->accept4(fd, (__SOCKADDR_ARG){ from }, size, flags)
                 : -EAGAIN;
    libc()->pthread_mutex_unlock(m);
    return rc;
}

static int accept_parking(int fd, struct sockaddr *from, socklen_t *size, int flags)
{
    int kept = errno, rc;
    struct turn t = { .fd = fd, .events = POLLIN, .option = SO_RCVTIMEO };
    if (hook_nonblocking(fd))
        return libc()->accept4(fd, (__SOCKADDR_ARG){ from }, size, flags);
    while ((rc = accept_ready(fd, from, size, flags)) == -EAGAIN)
        if ((rc = hook_turn(&t)) < 0)
            return hook_fail(rc);
    if (rc >= 0)
        errno = kept;
    return rc;
}

HOOK int accept4(int fd, __SOCKADDR_ARG from, socklen_t *size, int flags)
{
    return HOOK_CALLER() ? accept_parking(fd, from.__sockaddr__, size, flags)
                         : libc()->accept4(fd, from, size, flags);
}

HOOK int accept(int fd, __SOCKADDR_ARG from, socklen_t *restrict size)
{
    return HOOK_CALLER() ? accept_parking(fd, from.__sockaddr__, size, 0)
                         : libc()->accept(fd, from, size);
}

static void connect_after_fork(void)
{
    for (int i = 0; i < LISTENERS; i++)
        pthread_mutex_init(&taking[i], NULL);
}

__attribute__((constructor)) static void connect_begin(void)
{
    pthread_atfork(NULL, NULL, connect_after_fork);
}
