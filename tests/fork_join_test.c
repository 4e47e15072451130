/* fork_join_test.c - forked calls (src/sched/strand.c, steal.c): results, waiting inside,
 * scopes beside, cancellation, full strands, bad use; on every executor. */
#include "urls.h"
#include <tutti/fork.h>
#include <tutti/sync.h>
#include <pthread.h>
#include <stdbool.h>

/* --- results ------------------------------------------------------------------- */

TUTTI_FORK_1(long, fib, int);
static TUTTI_NODE long fib_node(tutti_at at, int n)
{
    fib_fork(&at, n - 1);
    long b = fib(at, n - 2);
    return fib_join(&at) + b;
}
static inline long fib(tutti_at at, int n)
{
    return n < 2 ? n : fib_node(at, n);
}
static long fib_serial(int n)
{
    return n < 2 ? n : fib_serial(n - 1) + fib_serial(n - 2);
}

static int run_fib(void *arg)
{
    int n = *(int *)arg;
    CHECK_INT(fib(tutti_fork_here(), n), fib_serial(n));
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}

/* Run fn(arg) as a task on url. */
static void on(const char *url, tutti_fn *fn, void *arg)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, fn, arg), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(a_recursion_gives_what_it_gives_without_forks)
{
    int n[] = { 0, 1, 2, 25 };
    for (int i = 0; i < 4; i++)
        on(url, run_fib, &n[i]);
}

TUTTI_FORK_4(uint64_t, mixed, uint8_t, int64_t, double, const char *);
static uint64_t mixed(tutti_at at, uint8_t a, int64_t b, double c, const char *d)
{
    (void)at;
    return a + (uint64_t)b + (uint64_t)c + strlen(d);
}
static int run_mixed(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    mixed_fork(&at, 200, -100, 1.5e9, "four");
    tutti_yield(); /* maybe elsewhere */
    CHECK_INT(mixed_join(&at), 1500000104);
    return 0;
}
ON_URLS(arguments_of_any_kind_arrive)
{
    on(url, run_mixed, NULL);
}

/* --- more than a strand holds ---------------------------------------------------- */

TUTTI_FORK_2(long, wide, int, int);
static long wide(tutti_at at, int width, int depth)
{
    if (depth == 0)
        return width;
    long sum = 0;
    for (int i = 0; i < width; i++)
        wide_fork(&at, i, depth - 1);
    for (int i = 0; i < width; i++)
        sum += wide_join(&at);
    return sum;
}
static int run_wide(void *unused)
{
    (void)unused;
    static const int widths[] = { 1, 250, 251, 252, 253, 504, 5000 };
    for (int i = 0; i < 7; i++) {
        long w = widths[i];
        CHECK_INT(wide(tutti_fork_here(), widths[i], 1), w * (w - 1) / 2);
    }
    CHECK_INT(wide(tutti_fork_here(), 300, 2), 300l * 299 * 298 / 6);
    return 0;
}
ON_URLS(a_full_strand_goes_on_in_another)
{
    on(url, run_wide, NULL);
}

/* --- waiting inside ---------------------------------------------------------------- */

/* Every 1000th node receives; each value arrives once. */
static tutti_chan *feed;
TUTTI_FORK_2(long, tree, int, long);
static TUTTI_NODE long tree_node(tutti_at at, int n, long id)
{
    long mine = 1;
    if (id % 1000 == 0) {
        long value;
        CHECK_INT(tutti_chan_recv(feed, &value), 1);
        mine += value;
    }
    if (n < 2)
        return mine;
    tree_fork(&at, n - 1, 2 * id + 1);
    mine += tree(at, n - 2, 2 * id + 2);
    return tree_join(&at) + mine;
}
static inline long tree(tutti_at at, int n, long id)
{
    return tree_node(at, n, id);
}
static long tree_serial(int n, long id, long *receives)
{
    *receives += id % 1000 == 0;
    return n < 2 ? 1 : 1 + tree_serial(n - 1, 2 * id + 1, receives)
                           + tree_serial(n - 2, 2 * id + 2, receives);
}
static int tree_feeder(void *arg)
{
    for (long i = 1; i <= *(long *)arg; i++) {
        CHECK_INT(tutti_chan_send(feed, &i), 0);
        if (i % 7 == 0)
            tutti_yield();
    }
    return 0;
}
static int run_tree(void *unused)
{
    (void)unused;
    long receives = 0, nodes = tree_serial(20, 0, &receives);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    feed = NULL;
    CHECK_INT(tutti_chan_open(&feed, &s, sizeof(long), 4, NULL), 0);
    CHECK_INT(tutti_go(&s, tree_feeder, &receives), 0);
    long got = tree(tutti_fork_here(), 20, 0);
    CHECK_INT(got, nodes + receives * (receives + 1) / 2);
    return tutti_scope_close(&s);
}
ON_URLS(calls_may_wait_for_a_channel)
{
    on(url, run_tree, NULL);
}

