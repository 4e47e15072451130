/* tests/processes_crash_test.c - a task may die in any way: it fails alone, with the right
 * cause, and all the others have their results. */
#include "processes.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <tutti/patterns.h>

enum way {
    WELL,
    SEGV,
    ABORT,
    KILL,
    OVERFLOW,
    EXIT,
    QUIT_NOW,
    FPE,
    ILL,
    BUS,
    CPU_LIMIT,
    WAYS
};
static const int signals[WAYS] = { 0, SIGSEGV, SIGABRT, SIGKILL, SIGSEGV, 0, 0, SIGFPE,
                                   SIGILL, SIGBUS, SIGXCPU };
static const char *const words[WAYS] = { "",        "SIGSEGV", "SIGABRT", "SIGKILL",
                                         "SIGSEGV", "exit(3)", "exit(4)", "SIGFPE",
                                         "SIGILL",  "SIGBUS",  "SIGXCPU" };

static volatile int deep = 1, *volatile nowhere = (int *)8;

__attribute__((noinline)) static int eat_stack(volatile char *above)
{
    volatile char mine[4096];
    mine[0] = above ? above[0] : 1;
    return deep ? eat_stack(mine) + mine[0] : 0;
}

static void burn_cpu_time(void)
{
    struct rlimit one = { 0, RLIM_INFINITY };
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    one.rlim_cur = (rlim_t)spent.tv_sec + 1;
    setrlimit(RLIMIT_CPU, &one);
    for (;;)
        ;
}

static void die(enum way how)
{
    switch (how) {
    case SEGV: *nowhere = 1; break;
    case ABORT: abort();
    case KILL: raise(SIGKILL); break;
    case OVERFLOW: eat_stack(NULL); break;
    case EXIT: exit(3);
    case QUIT_NOW: _exit(4);
    case FPE: raise(SIGFPE); break;
    case ILL: __builtin_trap();
    case BUS: raise(SIGBUS); break;
    case CPU_LIMIT: burn_cpu_time(); break;
    default: break;
    }
}

struct in {
    int way, value;
};
TUTTI_TASK(doing, "crash.doing", struct in, int);
static int doing(const struct in *in, int *out)
{
    die((enum way)in->way);
    *out = in->value + 1;
    return 0;
}

static tutti_executor *open_two(void)
{
    return processes_open_bounded("processes://2");
}

