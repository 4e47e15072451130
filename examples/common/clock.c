/* examples/common/clock.c - see clock.h.  A process's own clock knows nothing of its
 * children, so the workers of processes:// are looked up by their name. */
#include "clock.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

static double clock_read(clockid_t clock)
{
    struct timespec now = { 0, 0 };
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double clock_now(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

static int is_worker(long pid)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    FILE *f = fopen(path, "re");
    if (f && !fgets(name, sizeof name, f))
        name[0] = 0;
    if (f)
        fclose(f);
    return !strcmp(name, "tutti-worker\n");
}

/* Of the workers that one of our threads has started. */
static double clock_of_children(const char *thread)
{
    char path[300];
    long pid;
    clockid_t clock;
    double seconds = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/children", thread);
    FILE *f = fopen(path, "re");
    while (f && fscanf(f, "%ld", &pid) == 1)
        if (is_worker(pid) && clock_getcpuclockid((pid_t)pid, &clock) == 0)
            seconds += clock_read(clock);
    if (f)
        fclose(f);
    return seconds;
}

static double clock_of_workers(void)
{
    struct rusage ended;
    DIR *threads = opendir("/proc/self/task");
    double seconds = 0;
    for (struct dirent *d; threads && (d = readdir(threads)) != NULL;)
        if (d->d_name[0] != '.')
            seconds += clock_of_children(d->d_name);
    if (threads)
        closedir(threads);
    if (getrusage(RUSAGE_CHILDREN, &ended) == 0)
        seconds += (double)(ended.ru_utime.tv_sec + ended.ru_stime.tv_sec) +
                   (double)(ended.ru_utime.tv_usec + ended.ru_stime.tv_usec) * 1e-6;
    return seconds;
}

double clock_cpu(int workers)
{
    return clock_read(CLOCK_PROCESS_CPUTIME_ID) + (workers ? clock_of_workers() : 0);
}
