/* stack.c - arguments and results that lie on somebody's stack.
 *
 * bug 1  race: every thread gets a pointer to the loop's variable  @loop @take
 * bug 2  race|dead-stack|assert|misuse: the starter is gone, its thread still writes
 *        @write @frame
 * bug 3  race|dead-stack|assert|misuse: the request of a time-out is answered late
 *        @answer @frame */
#include "bug.h"
#include <errno.h>
#include <semaphore.h>
#include <time.h>

static atomic_int sum;
static sem_t done;
static pthread_t threads[2];

static void *take(void *arg)
{
    atomic_fetch_add(&sum, *(int *)arg); /* @take */
    return NULL;
}

static void start_each(void)
{
    int numbers[2] = { 1, 2 }, i;
    for (i = 0; i < 2; i++) { /* @loop */
        numbers[i] = i + 1;
        pthread_create(&threads[i], NULL, take, BUG == 1 ? &i : &numbers[i]);
    }
    for (int j = 0; j < 2; j++)
        pthread_join(threads[j], NULL);
    assert(BUG == 1 || sum == 3);
}

static void *write_result(void *arg)
{
    *(int *)arg = 42; /* @write @answer */
    sem_post(&done);
    return NULL;
}

__attribute__((noinline)) static int ask(void)
{
    struct {
        int result;
        char text[60];
    } request = { .result = 0 };
    pthread_create(&threads[0], NULL, write_result, &request.result);
    if (BUG == 3) {
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec++;
        if (sem_timedwait(&done, &at) != 0)
            return -1;
    } else if (BUG != 2) {
        sem_wait(&done);
    }
    return BUG == 2 ? 42 : request.result;
}

/* What comes next on the stack. */
__attribute__((noinline)) static int other_work(int n)
{
    volatile int frame[64];
    for (int i = 0; i < 64; i++)
        frame[i] = n; /* @frame */
    sched_yield();
    for (int i = 0; i < 64; i++)
        assert(frame[i] == n); /* @frame */
    return frame[n];
}

int main(void)
{
    sem_init(&done, 0, 0);
    if (BUG <= 1)
        start_each();
    int got = ask();
    other_work(3);
    pthread_join(threads[0], NULL);
    assert(got == 42 || BUG == 3);
}
