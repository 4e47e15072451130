/* A work-stealing deque after Chase and Lev: one owner pushes and takes at the bottom,
 * a thief steals at the top.  Each fence it needs can be left out.
 *
 * explore:                    -> good
 * explore: -DNO_TAKE_FENCE    -> assert
 * explore: -DNO_STEAL_FENCE   -> assert
 * explore: -DNO_PUSH_FENCE    -> race */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#define RELAXED memory_order_relaxed
#ifdef NO_TAKE_FENCE
#define TAKE_FENCE() (void)0
#else
#define TAKE_FENCE() atomic_thread_fence(memory_order_seq_cst)
#endif
#ifdef NO_STEAL_FENCE
#define STEAL_FENCE() (void)0
#else
#define STEAL_FENCE() atomic_thread_fence(memory_order_seq_cst)
#endif
#ifdef NO_PUSH_FENCE
#define PUSH_FENCE() (void)0
#else
#define PUSH_FENCE() atomic_thread_fence(memory_order_release)
#endif

enum { SLOTS = 4, ITEMS = 2, NONE = 0 };
static _Atomic long top, bottom;
static _Atomic int slot[SLOTS];
static int payload[ITEMS + 1];
static _Atomic int seen[ITEMS + 1];

static void push(int item)
{
    long b = atomic_load_explicit(&bottom, RELAXED);
    atomic_load_explicit(&top, memory_order_acquire);
    atomic_store_explicit(&slot[b % SLOTS], item, RELAXED);
    PUSH_FENCE();
    atomic_store_explicit(&bottom, b + 1, RELAXED);
}

static int take(void)
{
    long b = atomic_load_explicit(&bottom, RELAXED) - 1;
    atomic_store_explicit(&bottom, b, RELAXED);
    TAKE_FENCE();
    long t = atomic_load_explicit(&top, RELAXED);
    int item = NONE;
    if (t < b)
        return atomic_load_explicit(&slot[b % SLOTS], RELAXED);
    if (t == b) {
        item = atomic_load_explicit(&slot[b % SLOTS], RELAXED);
        if (!atomic_compare_exchange_strong_explicit(&top, &t, t + 1,
                                                     memory_order_seq_cst,
                                                     RELAXED))
            item = NONE;
    }
    atomic_store_explicit(&bottom, b + 1, RELAXED);
    return item;
}

static int steal(void)
{
    long t = atomic_load_explicit(&top, memory_order_acquire);
    STEAL_FENCE();
    long b = atomic_load_explicit(&bottom, memory_order_acquire);
    if (t >= b)
        return NONE;
    int item = atomic_load_explicit(&slot[t % SLOTS], RELAXED);
    if (!atomic_compare_exchange_strong_explicit(&top, &t, t + 1, memory_order_seq_cst,
                                                 RELAXED))
        return NONE;
    return item;
}

static void got(int item)
{
    if (item == NONE)
        return;
    assert(payload[item] == 100 + item);
    int before = atomic_fetch_add_explicit(&seen[item], 1, RELAXED);
    assert(before == 0);
}

static void *owner(void *unused)
{
    for (int i = 1; i <= ITEMS; i++) {
        payload[i] = 100 + i;
        push(i);
    }
    for (int i = 0; i < ITEMS; i++)
        got(take());
    return unused;
}

static void *thief(void *unused)
{
    got(steal());
    got(steal());
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, owner, NULL);
    pthread_create(&b, NULL, thief, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    for (int item; (item = take()) != NONE;)
        got(item);
    for (int i = 1; i <= ITEMS; i++)
        assert(seen[i] == 1);
    return 0;
}
