/* bench/blocking_bench.c - who suffers when a task blocks its thread or computes for long:
 * 1,000 fibers that each wake 50 times a second on two workers; beside them one that blocks
 * 200 ms and one that computes 500 ms, each second.  How late do the others wake?
 *
 * Four readings, a run of its own each:
 *     none        nobody blocks: the floor of this machine
 *     task        each second a new task is started that blocks, and one that computes, as a
 *                 server would; nobody has told tutti beforehand.  The first of each delays
 *                 those beside it and is counted apart, as system tutti-task-first-second
 *     declared    the same in a scope with TUTTI_ALONE
 *     blocking    one long-lived fiber does both in tutti_blocking
 *     bare        one long-lived fiber blocks and one computes, bare: nothing helps those
 *                 beside them, since what was started stays on its thread
 *
 *     blocking_bench [READING...]      BLOCKING_ROUNDS, BLOCKING_SECONDS: 5 of 5
 * Prints a JSON line a figure: p99 and worst, in milliseconds. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tutti.h>
#include <unistd.h>

enum { FIBERS = 1000, WORKERS = 2, ROUNDS_MOST = 99 };
#define PERIOD (20 * TUTTI_MS)

static uint32_t *late; /* us */
static atomic_long lates, first_lates;
static long room;
static tutti_time end, settled;

static void record(int64_t ns)
{
    long i = atomic_fetch_add(&lates, 1);
    if (i < room)
        late[i] = (uint32_t)(ns > 0 ? ns / 1000 : 0);
}

static int periodic(void *arg)
{
    tutti_time t = tutti_now() + (intptr_t)arg * PERIOD / FIBERS + PERIOD;
    while (t < end) {
        tutti_sleep_until(t);
        tutti_time now = tutti_now();
        record(now - t); /* what was missed counts once, with all its lateness */
        for (t += PERIOD; t < now; t += PERIOD)
            continue;
    }
    return 0;
}

static int block(void *arg)
{
    (void)arg;
    usleep(200000);
    return 0;
}

static int compute(void *arg)
{
    tutti_time until = tutti_now() + 500 * TUTTI_MS;
    volatile long x = 0;
    while (tutti_now() < until)
        for (int i = 0; i < 1000; i++)
            x = x + 1;
    (void)arg;
    return 0;
}

enum reading { NONE, TASK, DECLARED, BLOCKING, BARE, READINGS };
static const char *const readings[] = { "none", "task", "declared", "blocking", "bare" };
static enum reading how;

static int each_second(void *arg)
{
    tutti_fn *fn = arg == NULL ? block : compute;
    tutti_time t = tutti_now() + (arg ? 600 : 300) * TUTTI_MS;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, how == DECLARED ? TUTTI_ALONE : 0);
    for (; t < end - TUTTI_SEC / 2; t += TUTTI_SEC) {
        tutti_sleep_until(t);
        if (how == BLOCKING)
            tutti_blocking(fn, NULL, NULL);
        else if (how == BARE)
            fn(NULL);
        else
            tutti_go(&s, fn, NULL);
    }
    return tutti_scope_close(&s);
}

static int settle(void *arg)
{
    (void)arg;
    tutti_sleep_until(settled);
    atomic_store(&first_lates, atomic_load(&lates));
    return 0;
}

static int all(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (intptr_t i = 0; i < FIBERS; i++)
        tutti_go(&s, periodic, (void *)i);
    tutti_go(&s, settle, NULL);
    if (how != NONE) {
        tutti_go(&s, each_second, NULL);
        tutti_go(&s, each_second, &how); /* any address: the one that computes */
    }
    (void)arg;
    return tutti_scope_close(&s);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}
static int by_late(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

struct figure {
    double p50[ROUNDS_MOST], p99[ROUNDS_MOST], worst[ROUNDS_MOST];
};

static void figure_take(struct figure *f, int round, uint32_t *from, long n)
{
    if (n < 1)
        n = 1;
    qsort(from, (size_t)n, sizeof *from, by_late);
    f->p50[round] = from[n / 2] / 1e3;
    f->p99[round] = from[n * 99 / 100] / 1e3;
    f->worst[round] = from[n - 1] / 1e3;
}

static void line(const char *bench, const char *system, double *of, int rounds)
{
    qsort(of, (size_t)rounds, sizeof *of, by_value);
    printf("{\"bench\":\"%s\",\"system\":\"%s\",\"workers\":%d,\"unit\":\"ms\","
           "\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"rounds\":%d}\n",
           bench, system, WORKERS, of[rounds / 2], of[0], of[rounds - 1], rounds);
    fflush(stdout);
}

static void figure_say(struct figure *f, const char *system, int rounds)
{
    line("blocking-p50", system, f->p50, rounds);
    line("blocking-p99", system, f->p99, rounds);
    line("blocking-worst", system, f->worst, rounds);
}

static int number(const char *name, int otherwise, int most)
{
    const char *text = getenv(name);
    int n = text ? atoi(text) : 0;
    return n < 1 ? otherwise : n > most ? most : n;
}

static int run(struct figure *f, struct figure *first, int round, int seconds)
{
    char url[32];
    snprintf(url, sizeof url, "threads://%d", WORKERS);
    atomic_store(&lates, 0);
    atomic_store(&first_lates, 0);
    settled = tutti_after(1500 * TUTTI_MS);
    end = tutti_after(seconds * TUTTI_SEC + 1500 * TUTTI_MS);
    if (tutti_run(url, all, NULL) < 0)
        return fprintf(stderr, "%s: %s\n", url, tutti_why()), 1;
    long n = atomic_load(&lates), before = atomic_load(&first_lates);
    if (n > room)
        n = room;
    figure_take(first, round, late, before);
    figure_take(f, round, late + before, n - before);
    return 0;
}

static int wanted(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name))
            return 1;
    return argc < 2;
}

int main(int argc, char **argv)
{
    static struct figure figure[READINGS], first[READINGS];
    int rounds = number("BLOCKING_ROUNDS", 5, ROUNDS_MOST);
    int seconds = number("BLOCKING_SECONDS", 5, 60), rc = 0;
    room = (long)FIBERS * (seconds + 2) * 60;
    late = calloc((size_t)room, sizeof *late);
    if (!late)
        return 1;
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < READINGS; i++) {
            how = (enum reading)i;
            if (wanted(argc, argv, readings[i]))
                rc |= run(&figure[i], &first[i], round, seconds);
        }
    for (int i = 0; i < READINGS; i++) {
        char system[64];
        if (!wanted(argc, argv, readings[i]))
            continue;
        snprintf(system, sizeof system, "tutti-%s", readings[i]);
        figure_say(&figure[i], system, rounds);
        if (i == TASK)
            figure_say(&first[i], "tutti-task-first-second", rounds);
    }
    free(late);
    return rc;
}
