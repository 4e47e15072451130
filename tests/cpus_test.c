/* How many CPUs this process may use: base/cpus, over made-up trees of files. */
#include "base/cpus.h"
#include <pthread.h>
#include <stdatomic.h>
#include <tutti.h>
#include "base/memory.h"
#include "check.h"
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/stat.h>

static char root[] = "/tmp/tutti-cpus-XXXXXX";

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *f)
{
    (void)s;
    (void)kind;
    (void)f;
    return remove(path);
}

static void tree_end(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Write root/path, making the folders above it. */
__attribute__((format(printf, 2, 3))) static void put(const char *path,
                                                      const char *format, ...)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = 0;
        mkdir(full, 0700);
    }
    FILE *f = fopen(full, "w");
    CHECK(f != NULL);
    va_list list;
    va_start(list, format);
    vfprintf(f, format, list);
    va_end(list);
    fclose(f);
}

static void tree_begin(const char *groups, const char *mounts)
{
    CHECK(mkdtemp(root) != NULL);
    atexit(tree_end);
    put("proc/self/cgroup", "%s", groups);
    put("proc/self/mountinfo", "%s", mounts);
}

static const char V2_MOUNT[] =
    "22 1 0:20 / /proc rw,nosuid - proc proc rw\n"
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
static const char V1_MOUNT[] =
    "31 23 0:27 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
    "32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

TEST(v2_quota_of_the_leaf)
{
    tree_begin("0::/app\n", V2_MOUNT);
    put("sys/fs/cgroup/app/cpu.max", "150000 100000\n");
    CHECK_INT(cpus_quota(root), 150);
}

TEST(v2_max_is_no_quota)
{
    tree_begin("0::/app\n", V2_MOUNT);
    put("sys/fs/cgroup/app/cpu.max", "max 100000\n");
    CHECK_INT(cpus_quota(root), 0);
}

TEST(v2_a_parent_that_is_tighter_counts)
{
    tree_begin("0::/slice/user/app\n", V2_MOUNT);
    put("sys/fs/cgroup/slice/user/app/cpu.max", "800000 100000\n");
    put("sys/fs/cgroup/slice/user/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/slice/cpu.max", "100000 200000\n");
    CHECK_INT(cpus_quota(root), 50);
}

TEST(v2_the_mount_itself_counts)
{
    tree_begin("0::/\n", V2_MOUNT); /* a container with a namespace of its own */
    put("sys/fs/cgroup/cpu.max", "300000 100000\n");
    CHECK_INT(cpus_quota(root), 300);
}

TEST(v1_quota_of_leaf_and_parent)
{
    tree_begin("4:memory:/x\n3:cpu,cpuacct:/docker/abc\n0::/elsewhere\n", V1_MOUNT);
    put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "400000\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
    CHECK_INT(cpus_quota(root), 400);
    put("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "25000\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "10000\n");
    CHECK_INT(cpus_quota(root), 250);
    put("sys/fs/cgroup/memory/x/cpu.cfs_quota_us", "1\n"); /* not cpu's */
    put("sys/fs/cgroup/memory/x/cpu.cfs_period_us", "100000\n");
    CHECK_INT(cpus_quota(root), 250);
}

TEST(v1_minus_one_is_no_quota)
{
    tree_begin("3:cpu,cpuacct:/a\n", V1_MOUNT);
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    CHECK_INT(cpus_quota(root), 0);
}

TEST(v1_and_v2_side_by_side_give_the_least)
{
    char mounts[1024];
    snprintf(mounts, sizeof mounts, "%s%s", V1_MOUNT,
             "30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    tree_begin("3:cpu,cpuacct:/a\n0::/b\n", mounts);
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "400000\n");
    put("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/unified/b/cpu.max", "200000 100000\n");
    CHECK_INT(cpus_quota(root), 200);
}

TEST(a_mount_that_shows_a_part)
{
    tree_begin("3:cpu:/docker/abc/job\n",
               "32 23 0:28 /docker/abc /cg\\040cpu rw - cgroup cgroup rw,cpu\n");
    put("cg cpu/job/cpu.cfs_quota_us", "150000\n");
    put("cg cpu/job/cpu.cfs_period_us", "100000\n");
    CHECK_INT(cpus_quota(root), 150);
    put("cg cpu/cpu.cfs_quota_us", "100000\n");
    put("cg cpu/cpu.cfs_period_us", "100000\n");
    CHECK_INT(cpus_quota(root), 100);
    put("cpu.cfs_quota_us", "1\n"); /* above the mount: somebody else's file */
    put("cpu.cfs_period_us", "100000\n");
    CHECK_INT(cpus_quota(root), 100);
}

TEST(a_group_outside_the_namespace_leaves_the_mount)
{
    tree_begin("0::/../../other\n", V2_MOUNT);
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    put("other/cpu.max", "1000 100000\n");
    put("sys/other/cpu.max", "1000 100000\n");
    CHECK_INT(cpus_quota(root), 200);
}

