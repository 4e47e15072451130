/* peer.h - what the peers' programs of the core benches share: the twins of core_bench.c
 * and its like in other systems.
 *
 *     PROGRAM [-w WORKERS] NAME...
 *
 * Each NAME is one round, printed as a line of JSON.  With BENCH_TINY in the environment
 * everything is as small as a test wants it. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct peer {
    const char *name, *system, *unit;
    double (*round)(void); /* the figure */
};

static int peer_tiny;
static unsigned peer_workers = 1;

static inline double peer_now(void) /* ns */
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}
static inline int peer_pick(int usual, int small)
{
    return peer_tiny ? small : usual;
}
/* Leave with a sentence unless it holds. */
static inline void peer_need(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

/* Resident memory and page tables, in bytes. */
static inline double peer_resident(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double sum = 0;
    long kb;
    peer_need(f != NULL, "no /proc/self/status");
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1 || sscanf(line, "VmPTE: %ld", &kb) == 1)
            sum += (double)kb * 1024;
    fclose(f);
    return sum;
}

/* All threads that this one starts from now on run on one CPU. */
static inline void peer_one_cpu(void)
{
    cpu_set_t all, one;
    int cpu = 0;
    sched_getaffinity(0, sizeof all, &all);
    while (cpu + 1 < CPU_SETSIZE && !CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static inline int peer_main(int argc, char **argv, const struct peer *peers, int count)
{
    int option;
    peer_tiny = getenv("BENCH_TINY") != NULL;
    while ((option = getopt(argc, argv, "w:")) != -1) {
        if (option != 'w')
            return 2;
        peer_workers = (unsigned)atoi(optarg);
    }
    peer_need(peer_workers >= 1, "at least one worker");
    for (char **name = argv + optind; *name; name++) {
        int known = 0;
        for (int i = 0; i < count; i++)
            if (!strcmp(*name, peers[i].name)) {
                printf("{\"bench\":\"%s\",\"system\":\"%s\",\"workers\":%u,\"unit\":\"%s\","
                       "\"median\":%.6g}\n", peers[i].name, peers[i].system, peer_workers,
                       peers[i].unit, peers[i].round());
                known = 1;
            }
        if (!known)
            fprintf(stderr, "no bench \"%s\" here\n", *name);
        if (!known)
            return 2;
    }
    return 0;
}
#endif
