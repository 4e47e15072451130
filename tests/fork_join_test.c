/* fork_join_test.c - forked calls (src/sched/strand.c, steal.c): results, waiting inside,
 * scopes beside, cancellation, full strands, bad use; on every executor. */
#include "fork_common.h"
#include <tutti/sync.h>
#include <pthread.h>
#include <stdbool.h>

/* --- results ------------------------------------------------------------------- */

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
