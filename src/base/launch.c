/* base/launch.c - see launch.h. */
#include "base/launch.h"
#include "base/memory.h"
#include <errno.h>

int thread_launch(pthread_t *thread, const pthread_attr_t *how, const int *heard,
                  void *(*main)(void *), void *arg)
{
    sigset_t most, kept;
    sigfillset(&most);
    for (; heard && *heard; heard++)
        sigdelset(&most, *heard);
    pthread_sigmask(SIG_SETMASK, &most, &kept);
    int rc = fault_now() ? EAGAIN : pthread_create(thread, how, main, arg);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return rc;
}
