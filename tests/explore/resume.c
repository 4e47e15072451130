/* resume.c - a waiter that may be resumed by an answer or by its time-out, once.
 *
 * bug 1  assert: both find it waiting and both resume it
 * bug 2  assert: the time-out does not ask who came first
 * bug 3  race: the answer is published relaxed  @answer @read
 * bug 4  lost-wakeup: the answer gives up when it finds nobody waiting yet  @sleep */
#include "bug.h"
#include <semaphore.h>

enum { WAITING, ANSWERED, LATE };
static atomic_int state = WAITING, resumed;
static atomic_bool asleep;
static int answer;
static sem_t wake;

static bool claim(int as)
{
    int seen = WAITING;
    if (BUG == 1) {
        if (atomic_load(&state) != WAITING)
            return false;
        atomic_store(&state, as);
        return true;
    }
    return atomic_compare_exchange_strong_explicit(
        &state, &seen, as, ORDER(3, relaxed, acq_rel), memory_order_relaxed);
}

static void resume(void)
{
    assert(atomic_fetch_add_explicit(&resumed, 1, memory_order_relaxed) == 0);
    sem_post(&wake);
}

static void *waiter(void *arg)
{
    if (BUG == 4)
        asleep = true;
    if (BUG != 3)
        sem_wait(&wake); /* @sleep */
    if (atomic_load_explicit(&state, memory_order_acquire) == ANSWERED)
        assert(answer == 42); /* @read */
    return arg;
}

static void *answerer(void *arg)
{
    answer = 42; /* @answer */
    if (BUG == 4 && !asleep)
        return arg;
    if (claim(ANSWERED))
        resume();
    return arg;
}

static void *clock_hand(void *arg)
{
    usleep(1000);
    if (BUG == 2)
        resume();
    else if (claim(LATE))
        resume();
    return arg;
}

static void *nobody(void *arg)
{
    return arg;
}

int main(void)
{
    sem_init(&wake, 0, 0);
    TOGETHER(waiter, answerer, BUG == 4 ? nobody : clock_hand);
}