/* All leaves wait for each other: nothing may be lost in a task that waits. */
static atomic_int arrived;
static tutti_event gate;
TUTTI_FORK_1(long, gated, int);
static long gated(tutti_at at, int n)
{
    if (n == 0) {
        atomic_fetch_add(&arrived, 1);
        CHECK_INT(tutti_event_wait(&gate), 0);
        return 1;
    }
    gated_fork(&at, n - 1);
    long b = gated(at, n - 1);
    return gated_join(&at) + b;
}
static int gate_opener(void *arg)
{
    urls_until(&arrived, *(int *)arg);
    tutti_event_set(&gate);
    return 0;
}
static int run_gated(void *arg)
{
    int depth = *(int *)arg, leaves = 1 << depth;
    arrived = 0;
    tutti_event_clear(&gate);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, gate_opener, &leaves), 0);
    CHECK_INT(gated(tutti_fork_here(), depth), leaves);
    return tutti_scope_close(&s);
}
ON_URLS(leaves_that_all_wait_for_each_other_finish)
{
    for (int depth = 1; depth < 9; depth += 2)
        on(url, run_gated, &depth);
}

/* A task woken by another thread is not kept waiting by one that only forks. */
static tutti_event woken;
static atomic_bool noted;
static int noter(void *unused)
{
    (void)unused;
    CHECK_INT(tutti_event_wait(&woken), 0);
    atomic_store(&noted, true);
    return 0;
}
static int run_until_noted(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, noter, NULL), 0);
    tutti_yield(); /* it waits now */
    tutti_event_set(&woken);
    while (!atomic_load(&noted)) {
        CHECK_INT(fib(tutti_fork_here(), 12), 144);
        tutti_yield();
    }
    return tutti_scope_close(&s);
}
ON_URLS(a_woken_task_gets_its_turn_beside_forks)
{
    tutti_event_clear(&woken);
    atomic_store(&noted, false);
    on(url, run_until_noted, NULL);
}

