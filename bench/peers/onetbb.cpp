/* onetbb.cpp - the workloads of fork_work.h with oneTBB's task groups and loops. */
#include "../fork_drive.h"
#include <oneapi/tbb.h>
#include <oneapi/tbb/global_control.h>
#include <vector>

using oneapi::tbb::task_group;

static long fib(int n)
{
    if (n < 2)
        return n;
    long a, b;
    task_group g;
    g.run([&a, n] { a = fib(n - 1); });
    b = fib(n - 2);
    g.wait();
    return a + b;
}

static long queens(uint32_t all, uint32_t column, uint32_t left, uint32_t right)
{
    if (column == all)
        return 1;
    long found[32], sum = 0;
    int n = 0;
    task_group g;
    for (uint32_t free = queens_free(all, column, left, right); free; free &= free - 1) {
        uint32_t bit = free & -free;
        long *one = &found[n++];
        g.run([=] {
            *one = queens(all, column | bit, (left | bit) << 1, (right | bit) >> 1);
        });
    }
    g.wait();
    for (int i = 0; i < n; i++)
        sum += found[i];
    return sum;
}

static long uts_node(uint64_t seed, int children);
static long uts_among(uint64_t seed, int children, long *nodes)
{
    long sum = 1;
    task_group g;
    for (int i = 0; i < children; i++) {
        uint64_t child = uts_child(seed, i);
        g.run([=] { nodes[i] = uts_node(child, uts_children(child)); });
    }
    g.wait();
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
    task_group g;
    for (int i = 0; i < 10; i++)
        g.run([&part, i, number, size] { part[i] = skynet_node(number + i * size, size); });
    g.wait();
    for (long one : part)
        sum += one;
    return sum;
}

static long nqueens(uint32_t all)
{
    return queens(all, 0, 0, 0);
}
static long uts()
{
    std::vector<long> nodes(UTS_ROOT);
    return uts_among(UTS_SEED, UTS_ROOT, nodes.data());
}
static long skynet(long size)
{
    return skynet_node(0, size);
}
static void region(float *a, long n)
{
    using range = oneapi::tbb::blocked_range<long>;
    oneapi::tbb::parallel_for(
        range(0, n, 50), [=](const range &r) { region_serial(a, r.begin(), r.end()); },
        oneapi::tbb::static_partitioner());
}
static void matmul(const struct product *p)
{
    using range = oneapi::tbb::blocked_range<long>;
    oneapi::tbb::parallel_for(range(0, p->n, PRODUCT_ROWS), [=](const range &r) {
        rows_serial(p, r.begin(), r.end());
    });
}

int main(int argc, char **argv)
{
    struct fork_options o;
    if (fork_options(&o, argc, argv))
        return 2;
    using control = oneapi::tbb::global_control;
    control most(control::max_allowed_parallelism, o.workers);
    static const struct fork_system onetbb = { "onetbb", fib,    nqueens,   uts, skynet,
                                               region,   matmul, fork_rest, 0,   1 };
    oneapi::tbb::task_arena arena(static_cast<int>(o.workers));
    return arena.execute([&] { return fork_drive(&o, &onetbb, 1); });
}
