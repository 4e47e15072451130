/* tests/processes_many_test.c - a worker with ?inner= runs several tasks at once: they wait
 * for each other, are cancelled one by one, and a crash fails those that had begun alone. */
#include "processes.h"
#include <pthread.h>
#include <tutti/generate.h>
#include <tutti/shared.h>

enum { MANY = 24, STORM = 1500, MOST = STORM };

struct board {
    tutti_event go;
    tutti_mutex lock;
    tutti_counter began;
    long sum;
    _Atomic int starts[MOST], pid[MOST];
};

enum { WAIT, ABORT, KILL, EXIT, OVERFLOW, DEAF, COMPUTE, ADD, SLEEP, READ };
struct order {
    struct board *b;
    int i, what;
};

static int deep(volatile char *above)
{
    volatile char here[4096];
    here[0] = above[0];
    return above[0] == 1 ? 0 : deep(here) + here[0];
}

static int compute(int ms)
{
    int64_t until = tutti_after(ms * TUTTI_MS);
    while (tutti_now() < until)
        ;
    return 0;
}

static int perform(const struct order *in)
{
    struct board *b = in->b;
    int fd[2];
    char byte;
    b->pid[in->i] = getpid();
    b->starts[in->i]++;
    tutti_counter_add(&b->began, 1);
    switch (in->what) {
    case WAIT: return tutti_event_wait(&b->go);
    case SLEEP: return tutti_sleep_until(TUTTI_NEVER);
    case COMPUTE: return compute(3);
    case KILL: return kill(getpid(), SIGKILL);
    case EXIT: exit(3);
    case OVERFLOW: return deep(&(char){ 0 });
    case ABORT: abort();
    case DEAF:
        for (;;)
            compute(1000);
    case READ: /* ends with EINTR alone */
        return pipe(fd) || read(fd[0], &byte, 1) < 0 ? -errno : 0;
    case ADD:
        for (int k = 0; k < 100; k++) {
            tutti_mutex_lock(&b->lock);
            b->sum++;
            tutti_mutex_unlock(&b->lock);
        }
    }
    return 0;
}

TUTTI_TASK(one, "many.one", struct order, int);
static int one(const struct order *in, int *out)
{
    int rc = perform(in);
    *out = in->i * 3;
    return rc;
}
TUTTI_TASK_FLAGS(again, "many.again", struct order, int, TUTTI_IDEMPOTENT);
static int again(const struct order *in, int *out)
{
    return one(in, out);
}

struct home {
    tutti_executor *ex;
    tutti_scope s;
    struct board *b;
    tutti_future f[MOST];
};
static struct home home;

