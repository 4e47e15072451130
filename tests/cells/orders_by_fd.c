/* What goes through a descriptor orders who reads it behind who wrote it, whichever
 * number it has; it does not order those who only write, nor users of two files.
 *
 * explore: -DTEST=1 -> good
 * explore: -DTEST=2 -> good
 * explore: -DTEST=3 -> good
 * explore: -DTEST=4 -> good
 * explore: -DTEST=5 -> good
 * explore: -DTEST=6 -> good
 * explore: -DTEST=7 -> race
 * explore: -DTEST=8 -> race
 * explore: -DTEST=9 -> race
 * explore: -DTEST=10 -> race */
#undef NDEBUG
#define _GNU_SOURCE
#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int in, out, other_in, other_out, shared, waiter;

static void *left(void *arg)
{
    eventfd_t one = 1;
    shared++;
    assert(write(out, &one, sizeof one) == sizeof one);
#if TEST == 5
    close(out);
#endif
    return arg;
}

static void *right(void *arg)
{
    eventfd_t one = 1;
#if TEST == 7 || TEST == 8 /* a logger, of the same file or of another */
    assert(write(TEST == 7 ? out : other_out, &one, sizeof one) == sizeof one);
#elif TEST == 9 /* who reads another file */
    assert(write(other_out, &one, sizeof one) == sizeof one);
    assert(read(other_in, &one, sizeof one) == sizeof one);
#elif TEST == 10
    struct pollfd p = { .fd = in, .events = POLLIN };
    poll(&p, 1, 0);
#else
#if TEST == 6
    struct epoll_event e = { .events = EPOLLIN };
    assert(epoll_wait(waiter, &e, 1, -1) == 1);
#elif TEST == 5 /* told by the end of the file alone */
    struct pollfd p = { .fd = in, .events = POLLIN };
    char byte[8];
    while (read(in, byte, sizeof byte) > 0)
        ;
    poll(&p, 1, -1);
#else
    assert(read(in, &one, sizeof one) == sizeof one);
#endif
#endif
    shared++;
    return arg;
}

int main(void)
{
    pthread_t t[2];
    int ends[2], others[2];
#if TEST == 1 || TEST == 7 || TEST == 8 || TEST == 5
    assert(pipe(ends) == 0 && pipe(others) == 0);
#elif TEST == 2
    assert(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    assert(socketpair(AF_UNIX, SOCK_STREAM, 0, others) == 0);
#else
    ends[0] = ends[1] = eventfd(0, 0), others[0] = others[1] = eventfd(0, 0);
#endif
#if TEST == 3 /* by another number for the same file, the first one being closed */
    int old = ends[0];
    ends[0] = dup(old), ends[1] = dup(old);
    eventfd_write(old, 1), eventfd_read(old, &(eventfd_t){ 0 });
    close(old);
    others[0] = eventfd(0, 0);
#endif
    in = ends[0], out = ends[1], other_in = others[0], other_out = others[1];
#if TEST == 6
    struct epoll_event e = { .events = EPOLLIN };
    waiter = epoll_create1(0);
    epoll_ctl(waiter, EPOLL_CTL_ADD, in, &e);
#endif
    pthread_create(&t[0], NULL, left, NULL);
    pthread_create(&t[1], NULL, right, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert(shared == 2);
    return 0;
}
