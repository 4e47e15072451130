/* tests/promise_test.c - futures that threads and signal handlers fulfil. */
#include "urls.h"
#include <pthread.h>

static tutti_bytes bytes_of(const void *data, size_t size)
{
    return (tutti_bytes){ data, size };
}

ON_URLS(the_first_to_fulfil_wins)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future f;
    tutti_outcome o = { .size = sizeof o };
    char value[41], got[41];
    memset(value, 'v', sizeof value);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (size_t n = 0; n <= 41; n += n ? 1 : 40) { /* 0, 40, 41 */
        CHECK_INT(tutti_promise(&s, &f), 0);
        CHECK_INT(tutti_future_done(f), 0);
        CHECK_INT(tutti_future_fulfil(f, 3, bytes_of(value, n)), 0);
        CHECK_INT(tutti_future_fulfil(f, 4, bytes_of(NULL, 0)), -EALREADY);
        CHECK_INT(tutti_future_fulfil(f, 4, bytes_of(value, 41)), -EALREADY);
        CHECK_INT(tutti_future_done(f), 1);
        CHECK_INT(tutti_future_take(f, got, n), 3);
        CHECK(!memcmp(got, value, n));
        CHECK_INT(tutti_future_fulfil(f, 4, bytes_of(NULL, 0)), -ESTALE);
    }
    CHECK_INT(tutti_promise(&s, &f), 0);
    CHECK_INT(tutti_future_fulfil(f, -EIO, bytes_of(NULL, 0)), 0);
    CHECK_INT(tutti_future_await(f, NULL), -EIO);
    CHECK_INT(tutti_future_outcome(f, &o), 0);
    CHECK_INT(o.end, TUTTI_FAILED);
    CHECK_INT(tutti_promise(&s, &f), 0);
    tutti_future_cancel(f);
    CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
    CHECK_INT(tutti_future_fulfil(f, 0, bytes_of(NULL, 0)), -EALREADY);
    CHECK_INT(tutti_promise(&s, &f), 0);
    tutti_future_release(f);
    CHECK_INT(tutti_future_fulfil(f, 0, bytes_of(NULL, 0)), -ESTALE);
    CHECK_INT(tutti_promise(&s, &f), 0);
    CHECK_INT(tutti_scope_close(&s), 0); /* a promise keeps no scope open */
    CHECK_INT(tutti_future_fulfil(f, 0, bytes_of(NULL, 0)), -ESTALE);
    CHECK_INT(tutti_promise(&s, &f), -EINVAL);
    CHECK_INT(tutti_promise(NULL, &f), -EINVAL);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0); /* one that failed and nobody looked at */
    CHECK_INT(tutti_promise(&s, NULL), -EINVAL);
    CHECK_INT(tutti_scope_next(&s, NULL), -EINVAL);
    CHECK_INT(tutti_promise(&s, &f), 0);
    CHECK_INT(tutti_future_fulfil(f, -EIO, bytes_of(NULL, 0)), 0);
    CHECK_INT(tutti_scope_close(&s), -EIO);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- closing while others wait or fulfil ---------------------------------- */

struct promise {
    tutti_future f;
    atomic_int ready, rc;
};

static void *await_promise(void *arg)
{
    struct promise *p = arg;
    atomic_store(&p->ready, 1);
    atomic_store(&p->rc, tutti_future_await(p->f, NULL));
    return NULL;
}

ON_URLS(closing_ends_a_promise_for_those_who_await_it)
{
    tutti_executor *ex = urls_open(url);
    for (int i = 0; i < 50; i++) {
        tutti_scope s;
        struct promise p = { .ready = 0 };
        pthread_t thread;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_promise(&s, &p.f), 0);
        CHECK_INT(pthread_create(&thread, NULL, await_promise, &p), 0);
        urls_until(&p.ready, 1);
        for (int k = 0; k < i; k++)
            tutti_yield();
        CHECK_INT(tutti_scope_close(&s), 0);
        pthread_join(thread, NULL);
        CHECK(p.rc == -ECANCELED || p.rc == -ESTALE);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int await_released(void *arg)
{
    struct promise *p = arg;
    atomic_store(&p->rc, tutti_future_await(p->f, NULL));
    return 0;
}

ON_URLS(who_awaits_what_another_releases_finds_it_stale)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    struct promise p = { .rc = 1 };
    tutti_scope_stats all = { .size = sizeof all };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_promise(&s, &p.f), 0);
    CHECK_INT(tutti_go(&s, await_released, &p), 0);
    while (tutti_scope_stat(&s, &all) == 0 && all.parked < 1)
        tutti_yield();
    tutti_future_release(p.f);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(p.rc, -ESTALE);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static void *fulfil_many(void *arg)
{
    struct promise *p = arg;
    uint64_t value[6] = { 1, 2, 3, 4, 5, 6 }; /* 48 bytes: needs memory */
    for (int i = 0; i < 2000; i++) {
        while (atomic_load(&p->ready) <= i)
            sched_yield();
        tutti_future f = p->f;
        int rc = tutti_future_fulfil(f, i, bytes_of(value, i & 1 ? 40 : 48));
        /* Closing or releasing it ends it first, and then makes it stale. */
        CHECK(rc == 0 || (i % 4 >= 2 && (rc == -ESTALE || rc == -EALREADY)));
        atomic_store(&p->rc, i + 1);
    }
    return NULL;
}

