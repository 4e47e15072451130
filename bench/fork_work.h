/* fork_work.h - the workloads of fork_bench.c: what serial C, the forked twins and the
 * peers' programs share. */
#ifndef BENCH_FORK_WORK_H
#define BENCH_FORK_WORK_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Queens by bit masks, a call for each queen placed. */
static inline uint32_t queens_free(uint32_t all, uint32_t column, uint32_t left,
                                   uint32_t right)
{
    return all & ~(column | left | right);
}

/* Unbalanced tree search (Olivier et al. 2006), binomial: the root has UTS_ROOT children,
 * each other node UTS_CHILDREN with probability UTS_PROBABILITY. */
enum { UTS_ROOT = 2000, UTS_CHILDREN = 8 };
#define UTS_PROBABILITY 0.1245
#define UTS_SEED 42
static inline uint64_t uts_child(uint64_t seed, int i)
{
    uint64_t x = seed ^ (uint64_t)(i + 1) * 0xD1342543DE82EF95u;
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}
static inline int uts_children(uint64_t seed)
{
    return (double)(seed >> 11) * 0x1.0p-53 < UTS_PROBABILITY ? UTS_CHILDREN : 0;
}

/* c = a b, n rows and columns each; a task gets PRODUCT_ROWS of c. */
struct product {
    const float *a, *b;
    float *c;
    int n;
};
enum { PRODUCT_ROWS = 16 };

long fib_serial(int n);
long nqueens_serial(uint32_t all, uint32_t column, uint32_t left, uint32_t right);
long uts_serial(uint64_t seed, int children);
long skynet_serial(long number, long size);
void region_serial(float *a, long from, long to);
void rows_serial(const struct product *p, long from, long to);

#ifdef __cplusplus
}
#endif
#endif