TEST(each_way_to_die_is_told_apart)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int way = SEGV; way < WAYS; way++) {
        struct in in = { way, 1 };
        tutti_future f;
        tutti_outcome o = { .size = sizeof o };
        if (CHECK_TSAN && (way == OVERFLOW || way == CPU_LIMIT))
            continue; /* it ends the program in a way of its own; it holds the signal back */
        CHECK_INT(doing_submit(&s, &in, &f), 0);
        CHECK_INT(tutti_future_await(f, NULL), -TUTTI_ECRASH);
        CHECK_INT(tutti_future_outcome(f, &o), 0);
        if (way == ILL ? o.signal != SIGILL && o.signal != SIGTRAP
                       : o.signal != signals[way])
            check_fail(__FILE__, __LINE__, "way %d: signal %d: %s", way, o.signal, o.words);
        CHECK_INT(o.end, TUTTI_CRASHED);
        CHECK_STR(o.task, "crash.doing");
        CHECK_INT(o.runs, 1);
        CHECK_HAS(o.words, "crash.doing");
        if (way != ILL)
            CHECK_HAS(o.words, words[way]);
        if (way == OVERFLOW)
            CHECK_HAS(o.words, "stack");
        in.way = WELL;
        int out = 0;
        CHECK_INT(doing_call(&s, &in, &out), 0);
        CHECK_INT(out, 2);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* Some of many die, each in its own way, among others that are queued behind them. */
TEST(exactly_those_that_die_fail)
{
    enum { N = 2000 };
    static tutti_future f[N];
    static int way[N];
    unsigned seed = check_seed();
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < N; i++) {
        if (check_random(&seed) % 100 == 0)
            way[i] = SEGV + (int)(check_random(&seed) % (BUS - SEGV));
        if (CHECK_TSAN && way[i] == OVERFLOW)
            way[i] = SEGV;
        struct in in = { way[i], i };
        CHECK_INT(doing_submit(&s, &in, &f[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        int out = 0, rc = doing_take(f[i], &out);
        if (rc != (way[i] ? -TUTTI_ECRASH : 0))
            check_fail(__FILE__, __LINE__, "task %d of way %d gave %d: %s", i, way[i], rc,
                       tutti_why());
        if (!way[i])
            CHECK_INT(out, i + 1);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

struct letter {
    int flags;
    const char *text; /* which is the mistake */
};
TUTTI_TASK(reading, "crash.reading", struct letter, int);
static int reading(const struct letter *in, int *out)
{
    *out = in->text[100];
    return 0;
}

TEST(a_pointer_in_an_input_is_called_so)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    int out;
    /* Where no worker has anything: their own would be found, and read. */
    char *far = mmap((void *)0x123456780000, 4096, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct letter in = { 0, far };
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(reading_call(&s, &in, &out), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "byte 8 of its input");
    CHECK_HAS(tutti_why(), "tutti_share");
    CHECK_INT(tutti_map(&s, &reading_task, &in, &out, 1, NULL), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "byte 8 of its input");
    in.text = NULL;
    CHECK_INT(reading_call(&s, &in, &out), -TUTTI_ECRASH);
    CHECK(!strstr(tutti_why(), "its input"));
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(in_a_map_the_index_is_right_and_the_rest_of_the_chunk_runs)
{
    enum { N = 400 };
    static struct in in[N];
    static int out[N], codes[N];
    tutti_executor *ex = open_two();
    tutti_scope s;
    for (int i = 0; i < N; i++)
        in[i] = (struct in){ i % 97 == 50 ? SEGV + i / 97 % 3 : WELL, i };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    int rc = tutti_map(&s, &doing_task, in, out, N, codes);
    int dead = 0;
    for (int i = 0; i < N; i++) {
        dead += in[i].way != WELL;
        CHECK_INT(codes[i], in[i].way ? -TUTTI_ECRASH : 0);
        if (!in[i].way)
            CHECK_INT(out[i], i + 1);
    }
    CHECK_INT(rc, dead);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_crash_is_the_scopes_failure_when_nobody_waits)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    struct in in = { SEGV, 0 };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(doing_submit(&s, &in, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "crash.doing");
    CHECK_HAS(tutti_why(), "SIGSEGV");
    CHECK_INT(tutti_executor_close(ex), 0);
}

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
TUTTI_TASK(who, "crash.who", tutti_none, int);
static int who(const tutti_none *in, int *out)
{
    (void)in;
    *out = getpid();
    return 0;
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

/* --- sealed items ------------------------------------------------------------------ */

TUTTI_TASK(vandal, "crash.vandal", tutti_ref, tutti_none);
static int vandal(const tutti_ref *in, tutti_none *out)
{
    char *at = (char *)(uintptr_t)tutti_ref_view(in);
    (void)out;
    at[in->count / 2] = 1;
    return 0;
}

TEST(who_writes_to_sealed_items_fails_and_both_are_named)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_ref ref;
    tutti_none none;
    tutti_task_name_set("librarian");
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    char *at = tutti_share(&s, 100000, 1, TUTTI_READ, &ref);
    CHECK_INT(vandal_call(&s, &ref, &none), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "crash.vandal");
    CHECK_HAS(tutti_why(), "librarian");
    CHECK_INT(at[50000], 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    tutti_task_name_set(NULL);
}

/* --- a worker for each ---------------------------------------------------------------- */

TEST(recycled_workers_are_other_processes)
{
    enum { N = 12 };
    tutti_executor *ex = processes_open_bounded("processes://1?recycle=1");
    tutti_scope s;
    tutti_none none = { 0 };
    int pid[N];
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < N; i++) {
        CHECK_INT(who_call(&s, &none, &pid[i]), 0);
        for (int k = 0; k < i; k++)
            CHECK(pid[k] != pid[i]);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* Keeps what it was given; says who has kept it. */
TUTTI_TASK(hoard, "crash.hoard", int, int);
static int hoard(const int *megabytes, int *out)
{
    size_t n = (size_t)*megabytes << 20;
    char *kept = malloc(n);
    if (kept)
        memset(kept, 1, n);
    *out = getpid() + (kept && kept[n - 1] == 0);
    return 0;
}

TEST(a_worker_that_has_grown_makes_way)
{
    tutti_executor *ex = processes_open_bounded("processes://1?recycle-memory=200m");
    tutti_scope s;
    int some = 10, much = 300, pid[4];
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(hoard_call(&s, &some, &pid[0]), 0);
    CHECK_INT(hoard_call(&s, &some, &pid[1]), 0);
    CHECK(CHECK_TSAN || pid[0] == pid[1]); /* whose own memory is more than that */
    CHECK_INT(hoard_call(&s, &much, &pid[2]), 0);
    CHECK_INT(hoard_call(&s, &some, &pid[3]), 0);
    CHECK(pid[2] != pid[3]);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
