/* gomp.c - the workloads of fork_work.h with OpenMP's tasks and loops, on libgomp. */
#include "../fork_drive.h"
#include <omp.h>

static long fib(int n)
{
    if (n < 2)
        return n;
    long a, b;
#pragma omp task shared(a) firstprivate(n)
    a = fib(n - 1);
    b = fib(n - 2);
#pragma omp taskwait
    return a + b;
}

static long queens(uint32_t all, uint32_t column, uint32_t left, uint32_t right)
{
    if (column == all)
        return 1;
    long found[32], sum = 0;
    int n = 0;
    for (uint32_t free = queens_free(all, column, left, right); free; free &= free - 1) {
        uint32_t bit = free & -free;
        long *one = &found[n++];
#pragma omp task firstprivate(all, column, left, right, bit, one)
        *one = queens(all, column | bit, (left | bit) << 1, (right | bit) >> 1);
    }
#pragma omp taskwait
    for (int i = 0; i < n; i++)
        sum += found[i];
    return sum;
}

/* The root alone has more children than fit a frame. */
static long uts_node(uint64_t seed, int children);
static long uts_among(uint64_t seed, int children, long *nodes)
{
    long sum = 1;
    for (int i = 0; i < children; i++) {
        uint64_t child = uts_child(seed, i);
#pragma omp task firstprivate(i, child, nodes)
        nodes[i] = uts_node(child, uts_children(child));
    }
#pragma omp taskwait
    for (int i = 0; i < children; i++)
        sum += nodes[i];
    return sum;
}
static long uts_node(uint64_t seed, int children)
{
    long nodes[UTS_CHILDREN];
    return children ? uts_among(seed, children, nodes) : 1;
}

static long skynet_node(long number, long size)
{
    if (size == 1)
        return number;
    long part[10], sum = 0;
    size /= 10;
    for (int i = 0; i < 10; i++) {
#pragma omp task firstprivate(i, number, size) shared(part)
        part[i] = skynet_node(number + i * size, size);
    }
#pragma omp taskwait
    for (int i = 0; i < 10; i++)
        sum += part[i];
    return sum;
}

static long run_fib(int n)
{
    long result;
#pragma omp parallel
#pragma omp single
    result = fib(n);
    return result;
}
static long run_nqueens(uint32_t all)
{
    long result;
#pragma omp parallel
#pragma omp single
    result = queens(all, 0, 0, 0);
    return result;
}
static long run_uts(void)
{
    static long nodes[UTS_ROOT];
    long result;
#pragma omp parallel
#pragma omp single
    result = uts_among(UTS_SEED, UTS_ROOT, nodes);
    return result;
}
static long run_skynet(long size)
{
    long result;
#pragma omp parallel
#pragma omp single
    result = skynet_node(0, size);
    return result;
}
static void run_region(float *a, long n)
{
#pragma omp parallel
    {
        long me = omp_get_thread_num(), all = omp_get_num_threads();
        region_serial(a, n * me / all, n * (me + 1) / all);
    }
}
static void run_matmul(const struct product *p)
{
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < p->n; i += PRODUCT_ROWS)
        rows_serial(p, i, i + PRODUCT_ROWS);
}

int main(int argc, char **argv)
{
    static const struct fork_system gomp = { "libgomp",  run_fib,    run_nqueens, run_uts,
                                             run_skynet, run_region, run_matmul,  fork_rest,
                                             0,          1 };
    struct fork_options o;
    if (fork_options(&o, argc, argv))
        return 2;
    omp_set_dynamic(0);
    omp_set_num_threads((int)o.workers);
    return fork_drive(&o, &gomp, 1);
}
