/* fork_bench.c - forked calls beside the same in serial C: rounds interleaved, results
 * compared, medians; a line of JSON a measurement.
 *
 *     fork_bench [-w WORKERS] [-r ROUNDS] [-s] [NAME...]
 *
 * NAMEs: fib nqueens uts skynet region matmul idle-cpu.  -s: without serial C (for a
 * profiler, and for bench/run.py, where serial C takes its turn as a program). */
#include "fork_drive.h"
#include <stdio.h>
#include <tutti/fork.h>

/* --- the forked twins ------------------------------------------------------------ */

TUTTI_FORK_1(long, fib, int);
static TUTTI_NODE long fib_node(tutti_at at, int n)
{
    fib_fork(&at, n - 1);
    long b = fib(at, n - 2);
    return fib_join(&at) + b;
}
static inline long fib(tutti_at at, int n)
{
    return n < 2 ? n : fib_node(at, n);
}

TUTTI_FORK_4(long, queens, uint32_t, uint32_t, uint32_t, uint32_t);
static TUTTI_NODE long queens_node(tutti_at at, uint32_t all, uint32_t column, uint32_t left,
                                   uint32_t right)
{
    long sum = 0;
    int forked = 0;
    for (uint32_t free = queens_free(all, column, left, right); free; free &= free - 1) {
        uint32_t bit = free & -free;
        queens_fork(&at, all, column | bit, (left | bit) << 1, (right | bit) >> 1);
        forked++;
    }
    while (forked--)
        sum += queens_join(&at);
    return sum;
}
static inline long queens(tutti_at at, uint32_t all, uint32_t column, uint32_t left,
                          uint32_t right)
{
    return column == all ? 1 : queens_node(at, all, column, left, right);
}

TUTTI_FORK_2(long, uts, uint64_t, int);
static TUTTI_NODE long uts_node(tutti_at at, uint64_t seed, int children)
{
    long nodes = 1;
    for (int i = 0; i < children; i++) {
        uint64_t child = uts_child(seed, i);
        uts_fork(&at, child, uts_children(child));
    }
    for (int i = 0; i < children; i++)
        nodes += uts_join(&at);
    return nodes;
}
static inline long uts(tutti_at at, uint64_t seed, int children)
{
    return children ? uts_node(at, seed, children) : 1;
}

TUTTI_FORK_2(long, skynet, long, long);
static TUTTI_NODE long skynet_node(tutti_at at, long number, long size)
{
    long sum = 0;
    size /= 10;
    for (int i = 0; i < 10; i++)
        skynet_fork(&at, number + i * size, size);
    for (int i = 0; i < 10; i++)
        sum += skynet_join(&at);
    return sum;
}
static inline long skynet(tutti_at at, long number, long size)
{
    return size == 1 ? number : skynet_node(at, number, size);
}

enum { REGION_GRAIN = 50 };
TUTTI_FORK_3(int, region, float *, long, long);
static TUTTI_NODE int region_node(tutti_at at, float *a, long from, long to)
{
    long middle = from + (to - from) / 2;
    region_fork(&at, a, from, middle);
    region(at, a, middle, to);
    return region_join(&at);
}
static inline int region(tutti_at at, float *a, long from, long to)
{
    if (to - from > REGION_GRAIN)
        return region_node(at, a, from, to);
    region_serial(a, from, to);
    return 0;
}

TUTTI_FORK_3(int, rows, const struct product *, long, long);
static TUTTI_NODE int rows_node(tutti_at at, const struct product *p, long from, long to)
{
    long middle = from + (to - from) / 2 / PRODUCT_ROWS * PRODUCT_ROWS;
    rows_fork(&at, p, from, middle);
    rows(at, p, middle, to);
    return rows_join(&at);
}
static inline int rows(tutti_at at, const struct product *p, long from, long to)
{
    if (to - from > PRODUCT_ROWS)
        return rows_node(at, p, from, to);
    rows_serial(p, from, to);
    return 0;
}

/* --- both systems ------------------------------------------------------------------- */

static long serial_nqueens(uint32_t all)
{
    return nqueens_serial(all, 0, 0, 0);
}
static long serial_uts(void)
{
    return uts_serial(UTS_SEED, UTS_ROOT);
}
static long serial_skynet(long size)
{
    return skynet_serial(0, size);
}
static void serial_region(float *a, long n)
{
    region_serial(a, 0, n);
}
static void serial_matmul(const struct product *p)
{
    rows_serial(p, 0, p->n);
}

static long forked_fib(int n)
{
    return fib(tutti_fork_here(), n);
}
static long forked_nqueens(uint32_t all)
{
    return queens(tutti_fork_here(), all, 0, 0, 0);
}
static long forked_uts(void)
{
    return uts(tutti_fork_here(), UTS_SEED, UTS_ROOT);
}
static long forked_skynet(long size)
{
    return skynet(tutti_fork_here(), 0, size);
}
static void forked_region(float *a, long n)
{
    region(tutti_fork_here(), a, 0, n);
}
static void forked_matmul(const struct product *p)
{
    rows(tutti_fork_here(), p, 0, p->n);
}
static void forked_rest(void)
{
    tutti_sleep_until(tutti_after(TUTTI_SEC));
}

static const struct fork_system both[] = {
    { "serial", fib_serial, serial_nqueens, serial_uts, serial_skynet, serial_region,
      serial_matmul, NULL, 1 },
    { "tutti", forked_fib, forked_nqueens, forked_uts, forked_skynet, forked_region,
      forked_matmul, forked_rest, 0 },
};

static int bench(void *arg)
{
    const struct fork_options *o = arg;
    return fork_drive(o, both + o->alone, 2 - o->alone);
}

int main(int argc, char **argv)
{
    struct fork_options o;
    char url[64];
    if (fork_options(&o, argc, argv))
        return 2;
    snprintf(url, sizeof url, "threads://%u", o.workers);
    int rc = tutti_run(url, bench, &o);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", url, tutti_why());
    return rc != 0;
}
