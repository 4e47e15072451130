/* measure.c - see measure.h. */
#include "measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned bench_workers = 1;
static int rounds = 5;
static double ns[BENCH_MOST][BENCH_ROUNDS_MOST];

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const struct bench *b, double *took)
{
    qsort(took, (size_t)rounds, sizeof *took, by_size);
    printf("{\"bench\":\"%s\",\"system\":\"tutti\",\"workers\":%u,\"unit\":\"ns\","
           "\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"rounds\":%d}\n",
           b->name, b->workers ? b->workers : bench_workers, took[rounds / 2], took[0],
           took[rounds - 1], rounds);
}

static int is_wanted(char **names, const char *name)
{
    for (char **at = names; *at; at++)
        if (!strcmp(*at, name))
            return 1;
    return !*names;
}

static int measure(const struct bench *benches, unsigned count, char **names)
{
    for (int r = 0; r < rounds; r++)
        for (unsigned i = 0; i < count; i++) {
            if (!is_wanted(names, benches[i].name))
                continue;
            ns[i][r] = benches[i].round();
            if (ns[i][r] < 0) {
                fprintf(stderr, "%s: %s\n", benches[i].name, tutti_why());
                return 1;
            }
        }
    for (unsigned i = 0; i < count; i++)
        if (is_wanted(names, benches[i].name))
            report(&benches[i], ns[i]);
    return 0;
}

int bench_main(int argc, char **argv, const struct bench *benches, unsigned count)
{
    int option;
    while ((option = getopt(argc, argv, "w:r:")) != -1) {
        if (option == 'w')
            bench_workers = (unsigned)atoi(optarg);
        else if (option == 'r')
            rounds = atoi(optarg);
        else
            return 2;
    }
    if (rounds < 1 || rounds > BENCH_ROUNDS_MOST || bench_workers < 1
        || count > BENCH_MOST) {
        fprintf(stderr, "1 to %d rounds, at least one worker\n", BENCH_ROUNDS_MOST);
        return 2;
    }
    return measure(benches, count, argv + optind);
}
