/* wide.c - atomics of 16 bytes, each operation against its plain twin, their halves
 * read alone, and an atomic structure that is too large for any instruction.
 *
 * bug 1  race: the upper half is read relaxed  @fill @use
 * bug 2  race: the pair is published relaxed  @fill @use
 * bug 3  assert: what counts in a structure of 24 bytes is loaded and then stored
 * bug 4  race: such a structure is looked at with no atomic at all  @glance @count
 * bug 5  race: it is exchanged relaxed and then trusted  @before @behind */
#include "bug.h"
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 pair;
typedef struct { long count, twice, thrice; } triple;

static pair shared_pair __attribute__((aligned(16)));
static _Atomic triple counts;
static int data;

static pair made(uint64_t high, uint64_t low)
{
    return (pair)high << 64 | low;
}

static void each_operation(void)
{
    static pair p __attribute__((aligned(16)));
    pair a = made(3, UINT64_MAX), b = made(5, 7), old = 0, got;
    __atomic_store_n(&p, a, __ATOMIC_SEQ_CST);
    assert(__atomic_load_n(&p, __ATOMIC_SEQ_CST) == a);
    assert(__atomic_fetch_add(&p, b, __ATOMIC_SEQ_CST) == a && p == a + b);
    assert(__atomic_fetch_sub(&p, 9, __ATOMIC_SEQ_CST) == a + b && p == a + b - 9);
    p = a;
    assert(__atomic_fetch_and(&p, b, __ATOMIC_SEQ_CST) == a && p == (a & b));
    assert(__atomic_fetch_or(&p, a, __ATOMIC_SEQ_CST) == (a & b) && p == a);
    assert(__atomic_fetch_xor(&p, b, __ATOMIC_SEQ_CST) == a && p == (a ^ b));
    assert(__atomic_fetch_nand(&p, b, __ATOMIC_SEQ_CST) == (a ^ b));
    assert(p == ~((a ^ b) & b));
    assert(__atomic_exchange_n(&p, a, __ATOMIC_SEQ_CST) == ~((a ^ b) & b));
    assert(!__atomic_compare_exchange_n(&p, &old, b, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
    assert(old == a && p == a);
    while (!__atomic_compare_exchange_n(&p, &old, b, 1, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        assert(old == a);
    assert(p == b);
    got = __sync_val_compare_and_swap(&p, b, a);
    assert(got == b && p == a);
}

static void *publisher(void *arg)
{
    data = 1; /* @fill */
    __atomic_store_n(&shared_pair, made(8, 9), ORDER(2, relaxed, release));
    return arg;
}

static void *halves(void *arg)
{
    uint64_t *upper = (uint64_t *)&shared_pair + 1;
    uint64_t seen = __atomic_load_n(upper, ORDER(1, relaxed, acquire));
    assert(seen == 0 || seen == 8);
    if (seen) {
        look_at(data); /* @use */
        assert(__atomic_load_n((uint64_t *)&shared_pair, __ATOMIC_RELAXED) == 9);
        assert(__atomic_load_n(&shared_pair, __ATOMIC_RELAXED) == made(8, 9));
    }
    return arg;
}

static void *counter(void *arg)
{
    triple old = atomic_load(&counts), new;
    do {
        new = (triple){ old.count + 1, old.twice + 2, old.thrice + 3 };
        if (BUG == 3) {
            atomic_store(&counts, new);
            break;
        }
    } while (!atomic_compare_exchange_weak(&counts, &old, new)); /* @count */
    if (BUG == 4)
        look_at((int)((volatile triple *)&counts)->twice); /* @glance */
    return arg;
}

static _Atomic triple news;
static int behind;

static void *teller(void *arg)
{
    behind = 1; /* @before */
    atomic_store_explicit(&news, ((triple){ 1, 2, 3 }), ORDER(5, relaxed, release));
    return arg;
}

static void *hearer(void *arg)
{
    triple heard = atomic_load_explicit(&news, memory_order_acquire);
    if (heard.count)
        look_at(behind); /* @behind */
    return arg;
}

int main(void)
{
    each_operation();
    TOGETHER(publisher, halves, counter, counter);
    TOGETHER(teller, hearer);
    triple end = atomic_exchange(&counts, (triple){ 0 });
    assert(end.count == 2 && end.twice == 4 && end.thrice == 6);
}