TEST(missing_files_are_no_quota)
{
    tree_begin("0::/app\n", V2_MOUNT);
    CHECK_INT(cpus_quota(root), 0);
    CHECK_INT(cpus_quota("/nonexistent"), 0);
}

TEST(nonsense_is_no_quota)
{
    static const char *const line[] = { "", "\n", "max", "0 100000", "-5 100000", "7",
                                        "1x 100000", "100000 0", "100000 -1", "x y",
                                        "99999999999999999999 100000", "100000 max" };
    tree_begin("no colon\n:\n0:\n1:cpu\n0::relative\n0::/app\n", V2_MOUNT);
    for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
        put("sys/fs/cgroup/app/cpu.max", "%s", line[i]);
        CHECK_INT(cpus_quota(root), 0);
    }
    put("proc/self/mountinfo",
        "\n1 2\n- - -\n1 2 3 / /x rw -\n1 2 3 / /x rw - cgroup2\n%s", V2_MOUNT);
    put("sys/fs/cgroup/app/cpu.max", "100000 100000\n");
    CHECK_INT(cpus_quota(root), 100);
}

TEST(a_tiny_quota_is_not_none)
{
    tree_begin("0::/app\n", V2_MOUNT);
    put("sys/fs/cgroup/app/cpu.max", "1 100000\n");
    CHECK_INT(cpus_quota(root), 1);
}

TEST(a_long_mountinfo_is_read_whole)
{
    tree_begin("0::/app\n", "");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    for (int i = 0; i < 3000; i++)
        fprintf(f, "%d 1 0:%d / /mnt/%d rw - tmpfs tmpfs rw\n", i, i, i);
    fputs(V2_MOUNT, f);
    fclose(f);
    put("sys/fs/cgroup/app/cpu.max", "250000 100000\n");
    CHECK_INT(cpus_quota(root), 250);
}

TEST(running_out_of_anything_is_no_quota_and_no_leak)
{
    tree_begin("0::/app\n", V2_MOUNT);
    put("sys/fs/cgroup/app/cpu.max", "250000 100000\n");
    fault_arm(1000000, false);
    CHECK_INT(cpus_quota(root), 250);
    long requests = fault_arm(0, false);
    CHECK(requests > 3);
    for (long n = 1; n <= requests; n++) {
        fault_arm(n, n % 2);
        unsigned quota = cpus_quota(root);
        fault_arm(0, false);
        CHECK(quota == 0 || quota == 250);
    }
}

TEST(granted_is_within_the_affinity)
{
    cpu_set_t set;
    unsigned granted = cpus_granted();
    CHECK(granted >= 1);
    if (!sched_getaffinity(0, sizeof set, &set))
        CHECK(granted <= (unsigned)CPU_COUNT(&set));
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (!sched_setaffinity(0, sizeof set, &set))
        CHECK_INT(cpus_granted(), 1);
}

/* --- while it runs ---------------------------------------------------------------- */

static atomic_int stop;

static int yields(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop))
        tutti_yield();
    return 0;
}

static int where(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    for (int i = 0; i < 5; i++)
        tutti_yield();
    return 0;
}

/* On how many threads do new tasks begin? */
static int spread(tutti_executor *ex)
{
    pthread_t at[40];
    tutti_scope s;
    int threads = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 40; i++)
        CHECK_INT(tutti_go(&s, where, &at[i]), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    for (int i = 0; i < 40; i++) {
        int seen = 0;
        for (int k = 0; k < i; k++)
            seen |= pthread_equal(at[i], at[k]);
        threads += !seen;
    }
    return threads;
}

/* Half a CPU, then all that there are: the pool shrinks to one worker and grows back. */
TEST(a_pool_without_a_number_follows_its_quota)
{
    tutti_executor *ex;
    tutti_scope s;
    tree_begin("0::/app/leaf\n", V2_MOUNT);
    put("sys/fs/cgroup/app/cpu.max", "max 100000\n");
    atomic_store(&cpus_root, root);
    unsigned all = cpus_granted();
    if (all < 2)
        check_skip("it needs two CPUs");
    CHECK_INT(tutti_executor_open(&ex, "threads://"), 0);
    CHECK_INT(tutti_executor_workers(ex), all);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(tutti_go(&s, yields, NULL), 0);
    put("sys/fs/cgroup/app/cpu.max", "50000 100000\n"); /* not the leaf's, its parent's */
    while (tutti_executor_workers(ex) != 1)
        usleep(1000);
    while (spread(ex) != 1)
        continue;
    put("sys/fs/cgroup/app/cpu.max", "max 100000\n");
    while (tutti_executor_workers(ex) != all)
        usleep(1000);
    while (spread(ex) < 2)
        continue;
    atomic_store(&stop, 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
