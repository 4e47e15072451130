/* Thread-locals and errno of many threads, whose addresses are handed around.
 * explore:                 -> good
 * explore: -DCOUNT=20      -> good
 * explore: -DCOUNT=70      -> abort
 * explore: -DTHEIRS        -> race */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef COUNT
#define COUNT 3
#endif
static __thread int mine = 7;
static __thread char zeros[100];
static int *place[COUNT];

static void *thread(void *number)
{
    long n = (long)number;
    assert(mine == 7 && zeros[n % 100] == 0 && errno == 0);
    zeros[n % 100] = 1;
    errno = (int)n + 1;
    mine = (int)n;
    place[n] = &mine;
    usleep(10);
    assert(mine == n && errno == n + 1 && &mine == place[n]);
#ifdef THEIRS
    if (n == 1 && place[0])
        *place[0] = 5;
#endif
    return NULL;
}

int main(void)
{
    pthread_t t[COUNT];
    mine = 100;
    for (long i = 0; i < COUNT; i++)
        if (pthread_create(&t[i], NULL, thread, (void *)i))
            abort();
    for (int i = 0; i < COUNT; i++)
        pthread_join(t[i], NULL);
    assert(mine == 100);
    for (long i = 0; i < 100; i++) { /* slots of ended threads serve again */
        pthread_create(&t[0], NULL, thread, (void *)(i % COUNT));
        pthread_join(t[0], NULL);
    }
    return 0;
}