static void begin(const char *url)
{
    tutti_ref r;
    home.ex = processes_open_bounded(url);
    tutti_scope_open(&home.s, home.ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    home.b = tutti_share(&home.s, 1, sizeof *home.b, TUTTI_WRITE, &r);
    CHECK_INT(tutti_event_share(&home.s, &home.b->go), 0);
    CHECK_INT(tutti_mutex_share(&home.s, &home.b->lock), 0);
}
static void end(void)
{
    tutti_scope_close(&home.s);
    CHECK_INT(tutti_executor_close(home.ex), 0);
}
static void start(int i, int what)
{
    struct order o = { home.b, i, what };
    CHECK_INT(one_submit(&home.s, &o, &home.f[i]), 0);
}
static void until_began(int n)
{
    while (tutti_counter_get(&home.b->began) < n)
        tutti_sleep_until(tutti_after(TUTTI_MS));
}
static int take(int i)
{
    int out = -1, rc = tutti_future_take(home.f[i], &out, sizeof out);
    if (rc == 0)
        CHECK_INT(out, i * 3);
    return rc;
}

static const char *const urls[] = { "processes://1?inner=loop://",
                                    "processes://1?inner=threads://1",
                                    "processes://2?inner=threads://2" };
#define ON_EACH(u) for (size_t u = 0; u < sizeof urls / sizeof *urls; u++)

/* --- at once ------------------------------------------------------------------------------- */

TEST(tasks_that_wait_are_there_at_once)
{
    ON_EACH(u) {
        begin(urls[u]);
        for (int i = 0; i < MANY; i++)
            start(i, WAIT);
        until_began(MANY); /* one at a time would wait for ever */
        tutti_event_set(&home.b->go);
        for (int i = 0; i < MANY; i++)
            CHECK_INT(take(i), 0);
        end();
    }
}

/* Those that come later are not behind such as wait, even if there are more of them than a
 * worker can have been sent at once. */
TEST(those_that_wait_hold_nobody_up)
{
    enum { WAITERS = 3, OTHERS = 1200 };
    ON_EACH(u) {
        begin(urls[u]);
        for (int i = 0; i < WAITERS; i++)
            start(i, WAIT);
        until_began(WAITERS);
        for (int i = WAITERS; i < OTHERS; i++)
            start(i, i % 50 ? ADD : COMPUTE);
        for (int i = WAITERS; i < OTHERS; i++) {
            CHECK_INT(take(i), 0);
            CHECK_INT(home.b->starts[i], 1);
        }
        tutti_event_set(&home.b->go);
        for (int i = 0; i < WAITERS; i++)
            CHECK_INT(take(i), 0);
        end();
    }
}

TEST(more_that_wait_than_a_worker_can_be_sent)
{
    enum { ALL = 600 };
    begin("processes://2?inner=loop://");
    for (int i = 0; i < ALL; i++)
        start(i, WAIT);
    until_began(2 * 256);
    tutti_event_set(&home.b->go);
    for (int i = 0; i < ALL; i++)
        CHECK_INT(take(i), 0);
    end();
}

TUTTI_GENERATOR(numbers, "many.numbers", long, long);
static int numbers(const long *in, tutti_chan *to)
{
    int rc = 0;
    for (long i = 0; i < *in && rc == 0; i++)
        rc = numbers_give(to, &i);
    return rc;
}
TEST(generators_in_one_worker)
{
    enum { GENERATORS = 6 };
    ON_EACH(u) {
        long n = 50, x;
        tutti_items got[GENERATORS];
        begin(urls[u]);
        for (int i = 0; i < GENERATORS; i++)
            CHECK_INT(numbers_start(&home.s, &n, 3, &got[i]), 0);
        for (long k = 0; k < n; k++)
            for (int i = 0; i < GENERATORS; i++) {
                CHECK_INT(numbers_next(&got[i], &x), 1);
                CHECK_INT(x, k);
            }
        for (int i = 0; i < GENERATORS; i++)
            CHECK_INT(numbers_next(&got[i], &x), 0);
        end();
    }
}

TUTTI_TASK_BYTES(echo, "many.echo");
static int echo(tutti_bytes in, tutti_out *out)
{
    tutti_sleep_until(tutti_after(TUTTI_MS));
    return tutti_put(out, in.data, in.size);
}
TEST(large_results_of_several_at_once)
{
    enum { SIZE = 300000 };
    static char text[SIZE];
    ON_EACH(u) {
        begin(urls[u]);
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < MANY; i++) {
                memset(text, 'a' + i, SIZE);
                CHECK_INT(tutti_submit(&home.s, &echo_task,
                                       (tutti_bytes){ text, SIZE - (size_t)i }, &home.f[i]), 0);
            }
            for (int i = 0; i < MANY; i++) {
                tutti_bytes b;
                CHECK_INT(tutti_future_await(home.f[i], &b), 0);
                memset(text, 'a' + i, SIZE);
                CHECK(b.size == SIZE - (size_t)i && !memcmp(b.data, text, b.size));
                tutti_future_release(home.f[i]);
            }
        }
        end();
    }
}

static int deep_enough(volatile char *above, int depth)
{
    volatile char here[1024];
    here[0] = above[0];
    return depth ? deep_enough(here, depth - 1) + here[0] : here[0];
}
TUTTI_TASK(dig, "many.dig", int, int);
static int dig(const int *in, int *out)
{
    *out = deep_enough(&(char){ 1 }, *in) > 0;
    return 0;
}
TEST(stack_says_how_much_each_has)
{
    int depth = 700, out = 0; /* of a kilobyte or two */
    begin("processes://1?inner=threads://1&stack=4m");
    CHECK_INT(dig_call(&home.s, &depth, &out), 0);
    CHECK_INT(out, 1);
    end();
}

TEST(workers_are_recycled_with_what_they_have_begun)
{
    ON_EACH(u) {
        char url[80];
        snprintf(url, sizeof url, "%s&recycle=10", urls[u]);
        begin(url);
        for (int i = 0; i < 200; i++)
            start(i, i % 10 ? ADD : COMPUTE);
        for (int i = 0; i < 200; i++) {
            CHECK_INT(take(i), 0);
            CHECK_INT(home.b->starts[i], 1);
        }
        CHECK(home.b->pid[0] != home.b->pid[199]);
        end();
    }
}

TEST(what_is_wrong_with_the_inner_one_is_said_at_once)
{
    tutti_executor *ex;
    processes_needed();
    CHECK_INT(tutti_executor_open(&ex, "processes://1?inner=loop://?spares=3"), -EINVAL);
    CHECK_HAS(tutti_why(), "spares");
    CHECK_INT(tutti_executor_open(&ex, "processes://1?inner=threads://0"), -EINVAL);
    CHECK_HAS(tutti_why(), "threads://0");
}

/* --- ends ---------------------------------------------------------------------------------- */

TEST(one_of_them_is_cancelled)
{
    ON_EACH(u) {
        begin(urls[u]);
        for (int i = 0; i < MANY; i++)
            start(i, i == 7 ? SLEEP : WAIT);
        until_began(MANY);
        tutti_future_cancel(home.f[7]);
        CHECK_INT(take(7), -ECANCELED);
        for (int i = 0; i < MANY; i++)
            CHECK_INT(tutti_future_done(home.f[i]), i == 7 ? -ESTALE : 0);
        tutti_event_set(&home.b->go);
        for (int i = 0; i < MANY; i++)
            if (i != 7)
                CHECK_INT(take(i), 0);
        end();
    }
}