ON_URLS(a_foreign_thread_races_with_closing)
{
    tutti_executor *ex = urls_open(url);
    struct promise p = { .ready = 0 };
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, fulfil_many, &p), 0);
    for (int i = 0; i < 2000; i++) {
        tutti_scope s;
        tutti_future next;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_promise(&s, &p.f), 0);
        atomic_store(&p.ready, i + 1);
        if (i % 4 == 0)
            CHECK_INT(tutti_future_await(p.f, NULL), i);
        else if (i % 4 == 1)
            CHECK_INT(tutti_scope_next(&s, &next), 1);
        else if (i % 4 == 2)
            tutti_future_release(p.f);
        CHECK_INT(tutti_scope_close(&s), 0);
        while (atomic_load(&p.rc) <= i)
            sched_yield();
    }
    pthread_join(thread, NULL);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- from signal handlers ------------------------------------------------- */

static tutti_future signalled[64];
static atomic_int signals;

static void on_signal(int signum)
{
    (void)signum;
    int n = atomic_fetch_add(&signals, 1);
    char value[TUTTI_PROMISE_MAX];
    memset(value, n, sizeof value);
    if (tutti_future_fulfil(signalled[n % 64], n, bytes_of(value, sizeof value)) != 0)
        abort();
}

static int raiser(void *arg)
{
    (void)arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* workers leave signals to the program */
    raise(SIGUSR1);
    return 0;
}

static int await_signalled(void *arg)
{
    intptr_t i = (intptr_t)arg;
    tutti_bytes b;
    int n = tutti_future_await(signalled[i], &b);
    CHECK(n >= 0 && n % 64 == i && b.size == TUTTI_PROMISE_MAX);
    for (size_t k = 0; k < b.size; k++)
        CHECK(((const char *)b.data)[k] == (char)n);
    return 0;
}

ON_URLS(a_handler_fulfils_while_tasks_and_the_opener_await)
{
    tutti_executor *ex = urls_open(url);
    struct sigaction act = { .sa_handler = on_signal };
    sigaction(SIGUSR1, &act, NULL);
    for (int round = 0; round < 20; round++) {
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < 64; i++)
            CHECK_INT(tutti_promise(&s, &signalled[i]), 0);
        for (intptr_t i = 0; i < 64; i++)
            CHECK_INT(tutti_go(&s, await_signalled, (void *)i), 0);
        for (int i = 0; i < 64; i++) {
            if (i & 1)
                CHECK_INT(tutti_go(&s, raiser, NULL), 0);
            else
                raise(SIGUSR1);
        }
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(signals, 20 * 64);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static pthread_t target;
static atomic_int asked, shots;

static void on_shot(int signum)
{
    (void)signum;
    int n = atomic_load(&shots);
    if (n < atomic_load(&asked)
        && tutti_future_fulfil(signalled[n % 64], n, bytes_of(&n, sizeof n)) == 0)
        atomic_store(&shots, n + 1);
}

static void *shoot(void *arg)
{
    atomic_int *stop = arg;
    while (!atomic_load(stop)) { /* again until it hit: the first may come too early */
        if (atomic_load(&shots) < atomic_load(&asked))
            pthread_kill(target, SIGUSR2);
        sched_yield();
    }
    return NULL;
}

ON_URLS(a_handler_may_interrupt_the_calls_on_the_same_future)
{
    tutti_executor *ex = urls_open(url);
    struct sigaction act = { .sa_handler = on_shot };
    sigaction(SIGUSR2, &act, NULL);
    target = pthread_self();
    atomic_int stop = 0;
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, shoot, &stop), 0);
    tutti_time end = tutti_after(TUTTI_SEC / 2);
    for (int i = 0; tutti_now() < end; i++) {
        tutti_scope s;
        tutti_future f;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_promise(&s, &signalled[i % 64]), 0);
        f = signalled[i % 64];
        atomic_store(&asked, i + 1);
        if (i % 3 == 0) {
            while (tutti_future_done(f) == 0) /* in and out of its latch all the time */
                ;
            CHECK_INT(tutti_scope_next(&s, &f), 1);
        } else if (i % 3 == 1) {
            CHECK_INT(tutti_scope_next(&s, &f), 1);
        }
        CHECK_INT(tutti_future_await(f, NULL), i);
        while (atomic_load(&shots) <= i)
            ;
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    CHECK(shots > 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
