/* tests/processes_storm_test.c - what was started comes to its end although workers are killed
 * at any moment: run again, or told; and quarantine. */
#include "processes_die.h"
#include <dirent.h>
#include <pthread.h>

/* --- running again --------------------------------------------------------------- */

/* Dies as often as *in has room for, counted where all workers see it. */
TUTTI_TASK_FLAGS(stubborn, "crash.stubborn", tutti_ref, int, TUTTI_IDEMPOTENT);
static int stubborn(const tutti_ref *in, int *out)
{
    atomic_int *left = tutti_ref_edit(in);
    if (atomic_fetch_sub(left, 1) > 0)
        raise(SIGKILL);
    *out = 5;
    return 0;
}

TEST(an_idempotent_task_runs_again_until_it_is_quarantined)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_ref ref;
    int out = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    atomic_int *left = tutti_share(&s, 1, sizeof *left, TUTTI_WRITE, &ref);
    atomic_store(left, 2);
    CHECK_INT(stubborn_call(&s, &ref, &out), 0);
    CHECK_INT(out, 5);
    atomic_store(left, 100);
    CHECK_INT(stubborn_call(&s, &ref, &out), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "quarantined");
    CHECK_INT(atomic_load(left), 97);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TUTTI_TASK_FLAGS(counted, "crash.counted", struct in, int, TUTTI_IDEMPOTENT);
static int counted(const struct in *in, int *out)
{
    *out = in->value * 2;
    return getpid() > 0 ? 0 : -EPROTO;
}

/* Kill workers from outside while tasks run: each has one result, the right one. */
TEST(a_storm_of_kills_loses_nothing)
{
    enum { N = 20000, KILLS = 30 };
    static tutti_future f[N];
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_none none = { 0 };
    int pid;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0, kills = 0; i < N; i++) {
        struct in in = { WELL, i };
        CHECK_INT(counted_submit(&s, &in, &f[i]), 0);
        if (i % (N / KILLS) == 0 && who_call(&s, &none, &pid) == 0 && kills++ < KILLS)
            kill(pid, SIGKILL);
    }
    for (int i = 0; i < N; i++) {
        int out = -1, rc = counted_take(f[i], &out);
        if (rc)
            check_fail(__FILE__, __LINE__, "task %d gave %d: %s", i, rc, tutti_why());
        CHECK_INT(out, i * 2);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* A child of this process with that name (NULL: any), the n-th of them; or 0. */
static pid_t child_named(const char *name, unsigned n)
{
    char path[64], text[300], comm[20];
    DIR *all = opendir("/proc");
    struct dirent *e;
    pid_t found = 0;
    CHECK(all);
    while (!found && (e = readdir(all))) {
        int pid = atoi(e->d_name), parent = 0;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = pid ? fopen(path, "re") : NULL;
        if (f && fgets(text, sizeof text, f)
            && sscanf(text, "%*d (%19[^)]) %*c %d", comm, &parent) == 2
            && parent == getpid() && (!name || !strcmp(comm, name)) && n-- == 0)
            found = pid;
        if (f)
            fclose(f);
    }
    closedir(all);
    return found;
}

/* Wherever the one that forks workers ends, the others go on, and another takes its place. */
TEST(nobody_misses_a_zygote_that_is_killed)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    struct in in;
    int out, killed = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < 40; i++) {
        in = (struct in){ i % 2 ? KILL : WELL, i };
        CHECK_INT(doing_call(&s, &in, &out), i % 2 ? -TUTTI_ECRASH : 0);
        pid_t zygote = i % 5 == 4 ? child_named("tutti-zygote", 0) : 0;
        killed += zygote && kill(zygote, SIGKILL) == 0;
    }
    in = (struct in){ WELL, 5 };
    CHECK_INT(doing_call(&s, &in, &out), 0);
    CHECK_INT(out, 6);
    CHECK(killed > 0 || CHECK_TSAN); /* whose programs have threads, so they have none */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
}

static atomic_int storm_over;

