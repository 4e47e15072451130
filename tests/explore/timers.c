/* timers.c - things that were thought to be late enough, or in time.
 *
 * bug 1  race: "it will be ready after a second"  @make @use
 * bug 2  assert: the heartbeat is taken to be in time
 * bug 3  race: a timer thread frees a session that was touched just now
 *        @touch @expire
 * bug 4  assert: one second counts as longer than ten parts of a tenth */
#include "bug.h"
#include <time.h>

static int table;
static atomic_int beats;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    long touched;
    int value;
} session;

static long now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void *maker(void *arg)
{
    usleep(1000);
    table = 7; /* @make */
    atomic_fetch_add(&beats, 1);
    return arg;
}

static void *user(void *arg)
{
    sleep(1);
    if (BUG == 1)
        assert(table == 7); /* @use */
    if (BUG == 2)
        assert(atomic_load(&beats) == 1);
    return arg;
}

static void *toucher(void *arg)
{
    pthread_mutex_lock(&lock);
    session.touched = now();
    if (BUG == 3)
        pthread_mutex_unlock(&lock);
    session.value++; /* @touch */
    if (BUG != 3)
        pthread_mutex_unlock(&lock);
    return arg;
}

static void *expirer(void *arg)
{
    usleep(500000);
    pthread_mutex_lock(&lock);
    if (now() - session.touched > 100)
        session.value = 0; /* @expire */
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *parts(void *arg)
{
    for (int i = 0; i < 10; i++)
        usleep(100000);
    atomic_store(&beats, 10);
    return arg;
}

static void *whole(void *arg)
{
    usleep(1000001);
    assert(BUG != 4 || atomic_load(&beats) == 10);
    return arg;
}

int main(void)
{
    if (BUG <= 2)
        TOGETHER(maker, user);
    if (BUG == 0 || BUG == 3)
        TOGETHER(toucher, expirer);
    if (BUG == 0 || BUG == 4)
        TOGETHER(parts, whole);
}
