/* fork_drive.c - see fork_drive.h. */
#include "fork_drive.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MOST = 99, SYSTEMS_MOST = 2, REGION = 100, REGIONS = 1000, PRODUCT = 512,
       FIB = 37, FIB_FEW = 31 };
static int tiny;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- the work, at its sizes: each gives its result ---------------------------------- */

/* A call that costs hundreds of ns is measured on fewer of them; who gets those right is
 * taken to get all right. */
static int fib_size(const struct fork_system *s)
{
    return tiny ? 15 : s->few ? FIB_FEW : FIB;
}
static long run_fib(const struct fork_system *s)
{
    int n = fib_size(s);
    long result = s->fib(n);
    return s->few && !tiny && result == 1346269 ? 24157817 : result;
}
static double fib_calls(const struct fork_system *s, long result)
{
    (void)result; /* a fork for each call that is no leaf: fib(n + 1) - 1 of them */
    return (double)fib_serial(fib_size(s) + 1) - 1;
}

static long run_nqueens(const struct fork_system *s)
{
    return s->nqueens((1u << (tiny ? 6 : 12)) - 1);
}
static double nqueens_calls(const struct fork_system *s, long result)
{
    (void)s, (void)result;
    return tiny ? 152 : 856188; /* queens placed */
}

static long run_uts(const struct fork_system *s)
{
    return s->uts();
}
static double uts_nodes(const struct fork_system *s, long result)
{
    (void)s;
    return (double)result;
}

static long run_skynet(const struct fork_system *s)
{
    return s->skynet(tiny ? 1000 : 1000000);
}
static double skynet_calls(const struct fork_system *s, long result)
{
    (void)s, (void)result;
    return tiny ? 1110 : 1111110;
}

static long run_region(const struct fork_system *s)
{
    static float numbers[REGION];
    for (int i = 0; i < REGION; i++)
        numbers[i] = (float)i;
    for (int i = 0; i < REGIONS; i++)
        s->region(numbers, REGION);
    return (long)(numbers[REGION - 1] * 1000);
}
static double regions(const struct fork_system *s, long result)
{
    (void)s, (void)result;
    return REGIONS;
}

static long run_matmul(const struct fork_system *s)
{
    static struct product p;
    if (!p.a) {
        p.n = tiny ? 32 : PRODUCT;
        size_t bytes = (size_t)p.n * (size_t)p.n * sizeof(float);
        float *a = aligned_alloc(64, bytes), *b = aligned_alloc(64, bytes);
        p.c = aligned_alloc(64, bytes);
        if (!a || !b || !p.c)
            abort();
        for (long i = 0; i < (long)p.n * p.n; i++) {
            a[i] = (float)(i % 7);
            b[i] = (float)(i % 5);
        }
        p.a = a;
        p.b = b;
    }
    s->matmul(&p);
    return (long)p.c[(long)p.n * p.n - 3];
}
static double products(const struct fork_system *s, long result)
{
    (void)s, (void)result;
    return 1e6; /* ms */
}

/* CPU time that sleeps cost, after some work, in seconds a second. */
static long run_idle(const struct fork_system *s)
{
    if (s->skynet)
        s->skynet(1000);
    s->rest();
    return 0;
}

static const struct work {
    const char *name, *unit;
    long (*run)(const struct fork_system *s);
    double (*units)(const struct fork_system *s, long result); /* NULL: CPU over time */
    size_t needs;                 /* which of the system's functions */
} works[] = {
    { "fib", "ns", run_fib, fib_calls, offsetof(struct fork_system, fib) },
    { "nqueens", "ns", run_nqueens, nqueens_calls, offsetof(struct fork_system, nqueens) },
    { "uts", "ns", run_uts, uts_nodes, offsetof(struct fork_system, uts) },
    { "skynet", "ns", run_skynet, skynet_calls, offsetof(struct fork_system, skynet) },
    { "region", "ns", run_region, regions, offsetof(struct fork_system, region) },
    { "matmul", "ms", run_matmul, products, offsetof(struct fork_system, matmul) },
    { "idle-cpu", "CPU s/s", run_idle, NULL, offsetof(struct fork_system, rest) },
};
enum { WORKS = sizeof works / sizeof *works };