/* --- random trees -------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}
TUTTI_FORK_2(long, any, uint64_t, int);
struct closure {
    uint64_t seed;
    int depth;
    long result;
};
static int any_closure(void *arg)
{
    struct closure *c = arg;
    c->result = any(tutti_fork_here(), c->seed, c->depth);
    return 0;
}
static long any_serial(uint64_t s, int d)
{
    if (d == 0)
        return (long)(s & 1023);
    int kids = (int)(s % 5);
    long sum = 1;
    for (int i = 0; i < kids; i++)
        sum += any_serial(mix(s + (unsigned)i), d - 1);
    if ((s >> 20) % 16 == 0)
        sum += any_serial(mix(s + 77), d - 1) + any_serial(mix(s + 78), d - 1);
    if ((s >> 30) % 8 == 0)
        sum += any_serial(mix(s + 99), d - 1);
    return sum;
}
/* A function of a library, which was not handed the place. */
static long any_library(uint64_t s, int d)
{
    return any(tutti_fork_here(), s, d);
}
static long any_scope(uint64_t s, int d)
{
    struct closure c[2] = { { mix(s + 77), d - 1, 0 }, { mix(s + 78), d - 1, 0 } };
    TUTTI_SCOPE(scope, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(tutti_go(&scope, any_closure, &c[i]), 0);
    CHECK_INT(tutti_scope_close(&scope), 0);
    return c[0].result + c[1].result;
}
static void any_hog(uint64_t s)
{
    for (volatile int i = 0; i < (int)(s % 20000); i++)
        continue;
}
static long any(tutti_at at, uint64_t s, int d)
{
    volatile uint64_t canary = mix(s ^ 5);
    if (d == 0) {
        if ((s >> 10) % 32 == 0)
            tutti_yield();
        return (long)(s & 1023);
    }
    int kids = (int)(s % 5);
    long sum = 1;
    for (int i = 0; i < kids; i++)
        any_fork(&at, mix(s + (unsigned)i), d - 1);
    if ((s >> 20) % 16 == 0)
        sum += any_scope(s, d);
    if ((s >> 30) % 8 == 0)
        sum += any_library(mix(s + 99), d - 1);
    if ((s >> 40) % 64 == 0)
        tutti_yield();
    if ((s >> 46) % 64 == 0)
        any_hog(s);
    for (int i = 0; i < kids; i++)
        sum += any_join(&at);
    CHECK(canary == mix(s ^ 5));
    return sum;
}
static int run_any(void *unused)
{
    (void)unused;
    uint64_t seed = check_seed();
    for (int i = 0; i < 20; i++) {
        uint64_t s = mix(seed + (unsigned)i) | 4;
        int d = 5 + (int)(s >> 60) % 4;
        CHECK_INT(any(tutti_fork_here(), s, d), any_serial(s, d));
    }
    return 0;
}
ON_URLS(random_trees_with_scopes_yields_and_hogs)
{
    on(url, run_any, NULL);
}
TEST(random_trees_on_more_workers_than_there_are_processors)
{
    on("threads://12", run_any, NULL);
}
TEST(random_trees_on_several_tasks_at_once)
{
    tutti_executor *ex = urls_open("threads://3");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(tutti_go(&s, run_any, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- who may take ----------------------------------------------------------------------- */

/* A task that only forks and joins is heard by those who have nothing to do. */
static atomic_int taken;
TUTTI_FORK_1(int, take, int);
static int take(tutti_at at, int n)
{
    (void)at;
    return n ? atomic_fetch_add(&taken, n) : 0;
}
static int run_take(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    atomic_store(&taken, 0);
    take_fork(&at, 1);
    while (!atomic_load(&taken)) {
        take_fork(&at, 0);
        take_join(&at);
    }
    take_join(&at);
    return 0;
}
TEST(an_idle_worker_takes_what_a_busy_one_has_forked)
{
    on("threads://2", run_take, NULL);
    on("threads://5", run_take, NULL);
}

/* --- little work, then more -------------------------------------------------------- */

static pthread_t half_ran_on;
TUTTI_FORK_1(int, half, int);
static int half(tutti_at at, int spins)
{
    (void)at;
    half_ran_on = pthread_self();
    for (volatile int i = 0; i < spins; i++)
        continue;
    return spins;
}
static void two_halves(int spins)
{
    tutti_at at = tutti_fork_here();
    half_fork(&at, spins);
    for (volatile int i = 0; i < spins; i++)
        continue;
    CHECK_INT(half_join(&at), spins);
}
/* An only call that is too little to hand over is not offered for a while.  When there is
 * more in it, somebody takes it all the same. */
static int little_then_more(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50000; i++)
        two_halves(3);
    do
        two_halves(200000);
    while (pthread_equal(half_ran_on, pthread_self()));
    return 0;
}
TEST(an_only_call_is_offered_again_when_it_grows)
{
    for (int i = 0; i < 3; i++)
        on("threads://2", little_then_more, NULL);
}

/* --- being cut off ------------------------------------------------------------------------ */

static atomic_int begun;
TUTTI_FORK_1(long, endless, int);
static long endless(tutti_at at, int n)
{
    atomic_fetch_add(&begun, 1);
    if (n == 0)
        return 1;
    endless_fork(&at, n - 1);
    long b = endless(at, n - 1);
    return endless_join(&at) + b;
}
/* Some 2^60 calls, so only being cut off can end it. */
static int run_endless(void *arg)
{
    int want = *(int *)arg;
    endless(tutti_fork_here(), 60);
    CHECK_INT(tutti_fork_check(), want);
    CHECK_INT(tutti_check(), want);
    return want;
}
static int canceller(void *arg)
{
    urls_until(&begun, 1000);
    tutti_scope_cancel(arg);
    return 0;
}
static int run_cancelled(void *unused)
{
    (void)unused;
    int want = -ECANCELED;
    atomic_store(&begun, 0);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, run_endless, &want), 0);
    CHECK_INT(tutti_go(&s, canceller, &s), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(fib(tutti_fork_here(), 10), 55); /* what comes after is whole */
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}
TEST(a_scope_that_is_cancelled_ends_what_was_forked_in_it)
{
    on("threads://2", run_cancelled, NULL);
    on("threads://4", run_cancelled, NULL);
}
static int run_expired(void *unused)
{
    (void)unused;
    atomic_store(&begun, 0);
    TUTTI_SCOPE(s, NULL, tutti_after(20 * TUTTI_MS), 0);
    endless(tutti_fork_here(), 60);
    CHECK_INT(tutti_fork_check(), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    CHECK_INT(fib(tutti_fork_here(), 10), 55);
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}
ON_URLS(a_deadline_ends_what_was_forked_under_it)
{
    on(url, run_expired, NULL);
}
TEST(a_task_cancelled_alone_ends_what_it_forked)
{
    int want = -ECANCELED;
    tutti_executor *ex = urls_open("threads://3");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    atomic_store(&begun, 0);
    tutti_future alone;
    CHECK_INT(tutti_spawn(&s, run_endless, &want, NULL, &alone), 0);
    urls_until(&begun, 1000);
    tutti_future_cancel(alone); /* from here: its calls keep all workers busy */
    CHECK_INT(tutti_future_await(alone, NULL), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}
/* Calls that are parked hear of it as other waits do. */
TUTTI_FORK_1(int, hears, int);
static int hears(tutti_at at, int n)
{
    if (n == 0) {
        atomic_fetch_add(&begun, 1);
        return tutti_event_wait(&gate);
    }
    hears_fork(&at, n - 1);
    int a = hears(at, n - 1), b = hears_join(&at);
    return a == b || b == 0 ? a : -EINVAL; /* 0: it never began */
}
static int run_hears(void *unused)
{
    (void)unused;
    CHECK_INT(hears(tutti_fork_here(), 5), -ECANCELED);
    return 0;
}
ON_URLS(calls_that_wait_are_cut_off)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_event_clear(&gate);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    atomic_store(&begun, 0);
    CHECK_INT(tutti_go(&s, run_hears, NULL), 0);
    urls_until(&begun, 32);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- plain threads, fork() -------------------------------------------------------------- */

TEST(a_plain_thread_may_fork_too)
{
    int n = 20;
    run_fib(&n);
    CHECK_INT(wide(tutti_fork_here(), 600, 2), 600l * 599 * 598 / 6);
}
static void fork_in_region(tutti_at at)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        for (int i = 0; i < 2; i++)
            fib_join(&at); /* taken in the parent, maybe */
        int rc = tutti_fork_check();
        CHECK_INT(fib(tutti_fork_here(), 15), 610);
        _exit(rc == 0 || rc == -TUTTI_ELOST ? 0 : 1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
}
static int run_fork(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    for (int i = 0; i < 20; i++) {
        fib_fork(&at, 18);
        fib_fork(&at, 18);
        fib(at, 16);
        fork_in_region(at);
        CHECK_INT(fib_join(&at), 2584);
        CHECK_INT(fib_join(&at), 2584);
    }
    return 0;
}
ON_URLS(the_child_of_a_fork_in_the_middle_never_hangs)
{
    on(url, run_fork, NULL);
}

/* --- bad use ------------------------------------------------------------------------------ */

static int join_without_fork(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    return (int)fib_join(&at);
}
static int join_of_another(void *unused)
{
    (void)unused;
    tutti_task_name_set("confused");
    tutti_at at = tutti_fork_here();
    fib_fork(&at, 3);
    return (int)take_join(&at);
}
static int fork_without_join(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    fib_fork(&at, 3);
    return 0;
}
static int scope_closed_between(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_at at = tutti_fork_here();
    fib_fork(&at, 3);
    tutti_scope_close(&s);
    return (int)fib_join(&at);
}
static tutti_fn *wrong;
static void do_wrong(const char *url)
{
    on(url, wrong, NULL);
}
static void dies_of(tutti_fn *fn, const char *url, const char *words)
{
    char text[4096];
    wrong = fn;
    CHECK_INT(urls_dies(do_wrong, url, text, sizeof text), SIGABRT);
    CHECK_HAS(text, words);
}
ON_URLS(mistakes_are_named)
{
    dies_of(join_without_fork, url, "a join without a fork");
    dies_of(join_of_another, url, "confused: a join of take");
    dies_of(fork_without_join, url, "forked calls that were not joined");
    dies_of(scope_closed_between, url, "closed a scope before it joined");
}

/* --- one that computes and does not fork any more ----------------------------------------- */

static atomic_int others_ran;

static int hog_child(tutti_at at, int n);
TUTTI_FORK_1(int, hog_child, int);
static int hog_child(tutti_at at, int n)
{
    (void)at;
    atomic_fetch_add(&others_ran, 1);
    return n;
}

static int hog(void *arg)
{
    tutti_at at = tutti_fork_here();
    int sum = 0;
    for (int i = 1; i <= 300; i++) /* more than a segment has room for */
        hog_child_fork(&at, i);
    while (atomic_load(&others_ran) < 298)
        tutti_now(); /* lets a sanitizer's signals in */
    for (int i = 0; i < 300; i++)
        sum += hog_child_join(&at);
    CHECK_INT(sum, 300 * 301 / 2);
    (void)arg;
    return 0;
}

/* All but the two youngest are run by others while it computes; nothing but a signal could have
 * made them public. */
TEST(what_a_hog_has_forked_is_run_by_others)
{
    for (int i = 0; i < 3; i++) {
        others_ran = 0;
        CHECK_INT(tutti_run("threads://2", hog, NULL), 0);
        CHECK_INT(others_ran, 300);
    }
}

TEST_MAIN
