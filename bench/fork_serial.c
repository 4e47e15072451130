/* fork_serial.c - the workloads of fork_bench.c in plain C, in a file of their own, so that
 * the compiler sees each as a program without tasks would have it; and the leaves of the
 * others' region and product. */
#include "fork_work.h"

long fib_serial(int n)
{
    return n < 2 ? n : fib_serial(n - 1) + fib_serial(n - 2);
}

long nqueens_serial(uint32_t all, uint32_t column, uint32_t left, uint32_t right)
{
    if (column == all)
        return 1;
    long sum = 0;
    for (uint32_t free = queens_free(all, column, left, right); free; free &= free - 1) {
        uint32_t bit = free & -free;
        sum += nqueens_serial(all, column | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return sum;
}

long uts_serial(uint64_t seed, int children)
{
    long nodes = 1;
    for (int i = 0; i < children; i++) {
        uint64_t child = uts_child(seed, i);
        nodes += uts_serial(child, uts_children(child));
    }
    return nodes;
}

long skynet_serial(long number, long size)
{
    if (size == 1)
        return number;
    long sum = 0;
    size /= 10;
    for (int i = 0; i < 10; i++)
        sum += skynet_serial(number + i * size, size);
    return sum;
}

void region_serial(float *a, long from, long to)
{
    for (long i = from; i < to; i++)
        a[i] = a[i] * 0.9999f + 1.0f;
}

void rows_serial(const struct product *p, long from, long to)
{
    long n = p->n;
    for (long i = from; i < to; i++) {
        float *restrict c = p->c + i * n;
        for (long j = 0; j < n; j++)
            c[j] = 0;
        for (long k = 0; k < n; k++) {
            float a = p->a[i * n + k];
            const float *restrict b = p->b + k * n;
            for (long j = 0; j < n; j++)
                c[j] += a * b[j];
        }
    }
}