/* --- measuring ---------------------------------------------------------------------- */

static int can(const struct fork_system *s, const struct work *w)
{
    void (*f)(void);
    memcpy(&f, (const char *)s + w->needs, sizeof f);
    return f != NULL;
}

static double cpu_time(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
           + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static double one_round(const struct fork_system *s, const struct work *w, long *result)
{
    long times = 0;
    if (s->skynet)
        s->skynet(1000); /* the first work of a pool makes its threads and its room */
    double began = now(), burnt = cpu_time(), took;
    do {
        *result = w->run(s);
        times++;
        took = now() - began;
    } while (took < (tiny ? 0.001 : 0.1));
    if (!w->units)
        return (cpu_time() - burnt) / took;
    return took * 1e9 / w->units(s, *result) / (double)times;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const struct work *w, const struct fork_system *s, unsigned workers,
                   double *took, int rounds, long result)
{
    qsort(took, (size_t)rounds, sizeof *took, by_size);
    printf("{\"bench\":\"%s\",\"system\":\"%s\",\"workers\":%u,\"unit\":\"%s\","
           "\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,\"rounds\":%d,\"check\":\"%ld\"}\n",
           w->name, s->name, s->workers ? s->workers : workers, w->unit, took[rounds / 2],
           took[0], took[rounds - 1], rounds, result);
}

static int measure(const struct work *w, const struct fork_options *o,
                   const struct fork_system *systems, int count)
{
    double took[SYSTEMS_MOST][ROUNDS_MOST];
    long result = 0, got;
    int known = 0;
    for (int r = 0; r < o->rounds; r++)
        for (int i = 0; i < count; i++) {
            if (!can(&systems[i], w))
                continue;
            took[i][r] = one_round(&systems[i], w, &got);
            if (known++ && got != result) {
                fprintf(stderr, "%s, %s: %ld, not %ld\n", w->name, systems[i].name, got,
                        result);
                return 1;
            }
            result = got;
        }
    for (int i = 0; i < count; i++)
        if (can(&systems[i], w))
            report(w, &systems[i], o->workers, took[i], o->rounds, result);
    if (count == 2 && can(&systems[0], w) && can(&systems[1], w))
        fprintf(stderr, "%-8s %u workers: %.2fx %s\n", w->name, o->workers,
                took[1][o->rounds / 2] / took[0][o->rounds / 2], systems[0].name);
    return 0;
}

static int is_wanted(char **names, const char *name)
{
    for (char **at = names; *at; at++)
        if (!strcmp(*at, name))
            return 1;
    return !*names;
}

int fork_options(struct fork_options *o, int argc, char **argv)
{
    int option;
    *o = (struct fork_options){ .workers = 1, .rounds = 5 };
    while ((option = getopt(argc, argv, "w:r:s")) != -1) {
        if (option == 'w')
            o->workers = (unsigned)atoi(optarg);
        else if (option == 'r')
            o->rounds = atoi(optarg);
        else if (option == 's')
            o->alone = 1;
        else
            return 2;
    }
    o->names = argv + optind;
    tiny = getenv("BENCH_TINY") != NULL;
    if (o->rounds >= 1 && o->rounds <= ROUNDS_MOST && o->workers >= 1)
        return 0;
    fprintf(stderr, "1 to %d rounds, at least one worker\n", ROUNDS_MOST);
    return 2;
}

int fork_drive(const struct fork_options *o, const struct fork_system *systems, int count)
{
    int failed = 0;
    for (int i = 0; i < WORKS; i++)
        if (is_wanted(o->names, works[i].name))
            failed |= measure(&works[i], o, systems, count);
    return failed;
}

void fork_rest(void)
{
    struct timespec t = { tiny ? 0 : 1, tiny ? 1000000 : 0 };
    nanosleep(&t, NULL);
}
