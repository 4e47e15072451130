/* A consumer that sleeps in the kernel until a counter of events moves.  It must read
 * that counter before it looks whether there is work.
 *
 * explore:             -> good
 * explore: -DLATE      -> lost-wakeup */
#include <assert.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ITEMS = 3 };
static atomic_int events, queued;

static void *consumer(void *unused)
{
    for (int got = 0; got < ITEMS;) {
#ifdef LATE
        int q = atomic_load(&queued), e = atomic_load(&events);
#else
        int e = atomic_load(&events), q = atomic_load(&queued);
#endif
        if (q > got)
            got++;
        else
            syscall(SYS_futex, &events, FUTEX_WAIT, e, NULL, NULL, 0);
    }
    return unused;
}

static void *producer(void *unused)
{
    for (int i = 0; i < ITEMS; i++) {
        usleep(3600000);
        atomic_fetch_add(&queued, 1);
        atomic_fetch_add(&events, 1);
        syscall(SYS_futex, &events, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, consumer, NULL);
    pthread_create(&b, NULL, producer, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
