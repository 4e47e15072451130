/* What a schedule leaves behind is gone in the next: large variables, also those that
 * libc writes, getopt, rand, the heap, and files that stay open; also what a program
 * wants nothing to be heard of.
 *
 * explore:                 -> good
 * explore: -DFIRST         -> race
 * explore: -DDEAF          -> good */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char large[1 << 20], by_libc[1 << 18];
static int initialised = 5, counter;
static void *block;

#ifdef DEAF
/* Another page for each order of events; the first orders met are not all there are. */
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
static atomic_int turn;

static void *walker(void *number)
{
    int place = 0;
    for (int i = 0; i < 4; i++)
        place = place * 2 + atomic_fetch_xor(&turn, 1);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    assert(!large[((long)number * 16 + place) * 4096]);
    large[((long)number * 16 + place) * 4096] = 1;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    return number;
}
#endif

static void *thread(void *unused)
{
    counter++;
    large[700000]++;
    return unused;
}

int main(void)
{
    pthread_t t;
#ifdef DEAF
    pthread_t walk[4];
    for (long i = 0; i < 4; i++)
        pthread_create(&walk[i], NULL, walker, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(walk[i], NULL);
#endif
    assert(initialised == 5 && counter == 0 && block == NULL);
    assert(large[700000] == 0 && by_libc[200000] == 0);
    initialised = 6;
    block = malloc(100000);
    assert(*(unsigned char *)block == 0xA5);
    memset(block, 1, 100000);
    snprintf(by_libc + 200000, 100, "%d", rand());
    static char first[100];
    srand(3);
    snprintf(first, sizeof first, "%d %d %ld", rand(), (int)getpid(), (long)time(NULL));
    pthread_create(&t, NULL, thread, NULL);
#ifdef FIRST
    assert(counter == 0);
#endif
    pthread_join(t, NULL);
    assert(counter == 1 && large[700000] == 1);
    return 0;
}
