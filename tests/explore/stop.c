/* stop.c - a worker that runs until it is told to stop.
 *
 * bug 1  race: the word is a plain bool  @ask @tell
 * bug 2  race: ... or a volatile one  @ask_too @tell_too
 * bug 3  race: told relaxed, and what it was to see is not there yet  @reason @see
 * bug 4  race: its statistics are read although it was only told, not joined
 *        @statistics @report */
#include "bug.h"

static bool plain;
static volatile bool watched;
static atomic_bool stop;
static int reason, turns;

static bool stopped(void)
{
    if (BUG == 1)
        return plain; /* @ask */
    if (BUG == 2)
        return watched; /* @ask_too */
    return atomic_load_explicit(&stop, memory_order_acquire);
}

static void *worker(void *arg)
{
    for (int i = 0; i < 3 && !stopped(); i++) {
        turns++; /* @statistics */
        sched_yield();
    }
    if (stopped())
        assert(reason == 3 || BUG == 1 || BUG == 2); /* @see */
    return arg;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, worker, NULL);
    reason = 3; /* @reason */
    if (BUG == 1)
        plain = true; /* @tell */
    else if (BUG == 2)
        watched = true; /* @tell_too */
    else
        atomic_store_explicit(&stop, true, ORDER(3, relaxed, release));
    if (BUG == 4)
        assert(turns <= 3); /* @report */
    pthread_join(thread, NULL);
    assert(turns <= 3);
}
