/* machine.c - facts about this machine that a reader needs to judge the figures.  The
 * number of CPUs is what the library grants itself; the quota is read here only to be
 * shown.  Tests: tests/cli_test.sh. */
#include "tour.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <tutti.h>
#include <unistd.h>

/* The first line of a small file; false if it cannot be read. */
static bool first_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool fine = f && fgets(out, (int)size, f);
    if (f)
        fclose(f);
    if (fine)
        out[strcspn(out, "\n")] = 0;
    return fine;
}

/* CPUs that one control group grants: v2 keeps both numbers in a file, v1 in two. */
static double group_quota(const char *group)
{
    char path[PATH_MAX + 32], line[64], more[64];
    double quota = 0, period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", group);
    if (first_line(path, line, sizeof line))
        return sscanf(line, "%lf %lf", &quota, &period) == 2 && period > 0
                   ? quota / period
                   : 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", group);
    bool has = first_line(path, line, sizeof line);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", group);
    if (!has || !first_line(path, more, sizeof more))
        return 0;
    quota = atof(line);
    period = atof(more);
    return quota > 0 && period > 0 ? quota / period : 0;
}

/* The least of a group and all above it up to the mount point; 0: none has a quota. */
static double chain_quota(const char *mount, const char *group)
{
    char path[PATH_MAX];
    double least = 0;
    size_t root = strlen(mount);
    snprintf(path, sizeof path, "%s%s", mount, group);
    for (;;) {
        double q = group_quota(path);
        if (q > 0 && (least == 0 || q < least))
            least = q;
        char *slash = strrchr(path + root, '/');
        if (!slash)
            return least;
        *slash = 0;
    }
}

static double quota_look(void)
{
    double least = 0;
    char line[PATH_MAX];
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *kinds = strchr(line, ':'), *path = kinds ? strchr(kinds + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        bool v2 = !kinds[1];
        if (!v2 && !strstr(kinds, "cpu"))
            continue;
        double q = chain_quota(v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", path);
        if (q > 0 && (least == 0 || q < least))
            least = q;
    }
    if (f)
        fclose(f);
    return least;
}

static void model_look(char *out, size_t size)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    *out = 0;
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, size, "%s", colon + 1 + (colon[1] == ' '));
        break;
    }
    if (f)
        fclose(f);
}

static bool io_uring_granted(void)
{
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    long fd = syscall(__NR_io_uring_setup, 1, &params);
    if (fd >= 0)
        close((int)fd);
    return fd >= 0;
}

void machine_look(struct machine *machine)
{
    struct utsname name;
    struct sysinfo info;
    tutti_executor *ex;
    *machine = (struct machine){ .cpus = 1, .cpus_online = get_nprocs() };
    if (tutti_executor_open(&ex, "threads://") == 0) {
        machine->cpus = (int)tutti_executor_workers(ex);
        tutti_executor_close(ex);
    }
    machine->quota = quota_look();
    machine->io_uring = io_uring_granted();
    if (getloadavg(&machine->load, 1) != 1)
        machine->load = 0;
    if (sysinfo(&info) == 0)
        machine->memory = (double)info.totalram * info.mem_unit / (1 << 30);
    if (uname(&name) == 0) {
        snprintf(machine->kernel, sizeof machine->kernel, "%s %s", name.sysname,
                 name.release);
        snprintf(machine->arch, sizeof machine->arch, "%s", name.machine);
    }
    model_look(machine->model, sizeof machine->model);
}

void machine_describe(const struct machine *machine, char *out, size_t size)
{
    char quota[32] = "none", of[32] = "";
    if (machine->quota > 0)
        snprintf(quota, sizeof quota, "%.4g", machine->quota);
    if (machine->cpus < machine->cpus_online)
        snprintf(of, sizeof of, " of %d", machine->cpus_online);
    snprintf(out, size, "%d%s CPU%s (quota %s), %s, io_uring %s", machine->cpus, of,
             machine->cpus == 1 && !*of ? "" : "s", quota, machine->kernel,
             machine->io_uring ? "yes" : "no");
}
