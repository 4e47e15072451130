/* monitor_bench.c - what it costs to be watched.
 *
 *   monitor-cost       CPU time of a turn of short tasks that yield, on threads://WORKERS,
 *                      all busy: with the monitor, and (-u) without
 *   monitor-share      how much of a CPU the monitor's thread takes meanwhile: %
 *   monitor-cost-long, monitor-share-long
 *                      the same of computations of 50 ms without a turn: each look finds a
 *                      worker that has not moved, and reads its clocks
 *
 * CPU time, since that is what the monitor takes from others, and since what else runs on
 * the machine is not in it.  From the static twin, which can leave the monitor out. */
#include "measure.h"
#include "sched/monitor.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TASKS = 16, TURNS = 30000, LONG = 20 };
static volatile unsigned sink;

static void compute(int steps)
{
    unsigned x = 1;
    for (int i = 0; i < steps; i++)
        x = x * 1664525u + 1013904223u;
    sink = x;
}

static int with_turns(void *unused)
{
    (void)unused;
    for (int i = 0; i < TURNS; i++) {
        compute(500);
        tutti_yield();
    }
    return 0;
}

static int without_turns(void *unused)
{
    (void)unused;
    compute(50000000);
    return 0;
}

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* A task that has begun stays on its worker, and one that spins keeps it: so there is one of
 * these on each, and each starts its share there. */
struct load {
    tutti_fn *fn;
    unsigned each;  /* tasks of a worker */
    _Atomic unsigned begun;
    double units;  /* of all */
    double took;   /* ns of CPU time for one */
    double share;  /* % of a CPU that the monitor took */
};

static int anchor(void *arg)
{
    struct load *l = arg;
    atomic_fetch_add(&l->begun, 1);
    while (atomic_load(&l->begun) < bench_workers)
        continue;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (unsigned i = 0; i < l->each; i++)
        tutti_go(&s, l->fn, NULL);
    return tutti_scope_close(&s);
}

static int carry(void *arg)
{
    struct load *l = arg;
    double began = cpu_ns(), watched = (double)monitor_cpu_time();
    tutti_time from = tutti_now();
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (unsigned i = 0; i < bench_workers; i++)
        tutti_go(&s, anchor, l);
    int rc = tutti_scope_close(&s);
    l->took = (cpu_ns() - began) / l->units;
    l->share = 100 * ((double)monitor_cpu_time() - watched) / (double)(tutti_now() - from);
    return rc;
}

static int load_run(struct load *l)
{
    char url[64];
    snprintf(url, sizeof url, "threads://%u", bench_workers);
    l->units = (double)l->each * bench_workers * (l->fn == with_turns ? TURNS : 1);
    return tutti_run(url, carry, l);
}

static double turns_cost(void)
{
    struct load l = { .fn = with_turns, .each = TASKS };
    int rc = load_run(&l);
    return rc < 0 ? rc : l.took;
}
static double turns_share(void)
{
    struct load l = { .fn = with_turns, .each = TASKS };
    int rc = load_run(&l);
    return rc < 0 ? rc : l.share;
}
static double long_cost(void)
{
    struct load l = { .fn = without_turns, .each = LONG };
    int rc = load_run(&l);
    return rc < 0 ? rc : l.took;
}
static double long_share(void)
{
    struct load l = { .fn = without_turns, .each = LONG };
    int rc = load_run(&l);
    return rc < 0 ? rc : l.share;
}

static const struct bench benches[] = { { "monitor-cost", turns_cost, 0 },
                                        { "monitor-share", turns_share, 0 },
                                        { "monitor-cost-long", long_cost, 0 },
                                        { "monitor-share-long", long_share, 0 } };

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "-u")) {
        monitor_off = true;
        argv[1] = argv[0];
        argc--, argv++;
    }
    return bench_main(argc, argv, benches, sizeof benches / sizeof *benches);
}
