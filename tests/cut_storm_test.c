/* tests/cut_storm_test.c - cancels that cross beginnings and ends, storms of them, and from
 * foreign threads: every task ends once, every scope closes. */
#include "urls.h"
#include <pthread.h>

static atomic_int parked;

/* --- cancels that cross beginnings and ends ------------------------------- */

static int quick(void *arg)
{
    int n = (int)(intptr_t)arg, rc = 0;
    for (int i = 0; i < n && rc == 0; i++)
        rc = i & 1 ? tutti_sleep_until(tutti_after(n * 10000)) : tutti_yield();
    return rc;
}

ON_URLS(a_cancel_that_crosses_the_beginning_or_the_end_is_heard_or_void)
{
    tutti_executor *ex = urls_open(url);
    unsigned seed = check_seed();
    int seen[2] = { 0, 0 };
    for (int round = 0; round < 60; round++) {
        tutti_scope s;
        tutti_future f[20];
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < 20; i++) {
            void *n = (void *)(intptr_t)(check_random(&seed) % 5);
            CHECK_INT(tutti_spawn(&s, quick, n, NULL, &f[i]), 0);
            if (check_random(&seed) % 2)
                tutti_future_cancel(f[check_random(&seed) % (unsigned)(i + 1)]);
        }
        for (int i = 0; i < 20; i++) {
            if (check_random(&seed) % 2)
                tutti_future_cancel(f[i]);
            int rc = tutti_future_await(f[i], NULL);
            CHECK(rc == 0 || rc == -ECANCELED);
            seen[rc < 0]++;
        }
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK(seen[0] > 0 && seen[1] > 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- storms --------------------------------------------------------------- */

struct storm {
    tutti_scope *s;
    tutti_future *f;
    unsigned seed;
    atomic_int *stop;
};

static void *cancel_at_random(void *arg)
{
    struct storm *storm = arg;
    while (!atomic_load(storm->stop)) {
        tutti_future_cancel(storm->f[check_random(&storm->seed) % 64]);
        usleep(check_random(&storm->seed) % 30);
    }
    return NULL;
}

static int tree(void *arg)
{
    int depth = (int)(intptr_t)arg, rc = tutti_yield();
    if (depth == 0 || rc < 0)
        return rc < 0 ? rc : tutti_sleep_until(tutti_after(20000));
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = tutti_go(&s, tree, (void *)(intptr_t)(depth - 1));
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

ON_URLS(in_a_storm_of_cancels_every_task_ends_once)
{
    tutti_executor *ex = urls_open(url);
    unsigned seed = check_seed();
    tutti_time end = tutti_after(TUTTI_SEC / 2);
    while (tutti_now() < end) {
        tutti_scope s;
        tutti_future f[64];
        atomic_int stop = 0;
        pthread_t thread[2];
        struct storm storm[2];
        tutti_scope_stats n = { .size = sizeof n };
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        for (int i = 0; i < 64; i++)
            CHECK_INT(tutti_spawn(&s, tree, (void *)(intptr_t)(i % 4), NULL, &f[i]), 0);
        for (int i = 0; i < 2; i++) {
            storm[i] = (struct storm){ &s, f, check_random(&seed) | 1, &stop };
            CHECK_INT(pthread_create(&thread[i], NULL, cancel_at_random, &storm[i]), 0);
        }
        for (int i = 0; i < 64; i++) {
            int rc = tutti_future_await(f[i], NULL);
            CHECK(rc == 0 || rc == -ECANCELED);
        }
        atomic_store(&stop, 1);
        for (int i = 0; i < 2; i++)
            pthread_join(thread[i], NULL);
        do {
            tutti_yield();
            CHECK_INT(tutti_scope_stat(&s, &n), 0);
        } while (n.live);
        CHECK_INT((long long)n.started, 64);
        CHECK_INT((long long)(n.succeeded + n.failed + n.cut), 64);
        CHECK_INT((long long)n.failed, 0);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

struct cancel_late {
    tutti_scope *s;
    unsigned pause;
    atomic_int done;
};

static void *cancel_after_a_while(void *arg)
{
    struct cancel_late *late = arg;
    for (unsigned i = 0; i < late->pause; i++)
        sched_yield();
    tutti_scope_cancel(late->s);
    atomic_store(&late->done, 1);
    return NULL;
}

ON_URLS(a_scope_cancelled_by_a_foreign_thread_at_any_moment_closes)
{
    tutti_executor *ex = urls_open(url);
    unsigned seed = check_seed();
    tutti_time end = tutti_after(TUTTI_SEC / 2);
    while (tutti_now() < end) {
        tutti_scope s;
        pthread_t thread;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        struct cancel_late late = { &s, check_random(&seed) % 40, 0 };
        CHECK_INT(pthread_create(&thread, NULL, cancel_after_a_while, &late), 0);
        for (int i = 0; i < 16; i++)
            tutti_go(&s, tree, (void *)3);
        while (!atomic_load(&late.done)) /* its memory is ours until it has returned */
            tutti_yield();
        CHECK_INT(tutti_scope_close(&s), 0);
        pthread_join(thread, NULL);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int sleep_for_ever(void *unused)
{
    (void)unused;
    atomic_fetch_add(&parked, 1);
    CHECK_INT(tutti_sleep_until(TUTTI_NEVER), -ECANCELED);
    return -ECANCELED;
}

/* The inner scope lies before the outer one in memory: who waits for both must not take
 * their latches in the order of addresses, since a cancel goes from the outer one in. */
ON_URLS(a_wait_for_nested_scopes_meets_their_cancel)
{
    tutti_executor *ex = urls_open(url);
    unsigned seed = check_seed();
    for (int i = 0; i < 150; i++) {
        tutti_scope s[2];
        pthread_t thread;
        parked = 0;
        tutti_scope_open(&s[1], ex, TUTTI_NEVER, 0);
        tutti_scope_open(&s[0], ex, TUTTI_NEVER, 0);
        for (int k = 0; k < 20; k++)
            tutti_go(&s[k % 2], sleep_for_ever, NULL);
        urls_until(&parked, 20);
        tutti_sleep_until(0); /* the tasks of a loop are parked now */
        struct cancel_late late = { &s[1], check_random(&seed) % 10, 0 };
        CHECK_INT(pthread_create(&thread, NULL, cancel_after_a_while, &late), 0);
        tutti_case k[] = { tutti_on_empty(&s[1]), tutti_on_empty(&s[0]), tutti_on_none() };
        while (!atomic_load(&late.done) && tutti_wait(k, 3) == 2)
            ;
        pthread_join(thread, NULL);
        CHECK_INT(tutti_scope_close(&s[0]), -ECANCELED);
        CHECK_INT(tutti_scope_close(&s[1]), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
