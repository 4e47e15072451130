/* tests/monitor_test.c - workers that are stuck: others go on, nothing is lost, and what may
 * block begins beside the workers. */
#include "urls.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <tutti/fork.h>
#include <tutti/sync.h>

static void sem_take(sem_t *s)
{
    while (sem_wait(s))
        CHECK_INT(errno, EINTR);
}

/* --- all workers are stuck ------------------------------------------------------ */

static sem_t gate;
static atomic_int flag, inside, ran;

static int block(void *arg)
{
    (void)arg;
    atomic_fetch_add(&inside, 1);
    sem_take(&gate); /* in the kernel, unknown to tutti */
    return 0;
}

static int compute(void *arg)
{
    (void)arg;
    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&flag))
        getpid(); /* a call that lets a sanitizer's signals in */
    return 0;
}

static int let_all_go(void *arg)
{
    atomic_fetch_add(&ran, 1);
    atomic_store(&flag, 1);
    for (intptr_t i = (intptr_t)arg; i; i--)
        sem_post(&gate);
    return 0;
}

/* `stuck` tasks that only another task can let go: without help it would never begin. */
static void stuck_until_another_runs(const char *url, tutti_fn *fn, int stuck)
{
    tutti_executor *ex = urls_open(url);
    for (int round = 0; round < 3; round++) {
        sem_init(&gate, 0, 0);
        inside = flag = ran = 0;
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < stuck; i++)
            CHECK_INT(tutti_go(&s, fn, NULL), 0);
        urls_until(&inside, stuck);
        CHECK_INT(tutti_go(&s, let_all_go, (void *)(intptr_t)stuck), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(ran, 1);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(others_begin_while_all_workers_block)
{
    stuck_until_another_runs("threads://2", block, 2);
    stuck_until_another_runs("threads://1?spares=1", block, 1);
}
TEST(others_begin_while_all_workers_compute)
{
    stuck_until_another_runs("threads://2", compute, 2);
    stuck_until_another_runs("threads://1?spares=1", compute, 1);
}
TEST(a_spare_that_is_stuck_as_well_gets_another)
{
    stuck_until_another_runs("threads://2", block, 12);
    stuck_until_another_runs("threads://2", compute, 3);
}

/* On the executor of the process, which nothing closes: ThreadSanitizer tells at the end of
 * this of threads that have ended and were not joined. */
TEST(spares_that_have_ended_are_joined)
{
    setenv("TUTTI_EXECUTOR", "threads://2?spares=8", 1);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    sem_init(&gate, 0, 0);
    inside = flag = ran = 0;
    for (int i = 0; i < 6; i++)
        CHECK_INT(tutti_go(&s, block, NULL), 0);
    urls_until(&inside, 6); /* four of them on spares */
    CHECK_INT(tutti_go(&s, let_all_go, (void *)6), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    struct timespec rest = { 4, 0 }; /* a second each, one after the other */
    if (UNDER_TSAN)
        nanosleep(&rest, NULL);
}

/* The task that lets it go is in the stuck worker's own deque. */
static int start_then_stick(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, let_all_go, (void *)1), 0);
    ((tutti_fn *)(uintptr_t)arg)(NULL);
    return tutti_scope_close(&s);
}

TEST(what_a_stuck_task_has_started_begins_elsewhere)
{
    tutti_fn *const fns[] = { block, compute };
    for (int i = 0; i < 6; i++) {
        sem_init(&gate, 0, 0);
        flag = 0;
        CHECK_INT(tutti_run(i < 4 ? "threads://2" : "threads://1?spares=4", start_then_stick,
                            (void *)(uintptr_t)fns[i % 2]), 0);
    }
}

/* What is injected while nothing runs but the stuck is seen too. */
static atomic_int at_once, most;

static int alone_here(void *arg)
{
    (void)arg;
    int now = atomic_fetch_add(&at_once, 1) + 1;
    if (now > atomic_load(&most))
        atomic_store(&most, now);
    usleep(3000);
    atomic_fetch_sub(&at_once, 1);
    return 0;
}

TEST(tasks_of_one_worker_take_turns_all_the_same)
{
    tutti_executor *ex = urls_open("threads://1");
    tutti_scope s;
    CHECK_STR(tutti_executor_url(ex), "threads://1");
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 30; i++)
        CHECK_INT(tutti_go(&s, alone_here, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(most, 1);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- a spare that began tasks keeps them ------------------------------------------ */

static tutti_event released;

static int stay(void *arg)
{
    pthread_t self = pthread_self();
    atomic_fetch_add(&ran, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_sleep_until(tutti_after(100000)), 0);
        CHECK(pthread_equal(self, pthread_self()));
    }
    CHECK_INT(tutti_event_wait(&released), 0);
    CHECK(pthread_equal(self, pthread_self()));
    (void)arg;
    return 0;
}

TEST(what_began_on_a_spare_stays_there_until_it_ends)
{
    tutti_executor *ex = urls_open("threads://2");
    tutti_scope s;
    sem_init(&gate, 0, 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(tutti_go(&s, block, NULL), 0);
    urls_until(&inside, 2);
    for (int i = 0; i < 50; i++)
        CHECK_INT(tutti_go(&s, stay, NULL), 0);
    urls_until(&ran, 50);
    sem_post(&gate);
    sem_post(&gate);
    for (int i = 0; i < 50; i++) /* the workers are back: these begin there */
        CHECK_INT(tutti_go(&s, stay, NULL), 0);
    urls_until(&ran, 100);
    tutti_event_set(&released);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- tasks that begin alone ---------------------------------------------------------- */

static pthread_t workers[8];
static atomic_int known;

static int know_worker(void *arg)
{
    workers[(intptr_t)arg] = pthread_self();
    atomic_fetch_add(&known, 1);
    while (atomic_load(&known) < 2) /* so that both run at once: a worker each */
        sched_yield();
    return 0;
}

struct one {
    pthread_t at;
    atomic_int *in;
};

static int stand_alone(void *arg)
{
    struct one *o = arg;
    o->at = pthread_self();
    atomic_fetch_add(o->in, 1);
    sem_take(&gate);
    return 0;
}

static void alone(const char *url, int n)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int in = 0;
    struct one one[16];
    sem_init(&gate, 0, 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (intptr_t i = 0; i < 2; i++)
        CHECK_INT(tutti_go(&s, know_worker, (void *)i), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_ALONE);
    for (int i = 0; i < n; i++) {
        one[i].in = &in;
        CHECK_INT(tutti_go(&s, stand_alone, &one[i]), 0);
    }
    urls_until(&in, n); /* all stand there at once */
    for (int i = 0; i < n; i++) {
        CHECK(!pthread_equal(one[i].at, workers[0]) && !pthread_equal(one[i].at, workers[1]));
        for (int k = 0; k < i; k++)
            CHECK(!pthread_equal(one[i].at, one[k].at));
    }
    for (int i = 0; i < n; i++)
        sem_post(&gate);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(declared_tasks_begin_on_a_spare_each)
{
    alone("threads://2", 1);
    known = 0;
    alone("threads://2", 16);
}

static int starts_nothing(void *arg)
{
    return arg != NULL;
}

static int meet(void *arg)
{
    tutti_barrier_wait(arg);
    return 0;
}

/* A spare that has rested for a second ends; the next task gets another. */
TEST(declared_tasks_begin_after_spares_have_ended)
{
    tutti_executor *ex = urls_open("threads://2");
    for (int i = 0; i < 3; i++) {
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_ALONE);
        for (int k = 0; k < 3; k++)
            CHECK_INT(tutti_go(&s, starts_nothing, NULL), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        if (i < 2)
            CHECK_INT(tutti_sleep_until(tutti_after(1700 * TUTTI_MS)), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* More of them than there are spares, and none can end before all have begun. */
TEST(declared_tasks_that_wait_for_each_other_all_begin)
{
    static const char *const urls[] = { "threads://2?spares=3", "threads://2?spares=0",
                                        "threads://1", "loop://" };
    for (int i = 0; i < 4; i++) {
        tutti_executor *ex = urls_open(urls[i]);
        tutti_scope s;
        tutti_barrier b;
        tutti_barrier_init(&b, 60);
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_ALONE);
        for (int k = 0; k < 60; k++)
            CHECK_INT(tutti_go(&s, meet, &b), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

static int starts_more(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    atomic_fetch_add(&ran, 1);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, depth & 1 ? TUTTI_ALONE : 0);
    for (int i = 0; depth && i < 3; i++)
        CHECK_INT(tutti_go(&s, starts_more, (void *)(depth - 1)), 0);
    return tutti_scope_close(&s);
}

TEST(declared_and_other_tasks_nest)
{
    CHECK_INT(tutti_run("threads://2", starts_more, (void *)5), 0);
    CHECK_INT(ran, 1 + 3 + 9 + 27 + 81 + 243);
}

static long fib(tutti_at at, int n);
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

static int fib_alone(void *arg)
{
    CHECK_INT(fib(tutti_fork_here(), 20), 6765);
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

TEST(forks_work_on_spares)
{
    tutti_executor *ex = urls_open("threads://2");
    for (int i = 0; i < 5; i++) {
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_ALONE);
        for (int k = 0; k < 10; k++)
            CHECK_INT(tutti_go(&s, fib_alone, &ran), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(ran, 50);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- much at once ---------------------------------------------------------------------- */

static int some_time(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg * 2654435761u + 1;
    int steps = (int)(check_random(&seed) % 4);
    for (int i = 0; i < steps; i++) {
        unsigned us = check_random(&seed) % 3000;
        tutti_time until = tutti_after(us * 1000);
        switch (check_random(&seed) % 4) {
        case 0:
            usleep(us);
            break;
        case 1:
            while (tutti_now() < until)
                continue;
            break;
        case 2:
            CHECK_INT(tutti_sleep_until(until), 0);
            break;
        default:
            tutti_yield();
        }
    }
    atomic_fetch_add(&ran, 1);
    return 0;
}

TEST(stress__blocking_computing_and_parking_mixed)
{
    unsigned seed = check_seed();
    static const char *const urls[] = { "threads://2", "threads://4?spares=5",
                                        "threads://1?spares=2" };
    for (int round = 0; round < 3; round++) {
        tutti_executor *ex = urls_open(urls[round]);
        tutti_scope s, own;
        ran = 0;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        tutti_scope_open(&own, ex, TUTTI_NEVER, TUTTI_ALONE);
        for (int i = 0; i < 400; i++) {
            tutti_scope *to = check_random(&seed) % 4 ? &s : &own;
            CHECK_INT(tutti_go(to, some_time, (void *)(uintptr_t)check_random(&seed)), 0);
        }
        CHECK_INT(tutti_scope_close(&own), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(ran, 400);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

TEST_MAIN
