/* tests/hook_lock_test.c - libtutti-hook: mutexes and conditions of pthreads held over calls
 * that park. */
#include "hook_common.h"
#include <pthread.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile int inside, turns, ready;

enum { TASKS = 10, ROUNDS = 20 };

static void mutex_of(int kind)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, kind);
    CHECK_INT(pthread_mutex_init(&mutex, &attr), 0);
}

/* What a library does that holds its lock over a call. */
static int hold_over_sleep(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        errno = 77;
        CHECK_INT(pthread_mutex_lock(&mutex), 0);
        CHECK_INT(errno, 77);
        CHECK_INT(inside++, 0);
        usleep(100);
        CHECK_INT(inside--, 1);
        turns++;
        CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    }
    return 0;
}

static int all_hold(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < TASKS; i++)
        tutti_go(&s, hold_over_sleep, NULL);
    int rc = tutti_scope_close(&s);
    CHECK_INT(turns, TASKS * ROUNDS);
    return rc;
}

TEST(a_mutex_held_over_a_park)
{
    alone(all_hold);
}

TEST(an_adaptive_mutex_held_over_a_park)
{
    mutex_of(PTHREAD_MUTEX_ADAPTIVE_NP);
    alone(all_hold);
}

TEST(a_recursive_mutex_keeps_tasks_apart)
{
    mutex_of(PTHREAD_MUTEX_RECURSIVE);
    alone(all_hold);
}

TEST(a_checking_mutex_keeps_tasks_apart)
{
    mutex_of(PTHREAD_MUTEX_ERRORCHECK);
    alone(all_hold);
}

TEST(a_mutex_held_over_a_park_on_two_threads)
{
    CHECK_INT(tutti_run("threads://2", all_hold, NULL), 0);
}

TEST(a_recursive_mutex_on_two_threads)
{
    mutex_of(PTHREAD_MUTEX_RECURSIVE);
    CHECK_INT(tutti_run("threads://2", all_hold, NULL), 0);
}

static void *thread_holds(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_INT(pthread_mutex_lock(&mutex), 0);
        CHECK_INT(inside++, 0);
        usleep(50);
        CHECK_INT(inside--, 1);
        CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    }
    return NULL;
}

TEST(a_mutex_shared_with_a_plain_thread)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, thread_holds, NULL), 0);
    alone(all_hold);
    pthread_join(thread, NULL);
}

static int lock_deep(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++)
        CHECK_INT(pthread_mutex_lock(&mutex), 0);
    usleep(1000);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    usleep(1000);
    ready = 1;
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return 0;
}

static int lock_after(void *unused)
{
    (void)unused;
    CHECK_INT(pthread_mutex_trylock(&mutex), EBUSY);
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    CHECK_INT(ready, 1);
    CHECK_INT(pthread_mutex_trylock(&mutex), 0);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return 0;
}

TEST(a_recursive_mutex_is_free_after_its_last_unlock)
{
    mutex_of(PTHREAD_MUTEX_RECURSIVE);
    pair_on("loop://", lock_deep, lock_after);
}

static int lock_twice(void *unused)
{
    (void)unused;
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    CHECK_INT(pthread_mutex_lock(&mutex), EDEADLK);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    if (!CHECK_TSAN) /* which would end it there */
        CHECK_INT(pthread_mutex_unlock(&mutex), EPERM);
    return 0;
}

TEST(a_checking_mutex_still_checks)
{
    mutex_of(PTHREAD_MUTEX_ERRORCHECK);
    alone(lock_twice);
}

static struct timespec in_ms(clockid_t clock, int ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static int lock_in_time(void *unused)
{
    (void)unused;
    struct timespec when = in_ms(CLOCK_REALTIME, 10);
    CHECK_INT(pthread_mutex_timedlock(&mutex, &when), ETIMEDOUT);
    when = in_ms(CLOCK_MONOTONIC, 10);
    CHECK_INT(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &when), ETIMEDOUT);
    when = in_ms(CLOCK_REALTIME, 100000);
    ready = 1;
    CHECK_INT(pthread_mutex_timedlock(&mutex, &when), 0);
    return 0;
}

static int hold_until_ready(void *unused)
{
    (void)unused;
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    while (!ready)
        usleep(1000);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return 0;
}

TEST(time_limits_of_locks_hold)
{
    pair_on("loop://", hold_until_ready, lock_in_time);
}

/* Locking is not cut off: a library has no answer to a lock that it cannot have. */
static int lock_cut(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_scope_cancel(&s);
    ready = 1;
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return 0;
}

TEST(a_lock_is_had_after_the_end_of_the_scope)
{
    pair_on("loop://", hold_until_ready, lock_cut);
}

/* --- conditions ------------------------------------------------------------------------- */

static int await_ready(void *unused)
{
    (void)unused;
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    while (!ready)
        CHECK_INT(pthread_cond_wait(&cond, &mutex), 0);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return 0;
}

static int make_ready(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    ready = 1;
    CHECK_INT(pthread_cond_signal(&cond), 0);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return 0;
}

TEST(a_condition_parks)
{
    pair_on("loop://", await_ready, make_ready);
}

static void *ready_on_thread(void *unused)
{
    make_ready(unused);
    return NULL;
}

TEST(a_condition_is_signalled_by_a_plain_thread)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, ready_on_thread, NULL), 0);
    alone(await_ready);
    pthread_join(thread, NULL);
}

static void *await_on_thread(void *unused)
{
    await_ready(unused);
    return NULL;
}

static int await_many(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < TASKS; i++)
        tutti_go(&s, await_ready, NULL);
    let_others();
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    ready = 1;
    CHECK_INT(pthread_cond_broadcast(&cond), 0);
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return tutti_scope_close(&s);
}

TEST(a_broadcast_wakes_tasks_and_threads)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, await_on_thread, NULL), 0);
    alone(await_many);
    pthread_join(thread, NULL);
}

static int await_in_time(void *unused)
{
    (void)unused;
    struct timespec when = in_ms(CLOCK_REALTIME, 10);
    CHECK_INT(pthread_mutex_lock(&mutex), 0);
    while (pthread_cond_timedwait(&cond, &mutex, &when) == 0)
        ;
    when = in_ms(CLOCK_MONOTONIC, 10);
    while (pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &when) == 0)
        ;
    CHECK_INT(pthread_mutex_unlock(&mutex), 0);
    return 0;
}

TEST(time_limits_of_conditions_hold)
{
    alone(await_in_time);
}
TEST_MAIN