TEST(all_of_them_are_cancelled_and_nobody_is_killed)
{
    ON_EACH(u) {
        char url[80];
        tutti_scope s;
        tutti_future f;
        snprintf(url, sizeof url, "%s&grace-ms=50000", urls[u]);
        begin(url);
        tutti_scope_open(&s, home.ex, TUTTI_NEVER, 0);
        for (int i = 0; i < MANY; i++) {
            struct order o = { home.b, i, SLEEP };
            CHECK_INT(one_submit(&s, &o, &f), 0);
        }
        until_began(MANY);
        tutti_scope_cancel(&s);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(kill(home.b->pid[0], 0), 0);
        end();
    }
}

TEST(a_system_call_of_one_is_interrupted)
{
    begin("processes://1?inner=threads://2&grace-ms=400");
    start(0, WAIT);
    start(1, READ);
    until_began(2);
    tutti_future_cancel(home.f[1]);
    int rc = take(1);
    CHECK(rc == -ECANCELED || rc == -EINTR);
    tutti_event_set(&home.b->go);
    CHECK_INT(take(0), 0);
    end();
}

TEST(one_that_is_deaf_takes_the_others_along_and_they_are_told)
{
    begin("processes://1?inner=threads://2&grace-ms=50");
    start(0, WAIT);
    start(1, DEAF);
    until_began(2);
    tutti_future_cancel(home.f[1]);
    CHECK_INT(take(0), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "did not end when asked to");
    CHECK_INT(take(1), -ECANCELED);
    end();
}

/* --- crashes --------------------------------------------------------------------------------- */

static void crash_beside(const char *url, int what, const char *own, const char *others)
{
    begin(url);
    for (int i = 0; i < MANY; i++)
        start(i, WAIT);
    until_began(MANY);
    start(MANY, what);
    CHECK_INT(take(MANY), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), own);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(take(i), -TUTTI_ECRASH);
        CHECK_HAS(tutti_why(), others);
    }
    tutti_event_set(&home.b->go);
    start(0, WAIT); /* the next worker is well */
    CHECK_INT(take(0), 0);
    end();
}

TEST(a_crash_fails_those_that_had_begun_and_names_whose_it_was)
{
    for (size_t u = 0; u < 2; u++) {
        crash_beside(urls[u], ABORT, "SIGABRT", "SIGABRT, of another task that it ran beside "
                                                "this: many.one, start 24");
        crash_beside(urls[u], KILL, "SIGKILL", "SIGKILL");
        crash_beside(urls[u], EXIT, "exit(3)", "exit(3)");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        crash_beside(urls[u], OVERFLOW, "its stack ran over", "of another task");
#endif
    }
}

/* Two run, the rest waits for their threads. */
TEST(what_had_not_begun_runs_elsewhere)
{
    unsigned seed = check_seed();
    begin("processes://1?inner=threads://2?spares=0");
    int crashed = 0, aborts = 0;
    for (int i = 0; i < 200; i++) {
        int what = check_random(&seed) % 40 ? COMPUTE : ABORT;
        aborts += what == ABORT;
        start(i, what);
    }
    for (int i = 0; i < 200; i++) {
        int rc = take(i);
        CHECK(rc == 0 || rc == -TUTTI_ECRASH);
        CHECK_INT(home.b->starts[i] <= 1, 1); /* 0: it had begun, but not come so far */
        CHECK(rc < 0 || home.b->starts[i] == 1);
        crashed += rc < 0;
    }
    CHECK(crashed >= aborts && crashed <= 2 * aborts);
    end();
}

TEST(idempotent_ones_run_again_and_are_not_blamed_for_others)
{
    begin("processes://1?inner=loop://");
    for (int i = 0; i <= MANY; i++) {
        struct order o = { home.b, i, i == MANY ? ABORT : WAIT };
        CHECK_INT(again_submit(&home.s, &o, &home.f[i]), 0);
    }
    CHECK_INT(take(MANY), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "quarantined: it has killed 3 workers");
    tutti_event_set(&home.b->go);
    for (int i = 0; i < MANY; i++)
        CHECK_INT(take(i), 0);
    end();
}

TEST(storm)
{
    static const int ways[] = { ABORT, KILL, EXIT };
    unsigned seed = check_seed();
    begin("processes://2?inner=threads://2");
    for (int i = 0; i < STORM; i++) {
        unsigned r = check_random(&seed) % 100;
        start(i, r < 2 ? ways[r + check_random(&seed) % 2] : r < 10 ? COMPUTE : ADD);
    }
    int crashed = 0;
    for (int i = 0; i < STORM; i++) {
        int rc = take(i);
        crashed += rc == -TUTTI_ECRASH;
        CHECK(rc == 0 || rc == -TUTTI_ECRASH);
        CHECK_INT(home.b->starts[i] <= 1, 1);
        CHECK(rc < 0 || home.b->starts[i] == 1);
    }
    CHECK(crashed >= STORM / 200); /* and those that waited beside them */
    end();
}
TEST_MAIN
