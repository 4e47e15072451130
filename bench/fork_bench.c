/* fork_bench.c - forked calls beside the same in serial C: rounds interleaved, results
 * compared, medians; a line of JSON a measurement.
 *
 *     fork_bench [-w WORKERS] [-r ROUNDS] [-s] [NAME...]
 *
 * NAMEs: fib nqueens uts skynet region.  -s: without serial C (for a profiler). */
#include "fork_work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tutti/fork.h>
#include <unistd.h>

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

enum { REGION = 100, REGION_GRAIN = 50, REGIONS = 200000 };
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

/* --- measuring ---------------------------------------------------------------------- */

static const int fib_n = 37, queens_n = 12;
static float numbers[REGION];

static long run_fib(int forked)
{
    return forked ? fib(tutti_fork_here(), fib_n) : fib_serial(fib_n);
}
static long run_nqueens(int forked)
{
    uint32_t all = (1u << queens_n) - 1;
    return forked ? queens(tutti_fork_here(), all, 0, 0, 0) : nqueens_serial(all, 0, 0, 0);
}
static long run_uts(int forked)
{
    return forked ? uts(tutti_fork_here(), UTS_SEED, UTS_ROOT)
                  : uts_serial(UTS_SEED, UTS_ROOT);
}
static long run_skynet(int forked)
{
    long sum = 0;
    for (int i = 0; i < 20; i++)
        sum += forked ? skynet(tutti_fork_here(), 0, 1000000) : skynet_serial(0, 1000000);
    return sum;
}
static long run_region(int forked)
{
    for (int i = 0; i < REGION; i++)
        numbers[i] = (float)i;
    for (int i = 0; i < REGIONS; i++) {
        if (forked)
            region(tutti_fork_here(), numbers, 0, REGION);
        else
            region_serial(numbers, 0, REGION);
    }
    return (long)(numbers[REGION - 1] * 1000);
}

static const struct work {
    const char *name;
    long (*run)(int forked);
    double units; /* calls; 0: what it returns */
} works[] = { { "fib", run_fib, 39088168 },
              { "nqueens", run_nqueens, 856188 },
              { "uts", run_uts, 0 },
              { "skynet", run_skynet, 20 * 1111110.0 },
              { "region", run_region, REGIONS } };
enum { WORKS = sizeof works / sizeof *works, ROUNDS_MOST = 99 };

static int rounds = 5, serial = 1;
static unsigned workers = 1;
static char **wanted;

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static void report(const char *bench, const char *system, unsigned count, double *ns)
{
    qsort(ns, (size_t)rounds, sizeof *ns, by_size);
    printf("{\"bench\":\"%s\",\"system\":\"%s\",\"workers\":%u,\"unit\":\"ns\","
           "\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"rounds\":%d}\n",
           bench, system, count, ns[rounds / 2], ns[0], ns[rounds - 1], rounds);
}

static void measure(const struct work *w)
{
    double ns[2][ROUNDS_MOST];
    long result = 0;
    for (int i = 0; i < rounds; i++)
        for (int forked = !serial; forked < 2; forked++) {
            tutti_time began = tutti_now();
            long got = w->run(forked);
            double units = w->units > 0 ? w->units : (double)got;
            ns[forked][i] = (double)(tutti_now() - began) / units;
            if (result && got != result) {
                fprintf(stderr, "%s: %ld, not %ld\n", w->name, got, result);
                exit(1);
            }
            result = got;
        }
    if (serial)
        report(w->name, "serial", 1, ns[0]);
    report(w->name, "tutti", workers, ns[1]);
    if (serial)
        fprintf(stderr, "%-8s %u workers: %.2fx serial (%.3f / %.3f ns)\n", w->name, workers,
                ns[1][rounds / 2] / ns[0][rounds / 2], ns[1][rounds / 2], ns[0][rounds / 2]);
}

static int is_wanted(const char *name)
{
    for (char **at = wanted; *at; at++)
        if (!strcmp(*at, name))
            return 1;
    return !*wanted;
}
static int bench(void *unused)
{
    (void)unused;
    for (int i = 0; i < WORKS; i++)
        if (is_wanted(works[i].name))
            measure(&works[i]);
    return 0;
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "w:r:s")) != -1) {
        if (option == 'w')
            workers = (unsigned)atoi(optarg);
        else if (option == 'r')
            rounds = atoi(optarg);
        else if (option == 's')
            serial = 0;
        else
            return 2;
    }
    if (rounds < 1 || rounds > ROUNDS_MOST || workers < 1) {
        fprintf(stderr, "1 to %d rounds, at least one worker\n", ROUNDS_MOST);
        return 2;
    }
    wanted = argv + optind;
    char url[64];
    snprintf(url, sizeof url, "threads://%u", workers);
    int rc = tutti_run(url, bench, NULL);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", url, tutti_why());
    return rc < 0;
}