/* When and where each task began, for the first two times. */
struct begun {
    atomic_int times, pid;
    _Atomic tutti_time at[2];
};
struct timed {
    int value;
    struct begun *begun;
};
TUTTI_TASK_FLAGS(slow, "crash.slow", struct timed, int, TUTTI_IDEMPOTENT);
static int slow(const struct timed *in, int *out)
{
    tutti_time now = tutti_now(), until = now + 30000;
    int times = atomic_fetch_add(&in->begun->times, 1);
    if (times == 0)
        in->begun->pid = getpid();
    if (times < 2)
        in->begun->at[times] = now;
    while (tutti_now() < until)
        ;
    *out = in->value * 2;
    return 0;
}

enum { STORM_KILLS = 60 };
static struct {
    int pid;
    tutti_time at;
} killed[STORM_KILLS];

/* Whatever this process has for children, workers that do not serve yet and the zygote too. */
static void *storm(void *arg)
{
    unsigned seed = *(unsigned *)arg;
    for (int i = 0; i < STORM_KILLS && !atomic_load(&storm_over); i++) {
        struct timespec while_ = { 0, check_random(&seed) % 5000000 };
        nanosleep(&while_, NULL);
        pid_t pid = child_named(NULL, check_random(&seed) % 3);
        killed[i].pid = pid;
        killed[i].at = tutti_now();
        if (pid > 0)
            kill(pid, SIGKILL);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    tutti_time x = *(const tutti_time *)a, y = *(const tutti_time *)b;
    return (x > y) - (x < y);
}

/* How long after a kill did the task that it had stopped begin again? */
static void tell_of_deaths(const struct begun *b, int n)
{
    tutti_time after[STORM_KILLS];
    int deaths = 0;
    for (int i = 0; i < n; i++) {
        int k = 0; /* the first kill of its process: that one, and others, came later */
        while (k < STORM_KILLS && (killed[k].pid != b[i].pid || killed[k].at < b[i].at[0]))
            k++;
        if (b[i].times > 1 && k < STORM_KILLS && deaths < STORM_KILLS)
            after[deaths++] = b[i].at[1] - killed[k].at;
    }
    qsort(after, (size_t)deaths, sizeof *after, by_size);
    if (deaths)
        printf("# what %d kills had stopped began again after %.2f ms at the median, %.2f at "
               "most\n", deaths, (double)after[deaths / 2] / 1e6,
               (double)after[deaths - 1] / 1e6);
}

TEST(a_storm_at_any_moment_loses_nothing_either)
{
    enum { N = 20000 };
    static tutti_future f[N];
    unsigned seed = check_seed();
    pthread_t storms;
    tutti_scope s;
    tutti_executor *ex = processes_open_bounded("processes://2?quarantine=60");
    CHECK_INT(pthread_create(&storms, NULL, storm, &seed), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_ref ref;
    struct begun *begun = tutti_share(&s, N, sizeof *begun, TUTTI_WRITE, &ref);
    CHECK(begun != NULL);
    for (int i = 0; i < N; i++) {
        struct timed in = { i, &begun[i] };
        CHECK_INT(slow_submit(&s, &in, &f[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        int out = -1, rc = slow_take(f[i], &out);
        if (rc)
            check_fail(__FILE__, __LINE__, "task %d gave %d: %s", i, rc, tutti_why());
        CHECK_INT(out, i * 2);
    }
    atomic_store(&storm_over, 1);
    pthread_join(storms, NULL);
    tell_of_deaths(begun, N);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* none that home does not know */
}

TEST(a_program_that_ignores_its_children_is_told_of_crashes)
{
    signal(SIGCHLD, SIG_IGN);
    tutti_executor *ex = open_two();
    tutti_scope s;
    int out;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < 10; i++) {
        struct in in = { i % 2 ? SEGV : WELL, i };
        CHECK_INT(doing_call(&s, &in, &out), i % 2 ? -TUTTI_ECRASH : 0);
        if (i % 2)
            CHECK_HAS(tutti_why(), "SIGCHLD");
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
