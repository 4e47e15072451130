/* tests/pool_test.c - workers that sleep and wake: nothing queued is ever slept over, whoever
 * queues it, and who has nothing to do costs nothing. */
#include "urls.h"
#include "base/latch.h"
#include "base/clock.h"
#include <pthread.h>
#include <sys/resource.h>

/* --- one at a time, with pauses ------------------------------------------- */

static _Atomic uint32_t bell; /* futex: tasks that ran */

static int ring_bell(void *arg)
{
    (void)arg;
    atomic_fetch_add(&bell, 1);
    futex_wake(&bell, 1);
    return 0;
}

/* The starter sleeps in the kernel, so the pool alone must bring the task about: a wake that
 * was lost is a hang. */
static void wait_bell(uint32_t want)
{
    uint32_t seen;
    while ((seen = atomic_load(&bell)) < want)
        futex_wait(&bell, seen, INT64_MAX);
}

static void one_at_a_time(const char *url, int rounds)
{
    tutti_executor *ex = urls_open(url);
    unsigned seed = check_seed();
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < rounds; i++) {
        CHECK_INT(tutti_go(&s, ring_bell, NULL), 0);
        wait_bell((uint32_t)i + 1);
        for (unsigned k = check_random(&seed) % 400; k; k--)
            spin_pause(); /* workers are at all stages of falling asleep */
        if (i % 16 == 0)
            usleep(200); /* and fast asleep */
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_task_from_outside_is_never_slept_over__1)
{
    one_at_a_time("threads://1", 6000);
}
TEST(a_task_from_outside_is_never_slept_over__2)
{
    one_at_a_time("threads://2", 6000);
}
TEST(a_task_from_outside_is_never_slept_over__4)
{
    one_at_a_time("threads://4", 4000);
}
TEST(a_task_from_outside_is_never_slept_over__locked)
{
    one_at_a_time("threads://2?lock=interpreter", 3000);
}

struct both {
    _Atomic uint32_t met;
};

static int meet(void *arg)
{
    struct both *b = arg;
    atomic_fetch_add(&b->met, 1);
    futex_wake(&b->met, 1);
    return 0;
}

/* Starts a task and blocks its worker until that has run: only another can run it. */
static int start_and_block(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        struct both b = { 0 };
        TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&s, meet, &b), 0);
        while (!atomic_load(&b.met))
            futex_wait(&b.met, 0, INT64_MAX);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    return 0;
}

TEST(a_task_started_by_a_busy_worker_wakes_another)
{
    CHECK_INT(tutti_run("threads://2", start_and_block, NULL), 0);
    CHECK_INT(tutti_run("threads://4", start_and_block, NULL), 0);
}

/* --- wakes ---------------------------------------------------------------- */

struct pong {
    tutti_future to, from;
};

static int answer(void *arg)
{
    struct pong *p = arg;
    int n = tutti_future_await(p->to, NULL);
    CHECK(n >= 0);
    CHECK_INT(tutti_future_fulfil(p->from, n + 1, (tutti_bytes){ NULL, 0 }), 0);
    return 0;
}

ON_URLS(a_parked_task_is_woken_from_anywhere)
{
    tutti_executor *ex = urls_open(url);
    for (int i = 0; i < 2000; i++) {
        tutti_scope s;
        struct pong p;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_promise(&s, &p.to), 0);
        CHECK_INT(tutti_promise(&s, &p.from), 0);
        CHECK_INT(tutti_go(&s, answer, &p), 0);
        if (i % 8 == 0)
            usleep(100);
        CHECK_INT(tutti_future_fulfil(p.to, i, (tutti_bytes){ NULL, 0 }), 0);
        CHECK_INT(tutti_future_await(p.from, NULL), i + 1);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* fn as the one task of an executor of its own, which it gets. */
static void one_on(const char *url, tutti_fn *fn)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, fn, ex), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* A burst that its own worker is through with before a sleeper could come wakes nobody, once
 * that has been seen; and one that takes long still gets help, as the cases above show. */
static int nothing_much(void *arg)
{
    return arg != NULL;
}

static int short_bursts(void *arg)
{
    for (int i = 0; i < 4000; i++) {
        TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
        for (int k = 0; k < 4; k++)
            CHECK_INT(tutti_go(&s, nothing_much, NULL), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        if (i % 4 == 0)
            tutti_sleep_until(tutti_after(50000)); /* the others fall asleep */
    }
    tutti_executor_stats n = { .size = sizeof n };
    CHECK_INT(tutti_executor_stat(arg, &n), 0);
    CHECK(n.wakes < 2000);
    return 0;
}

TEST(short_bursts_wake_nobody)
{
    if (UNDER_TSAN || UNDER_ASAN)
        check_skip("a burst is not short under a sanitizer");
    one_on("threads://2", short_bursts);
}

/* Who wakes for a timer of its own wakes nobody else, and searches for nobody. */
static int sleep_often(void *arg)
{
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_sleep_until(tutti_after(TUTTI_MS)), 0);
    tutti_executor_stats n = { .size = sizeof n };
    CHECK_INT(tutti_executor_stat(arg, &n), 0);
    CHECK(n.wakes < 20);
    return 0;
}

TEST(a_timer_wakes_only_its_own_worker)
{
    one_on("threads://4", sleep_often);
}

/* A long sleep is one, however far ahead its end is. */
static int sleep_long(void *arg)
{
    tutti_executor_stats before = { .size = sizeof before }, after = before;
    CHECK_INT(tutti_sleep_until(tutti_after(20 * TUTTI_MS)), 0); /* all are asleep by now */
    CHECK_INT(tutti_executor_stat(arg, &before), 0);
    CHECK_INT(tutti_sleep_until(tutti_after(400 * TUTTI_MS)), 0);
    CHECK_INT(tutti_executor_stat(arg, &after), 0);
    CHECK(after.sleeps - before.sleeps <= 2);
    return 0;
}

