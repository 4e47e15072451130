/* exec/processes/oom.c - a worker that the kernel has killed for want of memory looks like one
 * that somebody has killed; but the kernel counts.  Tests: tests/processes_sandbox_test.c. */
#include "base/memory.h"
#include "exec/processes/procs.h"
#include <stdio.h>

/* The number behind `word` in that file; false: it has none. */
static bool count_read(const char *path, const char *word, uint64_t *n)
{
    char line[256], name[64];
    unsigned long long value;
    bool found = false;
    FILE *f = fault_now() ? NULL : fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = sscanf(line, "%63s %llu", name, &value) == 2 && !strcmp(name, word);
    if (f)
        fclose(f);
    if (found)
        *n = value;
    return found;
}

/* Where the control group of this process counts, by the line of /proc/self/cgroup. */
static bool group_read(char *line, uint64_t *n)
{
    char path[600];
    line[strcspn(line, "\n")] = 0;
    char *kinds = strchr(line, ':'), *name = kinds ? strchr(kinds + 1, ':') : NULL;
    if (!name)
        return false;
    *name++ = 0;
    if (!kinds[1]) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%.400s/memory.events", name);
        return count_read(path, "oom_kill", n);
    }
    if (strcmp(kinds + 1, "memory"))
        return false;
    snprintf(path, sizeof path, "/sys/fs/cgroup/memory%.400s/memory.oom_control", name);
    return count_read(path, "oom_kill", n);
}

uint64_t oom_kills(void)
{
    char line[512];
    uint64_t n = 0;
    bool found = false;
    FILE *f = fault_now() ? NULL : fopen("/proc/self/cgroup", "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = group_read(line, &n);
    if (f)
        fclose(f);
    if (!found) /* of the whole machine: better than nothing */
        count_read("/proc/vmstat", "oom_kill", &n);
    return n;
}

bool oom_has_struck(struct procs *p)
{
    uint64_t now = oom_kills(), before = p->ooms;
    p->ooms = now;
    return now > before;
}
