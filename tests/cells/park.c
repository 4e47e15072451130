/* A sleeper announces that it sleeps and looks for work once more; who brings work
 * looks whether somebody sleeps.  Each needs its fence, and the order matters.
 *
 * explore:                      -> good
 * explore: -DNO_SLEEPER_FENCE   -> assert
 * explore: -DNO_BRINGER_FENCE   -> assert
 * explore: -DLOOK_FIRST         -> assert */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

static _Atomic int asleep, work, woken, slept;

static void fence(int wanted)
{
    if (wanted)
        atomic_thread_fence(memory_order_seq_cst);
}
#ifdef NO_SLEEPER_FENCE
enum { SLEEPER_FENCE = 0, BRINGER_FENCE = 1 };
#elif defined NO_BRINGER_FENCE
enum { SLEEPER_FENCE = 1, BRINGER_FENCE = 0 };
#else
enum { SLEEPER_FENCE = 1, BRINGER_FENCE = 1 };
#endif

static void *sleeper(void *unused)
{
#ifdef LOOK_FIRST
    int w = atomic_load_explicit(&work, memory_order_acquire);
    atomic_store_explicit(&asleep, 1, memory_order_relaxed);
    fence(SLEEPER_FENCE);
#else
    atomic_store_explicit(&asleep, 1, memory_order_relaxed);
    fence(SLEEPER_FENCE);
    int w = atomic_load_explicit(&work, memory_order_acquire);
#endif
    if (!w)
        atomic_store_explicit(&slept, 1, memory_order_relaxed);
    return unused;
}

static void *bringer(void *unused)
{
    atomic_store_explicit(&work, 1, memory_order_release);
    fence(BRINGER_FENCE);
    if (atomic_load_explicit(&asleep, memory_order_relaxed))
        atomic_store_explicit(&woken, 1, memory_order_relaxed);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, sleeper, NULL);
    pthread_create(&b, NULL, bringer, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    assert(!(slept && !woken));
    return 0;
}
