/* tests/processes_crash_test.c - a task may die in any way: it fails alone, with the right
 * cause, and all the others have their results. */
#include "processes_die.h"
#include <sys/mman.h>
#include <tutti/patterns.h>
#include <tutti/sync.h>

static const int signals[WAYS] = { 0, SIGSEGV, SIGABRT, SIGKILL, SIGSEGV, 0, 0, SIGFPE,
                                   SIGILL, SIGBUS, SIGXCPU, SIGKILL };
static const char *const words[WAYS] = { "",        "SIGSEGV", "SIGABRT", "SIGKILL",
                                         "SIGSEGV", "exit(3)", "exit(4)", "SIGFPE",
                                         "SIGILL",  "SIGBUS",  "SIGXCPU",
                                         "hard limit of CPU time" };

TEST(each_way_to_die_is_told_apart)
{
    tutti_executor *ex = open_two();
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int way = SEGV; way < WAYS; way++) {
        struct in in = { way, 1 };
        tutti_future f;
        tutti_outcome o = { .size = sizeof o };
        if (CHECK_TSAN && (way == OVERFLOW || way >= CPU_LIMIT))
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

/* A lock and a wait of its own, and what its worker did before. */
TUTTI_TASK(holding, "crash.holding", int, int);
static int holding(const int *in, int *out)
{
    static tutti_mutex m;
    *out = 0;
    tutti_sleep_until(tutti_after(*in * TUTTI_MS));
    tutti_mutex_lock(&m);
    abort();
}

TEST(a_death_tells_what_came_before_it)
{
    static const char *const urls[] = { "processes://1", "processes://1?inner=threads://1" };
    for (int u = 0; u < 2; u++) {
        tutti_executor *ex = processes_open_bounded(urls[u]);
        tutti_scope s;
        struct in in = { WELL, 1 };
        int out, ms = 2;
        tutti_future f;
        tutti_outcome o = { .size = sizeof o };
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        for (int i = 0; i < 30; i++) /* more than are kept */
            CHECK_INT(doing_call(&s, &in, &out), 0);
        in.value = -1;
        CHECK_INT(doing_call(&s, &in, &out), -EINVAL);
        CHECK_INT(holding_submit(&s, &ms, &f), 0);
        CHECK_INT(tutti_future_await(f, NULL), -TUTTI_ECRASH);
        CHECK_INT(tutti_future_outcome(f, &o), 0);
        CHECK_HAS(o.words, "held 1 lock;");
        CHECK_HAS(o.words, "had waited for: time");
        CHECK_HAS(o.words, "last in that process: crash.doing 29 ended with 0, "
                           "crash.doing 30 began ");
        CHECK_HAS(o.words, "crash.doing 30 ended with -22, crash.holding 31 began ");
        tutti_scope_close(&s);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
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
