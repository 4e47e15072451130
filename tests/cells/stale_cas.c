/* A strong compare-and-swap fails where the value that it reads is an old one, though
 * what is there compares equal; not where it must have seen that.
 *
 * explore:                -> assert
 * explore: -DWEAK         -> assert
 * explore: -DWIDE         -> assert
 * explore: -DORDERED      -> good
 * explore: -DSC           -> good */
#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#ifdef ORDERED
enum { TELLS = memory_order_release, HEARS = memory_order_acquire };
#else
enum { TELLS = memory_order_relaxed, HEARS = memory_order_relaxed };
#endif
#ifdef SC
enum { ORDER = memory_order_seq_cst };
#else
enum { ORDER = memory_order_relaxed };
#endif
#ifdef WIDE
static _Atomic(__int128) lock;
typedef __int128 word;
#else
static atomic_int lock;
typedef int word;
#endif
static atomic_int over;

static void *holder(void *unused)
{
    atomic_store_explicit(&lock, 1, ORDER);
    atomic_store_explicit(&lock, 0, ORDER);
    atomic_store_explicit(&over, 1, TELLS);
    return unused;
}

int main(void)
{
    pthread_t t;
    pthread_create(&t, NULL, holder, NULL);
    word free = 0;
    if (atomic_load_explicit(&over, HEARS)) {
#ifdef WEAK /* which also fails for no reason, and then has read what is there */
        while (!atomic_compare_exchange_weak_explicit(&lock, &free, 2, ORDER, ORDER))
            assert(free == 0);
#else
        assert(atomic_compare_exchange_strong_explicit(&lock, &free, 2, ORDER, ORDER));
#endif
    }
    pthread_join(t, NULL);
    return 0;
}
