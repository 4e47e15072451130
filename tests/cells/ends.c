/* Ways in which a program may end.
 * explore:                -> good
 * explore: -DSTATUS=3     -> exit
 * explore: -DSTATUS=3     -> good      status=3
 * explore: -DABORT        -> abort
 * explore: -DSEGV         -> crash
 * explore: -DDIVIDE       -> crash
 * explore: -DDEEP         -> crash
 * explore: -DFOREVER      -> livelock
 * explore: -DLEAK         -> lock-leak
 * explore: -DFRAME        -> dead-stack
 * explore: -DHANDLER      -> assert */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#ifndef STATUS
#define STATUS 0
#endif
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
atomic_int zero; /* not static, or the compiler knows what they hold */
int *frame;

static int deep(volatile int *above)
{
    volatile int here[200];
    here[0] = *above + 1;
    return deep(here) + here[0];
}

static void check(void)
{
    assert(zero == 0);
}

static void *thread(void *unused)
{
    int mine = 3;
    frame = &mine;
#ifdef ABORT
    if (zero == 0)
        abort();
#elif defined SEGV
    *(volatile int *)16 = 1;
#elif defined DIVIDE
    mine /= zero;
    frame[0] = mine;
#elif defined DEEP
    mine = deep(&mine);
#elif defined FOREVER
    while (zero == 0)
        ;
#elif defined LEAK
    pthread_mutex_lock(&lock);
#elif defined HANDLER
    zero = 1;
#endif
    return unused;
}

int main(void)
{
    pthread_t t;
    atexit(check);
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
#ifdef FRAME
    *frame = 4;
#endif
    exit(STATUS);
}
