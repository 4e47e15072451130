/* What may go wrong with a block of the heap between two threads.
 * explore:                 -> good
 * explore: -DFREED         -> heap
 * explore: -DTWICE         -> heap
 * explore: -DBEYOND        -> heap
 * explore: -DEARLY         -> heap */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

char *block; /* not static, or the compiler knows what they hold */
atomic_int done;

static void *reader(void *unused)
{
#ifdef EARLY
    while (!atomic_load(&done))
        ;
#endif
    char sum = 0;
    for (int i = 0; i < 24; i++)
        sum += block[i];
#ifdef BEYOND
    sum += block[24 + (done >= 0)];
#endif
#ifdef TWICE
    free(block);
#endif
    atomic_store(&done, sum ? 1 : 2);
    return unused;
}

int main(void)
{
    pthread_t t;
    block = calloc(24, 1);
    block = realloc(strcpy(block, "kept over realloc"), 24);
    pthread_create(&t, NULL, reader, NULL);
#ifdef FREED
    free(block);
#endif
#ifdef EARLY
    free(block);
    atomic_store(&done, 1);
#endif
    pthread_join(t, NULL);
#if !defined FREED && !defined EARLY
    free(block);
#endif
    return 0;
}
