/* bench/hook_bench.c - blocking calls of half a second through libraries that know nothing of
 * tutti, side by side on one thread; beside them a thread for each call, as one would
 * write it without.  A bench whose library or server is not there is left out, with a
 * word.
 *
 *     hook_bench [-s tutti|pthreads|pthreads-1] [-r ROUNDS] NAME...
 *
 * pthreads-1 keeps all its threads to one CPU, as tasks on one thread are: what the
 * libraries themselves take.
 *
 * Prints a line of JSON for each: the seconds that all calls of a round took. */
#include "common/server.h"
#include "hook_calls.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <tutti.h>
#include <unistd.h>

enum { MOST = 200, ROUNDS_MOST = 99 };

static const struct hook_calls *calls;
static int bad;

static int call_task(void *arg)
{
    return calls->call(arg);
}

static int one_cpu;

/* The first that we may use. */
static void keep_to_one_cpu(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all))
        return;
    for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    sched_setaffinity(0, sizeof one, &one); /* this thread alone */
}

static void *call_thread(void *arg)
{
    if (one_cpu)
        keep_to_one_cpu();
    if (calls->call(arg) < 0)
        bad = 1;
    return NULL;
}

static int numbers[MOST];

static int tasks_run(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < calls->count; i++)
        tutti_go(&s, call_task, &numbers[i]);
    return tutti_scope_close(&s);
}

static void threads_run(void)
{
    pthread_t thread[MOST];
    int n = 0;
    for (; n < calls->count; n++)
        if (pthread_create(&thread[n], NULL, call_thread, &numbers[n]))
            break;
    bad |= n < calls->count;
    while (n--)
        pthread_join(thread[n], NULL);
}

static double round_run(int with_threads)
{
    tutti_time began = tutti_now();
    bad = 0;
    if (with_threads)
        threads_run();
    else
        bad = tutti_run("threads://1", tasks_run, NULL) < 0;
    return bad ? -1 : (double)(tutti_now() - began) / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int measure(const char *system, int rounds)
{
    double s[ROUNDS_MOST];
    int rc = calls->begin();
    if (rc)
        fprintf(stderr, "hook_bench: %s: %s\n", calls->name, hook_calls_why());
    for (int i = 0; !rc && i < rounds; i++)
        if ((s[i] = round_run(strcmp(system, "tutti") != 0)) < 0)
            rc = fprintf(stderr, "hook_bench: %s: a call failed: %s\n", calls->name,
                         hook_calls_why());
    if (!rc) {
        qsort(s, (size_t)rounds, sizeof *s, by_value);
        printf("{\"bench\":\"%s\",\"system\":\"%s\",\"workers\":1,\"unit\":\"s\","
               "\"median\":%.4f,\"min\":%.4f,\"max\":%.4f,\"rounds\":%d}\n",
               calls->name, system, s[rounds / 2], s[0], s[rounds - 1], rounds);
        fflush(stdout);
    }
    calls->end();
    return rc != 0;
}

int main(int argc, char **argv)
{
    const char *system = "tutti";
    int rounds = 5, failed = 0;
    for (int c; (c = getopt(argc, argv, "s:r:w:")) != -1;)
        if (c == 's')
            system = optarg;
        else if (c == 'r')
            rounds = atoi(optarg);
        else if (c != 'w') /* always one */
            return 2;
    if (rounds < 1 || rounds > ROUNDS_MOST || optind == argc)
        return fprintf(stderr, "usage: hook_bench [-s SYSTEM] [-r ROUNDS] NAME...\n"), 2;
    one_cpu = !strcmp(system, "pthreads-1");
    for (int i = 0; i < MOST; i++)
        numbers[i] = i;
    for (; optind < argc; optind++) {
        calls = hook_calls_find(argv[optind]);
        if (!calls)
            return fprintf(stderr, "hook_bench: no bench \"%s\"\n", argv[optind]), 2;
        failed |= measure(system, rounds);
    }
    return failed;
}