TEST(a_long_sleep_is_one_sleep)
{
    one_on("threads://1", sleep_long);
}

/* --- idle ----------------------------------------------------------------- */

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
           + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return tutti_sleep_until(TUTTI_NEVER);
}

/* CPU time, not elapsed time, so other load does not matter. */
static void idle_costs_nothing(const char *url)
{
    if (getenv("CHECK_VALGRIND"))
        check_skip("most of the time would be valgrind's");
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, tutti_after(TUTTI_SEC + 50 * TUTTI_MS), 0);
    for (int i = 0; i < 50; i++)
        CHECK_INT(tutti_go(&s, sleep_for_ever, NULL), 0);
    CHECK_INT(tutti_sleep_until(tutti_after(50 * TUTTI_MS)), 0);
    double before = cpu_seconds();
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    double used = cpu_seconds() - before;
    if (used > 0.01)
        check_fail(__FILE__, __LINE__, "%s burnt %.4f s in an idle second", url, used);
    CHECK_INT(tutti_executor_close(ex), 0);
}

ON_URLS(an_idle_second_costs_less_than_a_hundredth)
{
    if (UNDER_TSAN || UNDER_ASAN)
        check_skip("a sanitizer has a thread of its own that wakes");
    idle_costs_nothing(url);
}

/* --- who runs where ------------------------------------------------------- */

static atomic_int inside;
static _Atomic uint32_t door;

static int stand_inside(void *arg)
{
    int want = (int)(intptr_t)arg;
    if (atomic_fetch_add(&inside, 1) + 1 == want) {
        atomic_store(&door, 1);
        futex_wake(&door, INT32_MAX);
    }
    while (!atomic_load(&door))
        futex_wait(&door, 0, INT64_MAX);
    return 0;
}

TEST(as_many_run_at_once_as_there_are_workers)
{
    static const struct {
        const char *url;
        int n;
    } pool[] = { { "threads://1", 1 }, { "threads://3", 3 }, { "threads://8", 8 } };
    for (int i = 0; i < 3; i++) {
        tutti_executor *ex = urls_open(pool[i].url);
        tutti_scope s;
        inside = 0;
        door = 0;
        CHECK_INT(tutti_executor_workers(ex), (unsigned)pool[i].n);
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int k = 0; k < pool[i].n; k++) /* each blocks its worker until all are inside */
            CHECK_INT(tutti_go(&s, stand_inside, (void *)(intptr_t)pool[i].n), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

static int identity(void *arg)
{
    pthread_t *self = arg;
    *self = pthread_self();
    for (int i = 0; i < 20; i++) {
        errno = i;
        CHECK_INT(tutti_sleep_until(tutti_after(10000)), 0);
        CHECK(pthread_equal(pthread_self(), *self)); /* once started it stays */
    }
    return 0;
}

ON_URLS(a_started_task_stays_on_its_thread)
{
    tutti_executor *ex = urls_open(url);
    pthread_t seen[40];
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 40; i++)
        CHECK_INT(tutti_go(&s, identity, &seen[i]), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    for (int i = 0; i < 40; i++)
        CHECK(!strcmp(url, "loop://") == !!pthread_equal(seen[i], pthread_self()));
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- closing ----------------------------------------------------------------- */

struct closing {
    _Atomic int there;  /* the task that runs on the other worker has begun */
    _Atomic int parked; /* the closer has given its worker away */
    _Atomic int closed;
};

static int end_elsewhere(void *arg)
{
    struct closing *c = arg;
    atomic_store(&c->there, 1);
    while (!atomic_load(&c->parked))
        spin_pause();
    return 0;
}

static int keep_busy(void *arg)
{
    struct closing *c = arg;
    atomic_store(&c->parked, 1);
    while (!atomic_load(&c->closed))
        tutti_yield(); /* the worker never looks for something to do */
    return 0;
}

static int close_inside(void *arg)
{
    struct closing *c = arg;
    tutti_scope around, s;
    tutti_scope_open(&around, NULL, TUTTI_NEVER, 0);
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, end_elsewhere, c), 0);
    while (!atomic_load(&c->there)) /* it was taken: we do not let go of this worker */
        spin_pause();
    CHECK_INT(tutti_go(&around, keep_busy, c), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    atomic_store(&c->closed, 1);
    return tutti_scope_close(&around);
}

TEST(who_closes_hears_of_ends_elsewhere_though_its_worker_is_busy)
{
    for (int i = 0; i < 50; i++) {
        struct closing c = { 0 };
        CHECK_INT(tutti_run("threads://2", close_inside, &c), 0);
    }
}

enum { CLOSERS = 40, EACH = 7 };

static int breathe(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        tutti_yield();
    return 0;
}

static int close_many(void *arg)
{
    (void)arg;
    tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < EACH; i++)
        CHECK_INT(tutti_go(&s, breathe, NULL), 0);
    return tutti_scope_close(&s);
}

/* More closers at once than a worker keeps count of by itself. */
ON_URLS(many_scopes_close_at_once)
{
    tutti_executor *ex = urls_open(url);
    for (int k = 0; k < 20; k++) {
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < CLOSERS; i++)
            CHECK_INT(tutti_go(&s, close_many, NULL), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* A worker is told to go home at all stages of falling asleep. */
TEST(an_executor_of_one_worker_closes_while_that_falls_asleep)
{
    unsigned seed = check_seed();
    for (int i = 0; i < 800; i++) {
        tutti_executor *ex = urls_open("threads://1");
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&s, ring_bell, NULL), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        for (unsigned k = check_random(&seed) % 1000; k; k--)
            spin_pause();
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

TEST_MAIN
