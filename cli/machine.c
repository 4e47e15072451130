/* machine.c - facts about this machine that a reader needs to judge the figures.  The
 * number of CPUs is what the library grants itself; the quota is read here only to be
 * shown.  Tests: tests/cli_test.sh. */
#include "tour.h"
#include <linux/io_uring.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <tutti.h>
#include <unistd.h>

/* More of the CPUs than this in the hands of others spoils a measurement. */
#define DISTURBED 0.10

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

/* CPU seconds that went by on the CPUs this process may use, whoever had them. */
static double cpus_busy(const cpu_set_t *mine)
{
    char line[512];
    double busy = 0;
    FILE *f = fopen("/proc/stat", "re");
    while (f && fgets(line, sizeof line, f)) {
        unsigned cpu;
        double t[8] = { 0 }; /* user nice system idle iowait irq softirq steal */
        if (sscanf(line, "cpu%u %lf %lf %lf %lf %lf %lf %lf %lf", &cpu, t, t + 1, t + 2,
                   t + 3, t + 4, t + 5, t + 6, t + 7) < 5 ||
            cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, mine))
            continue;
        busy += t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
    }
    if (f)
        fclose(f);
    return busy / (double)sysconf(_SC_CLK_TCK);
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void watch(double out[3])
{
    cpu_set_t mine;
    struct rusage self, programs;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &programs);
    out[0] = seconds_now();
    out[1] = cpus_busy(&mine);
    out[2] = seconds_of(self.ru_utime) + seconds_of(self.ru_stime) +
             seconds_of(programs.ru_utime) + seconds_of(programs.ru_stime);
}

void machine_watch_begin(struct machine *machine)
{
    watch(machine->watch);
}

/* With a quota on fewer CPUs than may be used, others can be busy without harm: then
 * only what serial runs waited tells. */
void machine_watch_end(struct machine *machine)
{
    double now[3];
    cpu_set_t mine;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    int usable = CPU_COUNT(&mine);
    watch(now);
    double all = (now[0] - machine->watch[0]) * usable;
    double others = now[1] - machine->watch[1] - (now[2] - machine->watch[2]);
    machine->others = 0;
    if (machine->cpus >= usable && all > 0 && others > 0)
        machine->others = others < all ? others / all : 1;
}

const char *machine_disturbed(const struct machine *machine, double serial_waited,
                              char out[128])
{
    if (machine->others > DISTURBED)
        snprintf(out, 128, "other work had %.0f%% of the CPUs meanwhile",
                 100 * machine->others);
    else if (serial_waited > DISTURBED)
        snprintf(out, 128, "serial runs waited for a CPU %.0f%% of the time",
                 100 * serial_waited);
    else
        return NULL;
    return out;
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
