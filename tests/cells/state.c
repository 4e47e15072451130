/* What a schedule leaves behind is gone in the next: large variables, also those that
 * libc writes, getopt, rand, the heap, and files that stay open.
 *
 * explore:                 -> good
 * explore: -DFIRST         -> race */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char large[1 << 20], by_libc[1 << 18];
static int initialised = 5, counter;
static void *block;

static void *thread(void *unused)
{
    counter++;
    large[700000]++;
    return unused;
}

int main(void)
{
    pthread_t t;
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
