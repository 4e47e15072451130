/* tests/gil_test.c - lock=interpreter: one task computes at a time, the lock changes hands every
 * few milliseconds even in the middle of a computation, and waiting lets it go. */
#include "urls.h"
#include <pthread.h>

static atomic_int computing, most;

/* Computes without a call for so long of this thread's CPU time. */
static void compute(int64_t span)
{
    struct timespec t;
    int64_t end = 0;
    do {
        for (volatile int i = 0; i < 2000; i++)
            ;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        int64_t now = t.tv_sec * TUTTI_SEC + t.tv_nsec;
        end = end ? end : now + span;
        if (now >= end)
            return;
    } while (1);
}

static int compute_40ms(void *arg)
{
    (void)arg;
    compute(40 * TUTTI_MS);
    return 0;
}

ON_URLS(computations_end_whoever_holds_the_lock)
{
    tutti_executor *ex = urls_open(url);
    tutti_executor_stats n = { .size = sizeof n };
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(tutti_go(&s, compute_40ms, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_stat(ex, &n), 0);
    if (strstr(url, "lock="))
        CHECK(n.handed >= 3); /* 160 ms of work for two threads */
    else
        CHECK_INT((long long)n.handed, 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int one_at_a_time(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        int now = atomic_fetch_add(&computing, 1) + 1;
        if (now > atomic_load(&most))
            atomic_store(&most, now);
        atomic_fetch_sub(&computing, 1);
        if (i % 100 == 0)
            tutti_yield();
    }
    return 0;
}

/* A holder that is stopped in between leaves a mark, so at most as many marks as threads
 * can be seen; without the lock so many would run.  What is sure: work is neither lost nor
 * doubled. */
TEST(the_lock_serializes_short_sections)
{
    tutti_executor *ex = urls_open("threads://4?lock=interpreter");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 16; i++)
        CHECK_INT(tutti_go(&s, one_at_a_time, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(computing, 0);
    CHECK(most >= 1 && most <= 4);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static atomic_int entered;

static int wait_inside(void *arg)
{
    atomic_fetch_add(&entered, 1);
    return tutti_sleep_until(*(tutti_time *)arg);
}

TEST(who_waits_does_not_hold_it)
{
    tutti_executor *ex = urls_open("threads://2?lock=interpreter");
    tutti_scope s;
    tutti_time when = tutti_after(20 * TUTTI_MS);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_go(&s, wait_inside, &when), 0);
    urls_until(&entered, 100); /* all are inside at the same time */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- the signal ----------------------------------------------------------- */

static atomic_int heard;

static void on_urgent(int signum)
{
    (void)signum;
    atomic_fetch_add(&heard, 1);
}

TEST(the_programs_own_handler_of_the_signal_is_kept)
{
    struct sigaction act = { .sa_handler = on_urgent }, now;
    sigaction(SIGURG, &act, NULL);
    tutti_executor *ex = urls_open("threads://2?lock=interpreter"),
                   *other = urls_open("threads://2?lock=interpreter");
    raise(SIGURG); /* meant for the program: this thread is in no pool */
    CHECK_INT(heard, 1);
    CHECK_INT(tutti_executor_close(ex), 0);
    raise(SIGURG);
    CHECK_INT(heard, 2);
    CHECK_INT(tutti_executor_close(other), 0);
    CHECK_INT(sigaction(SIGURG, NULL, &now), 0);
    CHECK(now.sa_handler == on_urgent);
}

static int allocate(void *arg)
{
    void *kept[16] = { NULL };
    for (int i = 0; i < 20000; i++) {
        free(kept[i % 16]);
        kept[i % 16] = malloc((size_t)(i * 37 % 3000));
        CHECK(kept[i % 16] != NULL);
    }
    for (int i = 0; i < 16; i++)
        free(kept[i]);
    return arg != NULL;
}

/* A thread may be stopped while it holds a lock of the C library that the next holder wants:
 * the lock must come back to it. */
TEST(a_thread_stopped_inside_malloc_gets_the_lock_back)
{
    tutti_executor *ex = urls_open("threads://4?lock=interpreter");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 12; i++)
        CHECK_INT(tutti_go(&s, allocate, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* The lock is handed over in a signal handler, whose frame with all registers is nearly as
 * large as the smallest stack: so it must not be on it. */
TEST(tasks_on_the_smallest_stacks_hand_the_lock_over)
{
    tutti_executor *ex = urls_open("threads://2?lock=interpreter&stack=16k");
    tutti_executor_stats n = { .size = sizeof n };
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 6; i++)
        CHECK_INT(tutti_go(&s, compute_40ms, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_stat(ex, &n), 0);
    CHECK(n.handed >= 3);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
