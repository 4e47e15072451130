/* Memory that a thread maps, gives back, and that another maps in the same place; what
 * is left over from a schedule goes with it.
 *
 * explore:              -> good
 * explore: -DLEFT       -> good schedules=70000
 * explore: -DPARTS      -> good
 * explore: -DMOVED      -> good
 * explore: -DSHARED     -> race
 * explore: -DTOO_EARLY  -> crash */
#undef NDEBUG
#define _GNU_SOURCE
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static char *map(size_t pages)
{
    char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(p != MAP_FAILED);
    return p;
}

static char *_Atomic where;
static char *together;

static void *use(void *arg)
{
    char *p = map(1);
    where = p;
    p[0]++;
    assert(p[0] == 1);
#ifdef SHARED
    together[0]++;
#elif defined PARTS
    char *q = map(3);
    q[0] = q[2 * PAGE] = 1;
    munmap(q + PAGE, PAGE);
    q[0]++, q[2 * PAGE]++;
    munmap(q, PAGE);
    munmap(q + 2 * PAGE, PAGE);
#elif defined MOVED
    char *q = mremap(p, PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    assert(q[0] == 1);
    q[63 * PAGE] = 1;
    munmap(q, 64 * PAGE);
    return arg;
#endif
#ifndef LEFT
    munmap(p, PAGE);
#endif
    return arg;
}

#ifdef TOO_EARLY
static void *late(void *arg)
{
    together[1] = 1;
    return arg;
}
#endif

int main(void)
{
    pthread_t t[2];
    together = map(1);
#ifdef TOO_EARLY
    pthread_create(&t[0], NULL, late, NULL);
    munmap(together, PAGE);
    pthread_join(t[0], NULL);
#else
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, use, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
#endif
    return 0;
}
