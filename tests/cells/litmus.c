/* What C11 allows and forbids, in small: what is allowed must be seen (the assertion
 * that denies it fails), what is forbidden must not.
 *
 * explore: -DTEST=1 -> assert
 * explore: -DTEST=2 -> good
 * explore: -DTEST=3 -> good
 * explore: -DTEST=4 -> assert
 * explore: -DTEST=5 -> good
 * explore: -DTEST=6 -> good
 * explore: -DTEST=7 -> assert
 * explore: -DTEST=8 -> good
 * explore: -DTEST=9 -> good
 * explore: -DTEST=10 -> assert
 * explore: -DTEST=11 -> good
 * explore: -DTEST=12 -> race
 * explore: -DTEST=13 -> good */
#include "four.h"
#include <assert.h>
#include <stdatomic.h>

#define LOAD(p, o) atomic_load_explicit(&p, memory_order_##o)
#define STORE(p, v, o) atomic_store_explicit(&p, v, memory_order_##o)
static atomic_int x, y, r1, r2, r3, r4;
int plain; /* not static, or nobody would miss it */

static void one(void)
{
#if TEST == 1 /* store buffering, acquire and release do not forbid it */
    STORE(x, 1, release), r1 = LOAD(y, acquire);
#elif TEST == 2 /* sequentially consistent operations do */
    STORE(x, 1, seq_cst), r1 = LOAD(y, seq_cst);
#elif TEST == 3 /* and so do fences */
    STORE(x, 1, relaxed), atomic_thread_fence(memory_order_seq_cst);
    r1 = LOAD(y, relaxed);
#elif TEST == 4 || TEST == 5 || TEST == 6 || TEST == 13 /* message passing */
    STORE(x, 1, relaxed);
#if TEST == 6
    atomic_thread_fence(memory_order_release);
#endif
#if TEST == 4 || TEST == 6
    STORE(y, 1, relaxed);
#else
    STORE(y, 1, release);
#endif
#elif TEST == 7 || TEST == 8 /* two writers seen in two orders */
    STORE(x, 1, seq_cst);
#elif TEST == 9 /* one location never goes back */
    STORE(x, 1, relaxed), STORE(x, 2, relaxed);
#elif TEST == 10 || TEST == 11 /* a fence and an operation */
    STORE(x, 1, relaxed), atomic_thread_fence(memory_order_seq_cst);
    r1 = LOAD(y, relaxed);
#elif TEST == 12 /* fences order no plain accesses by themselves */
    plain = 1, atomic_thread_fence(memory_order_seq_cst), r1 = LOAD(y, relaxed);
#endif
}

static void two(void)
{
#if TEST == 1
    STORE(y, 1, release), r2 = LOAD(x, acquire);
#elif TEST == 2
    STORE(y, 1, seq_cst), r2 = LOAD(x, seq_cst);
#elif TEST == 3
    STORE(y, 1, relaxed), atomic_thread_fence(memory_order_seq_cst);
    r2 = LOAD(x, relaxed);
#elif TEST == 4 || TEST == 5
    r1 = LOAD(y, acquire), r2 = LOAD(x, relaxed);
#elif TEST == 6
    r1 = LOAD(y, relaxed), atomic_thread_fence(memory_order_acquire);
    r2 = LOAD(x, relaxed);
#elif TEST == 13 /* a read-modify-write by another carries the release on */
    atomic_fetch_add_explicit(&y, 1, memory_order_relaxed);
#elif TEST == 7 || TEST == 8
    STORE(y, 1, seq_cst);
#elif TEST == 9
    r1 = LOAD(x, relaxed), r2 = LOAD(x, relaxed);
#elif TEST == 10
    STORE(y, 1, relaxed), r2 = LOAD(x, seq_cst);
#elif TEST == 11
    STORE(y, 1, seq_cst), r2 = LOAD(x, seq_cst);
#elif TEST == 12
    STORE(y, 1, relaxed), atomic_thread_fence(memory_order_seq_cst), plain = 2;
#endif
}

static void three(void)
{
#if TEST == 7
    r1 = LOAD(x, acquire), r2 = LOAD(y, acquire);
#elif TEST == 8
    r1 = LOAD(x, seq_cst), r2 = LOAD(y, seq_cst);
#elif TEST == 13
    r1 = LOAD(y, acquire), r2 = LOAD(x, relaxed);
#endif
}

static void four(void)
{
#if TEST == 7
    r3 = LOAD(y, acquire), r4 = LOAD(x, acquire);
#elif TEST == 8
    r3 = LOAD(y, seq_cst), r4 = LOAD(x, seq_cst);
#endif
}

int main(void)
{
    four_run(one, two, three, four);
#if TEST <= 3 || TEST == 10 || TEST == 11
    assert(r1 || r2);
#elif TEST <= 6
    assert(!r1 || r2);
#elif TEST == 13
    assert(r1 != 2 || r2);
#elif TEST == 7 || TEST == 8
    assert(!(r1 && !r2 && r3 && !r4));
#elif TEST == 9
    assert(r1 <= r2);
#endif
    return 0;
}
