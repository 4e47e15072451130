/* once.c - something is set up exactly once, by hand and by pthread_once.
 *
 * bug 1  race|assert: done is said before it is done  @setup @use
 * bug 2  race|assert: two may both find that it is not done  @setup
 * bug 3  race: done is read relaxed  @setup @use */
#include "bug.h"

enum { NEW, BUSY, DONE };
static atomic_int state;
static pthread_once_t control = PTHREAD_ONCE_INIT;
static int value, runs, others;

static void setup(void)
{
    runs++; /* @setup */
    value = 7;
}

static void setup_other(void)
{
    others++;
}

static void once(void)
{
    int seen = NEW;
    if (BUG == 2) {
        if (atomic_load(&state) == NEW) {
            setup();
            atomic_store(&state, DONE);
        }
        return;
    }
    if (atomic_compare_exchange_strong(&state, &seen, BUG == 1 ? DONE : BUSY)) {
        setup();
        atomic_store(&state, DONE);
    }
    while (atomic_load_explicit(&state, ORDER(3, relaxed, acquire)) != DONE)
        sched_yield();
}

static void *user(void *arg)
{
    once();
    pthread_once(&control, setup_other);
    assert(value == 7); /* @use */
    assert(others == 1);
    return arg;
}

int main(void)
{
    TOGETHER(user, user);
    assert(runs == 1);
}
