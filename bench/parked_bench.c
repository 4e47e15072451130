/* parked_bench.c - what a parked fiber costs in memory: a million tasks, each with its
 * guarded stack, wait for the same event; resident memory and page tables before and
 * then, over their number.  As system tutti, bench parked-bytes.
 *
 *     parked_bench [-w WORKERS] [-n TASKS] [-q QUERY] [parked-bytes]
 *
 * QUERY is put behind the URL, as in -q '?stack=64k'. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <tutti/sync.h>
#include <unistd.h>

static long tasks = 1000000;
static atomic_long begun, woken;
static tutti_event gate;

/* VmRSS and VmPTE, in bytes; negative: /proc has no such lines. */
static long resident(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    long sum = 0, kb, found = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1 || sscanf(line, "VmPTE: %ld", &kb) == 1) {
            sum += kb * 1024;
            found++;
        }
    if (f)
        fclose(f);
    return found == 2 ? sum : -1;
}

static int park(void *unused)
{
    (void)unused;
    atomic_fetch_add_explicit(&begun, 1, memory_order_relaxed);
    int rc = tutti_event_wait(&gate);
    atomic_fetch_add_explicit(&woken, 1, memory_order_relaxed);
    return rc;
}

static int measure(void *bytes)
{
    long before = resident();
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (long i = 0; i < tasks; i++)
        if (tutti_go(&s, park, NULL) < 0)
            break; /* the scope has the reason */
    /* Until all have parked, or one had no stack. */
    while (atomic_load(&begun) < tasks && tutti_check() >= 0)
        tutti_sleep_until(tutti_after(10 * TUTTI_MS));
    *(double *)bytes = (double)(resident() - before) / (double)tasks;
    tutti_event_set(&gate);
    return tutti_scope_close(&s);
}

int main(int argc, char **argv)
{
    int option, workers = 1;
    const char *query = "";
    char url[128];
    double bytes = 0;
    if (getenv("BENCH_TINY"))
        tasks = 1000;
    while ((option = getopt(argc, argv, "w:n:q:r:")) != -1) {
        if (option == 'w')
            workers = atoi(optarg);
        else if (option == 'n')
            tasks = atol(optarg);
        else if (option == 'q')
            query = optarg;
        else if (option != 'r')
            return 2;
    }
    if (workers < 1 || tasks < 1)
        return fputs("at least one worker and one task\n", stderr), 2;
    snprintf(url, sizeof url, "threads://%d%s", workers, query);
    int rc = tutti_run(url, measure, &bytes);
    if (rc < 0)
        return fprintf(stderr, "%s: %s\n", url, tutti_why()), 1;
    if (atomic_load(&woken) != tasks)
        return fprintf(stderr, "%ld of %ld woke\n", atomic_load(&woken), tasks), 1;
    printf("{\"bench\":\"parked-bytes\",\"system\":\"tutti\",\"workers\":%d,"
           "\"unit\":\"bytes\",\"median\":%.1f,\"min\":%.1f,\"max\":%.1f,\"rounds\":1}\n",
           workers, bytes, bytes, bytes);
    return 0;
}
