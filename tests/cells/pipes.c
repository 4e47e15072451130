/* Threads that talk through the kernel.
 * explore:                 -> good
 * explore: -DNOBODY        -> unmodelled
 * explore: -DLOST          -> unmodelled
 * explore: -DWAIT          -> unmodelled
 * explore: -DSIGNALS       -> unmodelled */
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2], bell;
static char text[8];

static void *talker(void *unused)
{
#ifndef LOST
    assert(write(ends[1], "hello", 5) == 5);
#endif
    assert(eventfd_write(bell, 1) == 0);
    return unused;
}

int main(void)
{
    pthread_t t;
    eventfd_t times;
    assert(pipe(ends) == 0);
    bell = eventfd(0, 0);
#ifdef NOBODY
    char c;
    read(ends[0], &c, 1);
#elif defined WAIT
    wait(NULL);
#elif defined SIGNALS
    pause();
#endif
    pthread_create(&t, NULL, talker, NULL);
    struct pollfd p = { .fd = bell, .events = POLLIN };
    assert(poll(&p, 1, -1) == 1);
    assert(eventfd_read(bell, &times) == 0 && times == 1);
    assert(read(ends[0], text, 5) == 5 && text[4] == 'o');
    pthread_join(t, NULL);
    printf("%s\n", text); /* the descriptors stay open: the next schedule has others */
    return 0;
}
