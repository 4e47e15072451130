/* Release sequences as C11 has them, and what sequentially consistent loads leave
 * behind: what is allowed must be seen, what is forbidden must not.
 *
 * explore: -DTEST=1 -> good
 * explore: -DTEST=2 -> good
 * explore: -DTEST=3 -> assert
 * explore: -DTEST=4 -> assert
 * explore: -DTEST=5 -> good
 * explore: -DTEST=6 -> good
 * explore: -DTEST=7 -> assert */
#undef NDEBUG
#include "four.h"
#include <assert.h>
#include <stdatomic.h>

#define LOAD(p, o) atomic_load_explicit(&p, memory_order_##o)
#define STORE(p, v, o) atomic_store_explicit(&p, v, memory_order_##o)
static atomic_int x, y, mine, its, r1, r2, r3, r4, turn;

/* In steps of all threads, in this order, which order nothing for the model. */
static void step(int n)
{
    while (LOAD(turn, relaxed) != n)
        ;
}

static void zero(void)
{
#if TEST <= 4
    STORE(mine, 1, relaxed);
    STORE(y, 1, release);
#if TEST > 1
    STORE(turn, 1, relaxed), step(2);
#endif
    STORE(y, 3, relaxed);
#elif TEST == 5 /* the fence's clock and that of the release before it both pass on */
    atomic_thread_fence(memory_order_release);
    STORE(mine, 1, relaxed);
    STORE(y, 1, release);
    STORE(y, 3, relaxed);
#else
    STORE(x, 1, relaxed);
#endif
}

static void one(void)
{
#if TEST > 1 && TEST <= 4
    step(1);
    STORE(its, 1, relaxed);
#if TEST == 3 /* a plain store of another thread ends it */
    STORE(y, 2, relaxed);
#else /* a head of its own, and no end of the other */
    atomic_fetch_add_explicit(&y, 1, memory_order_release);
#endif
    STORE(turn, 2, relaxed);
#elif TEST > 5
    STORE(y, 1, relaxed);
#endif
}

static void two(void)
{
#if TEST <= 5
    if (LOAD(y, acquire) == 3) {
        r1 = LOAD(mine, relaxed), r2 = LOAD(its, relaxed);
        assert(TEST == 4 ? r2 : r1);
    }
#elif TEST == 6 /* two writers that each release nothing, seen in two orders */
    r1 = LOAD(x, seq_cst), r2 = LOAD(y, seq_cst);
#else
    r1 = LOAD(x, acquire), r2 = LOAD(y, seq_cst);
#endif
}

static void three(void)
{
#if TEST == 6
    r3 = LOAD(y, seq_cst), r4 = LOAD(x, seq_cst);
#elif TEST == 7
    r3 = LOAD(y, acquire), r4 = LOAD(x, seq_cst);
#endif
}

int main(void)
{
    four_run(zero, one, two, three);
    assert(!(r1 && !r2 && r3 && !r4) || TEST <= 5);
    return 0;
}
