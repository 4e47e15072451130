/* tests/cut_test.c - cancellation reaches every wait at every depth, one task alone, and no task
 * is lost whoever cancels when.  Shields and deadlines are in deadline_test.c. */
#include "urls.h"
#include <pthread.h>
#include <tutti/sync.h>

/* --- depth ---------------------------------------------------------------- */

enum { DEPTH = 12 };
static atomic_int parked, cut;

/* Scope in task in scope ..., and at the bottom a wait. */
static int dig(void *arg)
{
    int depth = (int)(intptr_t)arg, rc;
    tutti_scope a, b;
    if (depth == 0) {
        atomic_fetch_add(&parked, 1);
        rc = tutti_sleep_until(TUTTI_NEVER);
        CHECK_INT(rc, -ECANCELED);
        atomic_fetch_add(&cut, 1);
        return rc;
    }
    tutti_scope_open(&a, NULL, TUTTI_NEVER, 0);
    tutti_scope_open(&b, NULL, tutti_after(3600 * TUTTI_SEC), TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(depth & 1 ? &a : &b, dig, (void *)(intptr_t)(depth - 1)), 0);
    int one = tutti_scope_close(&b), two = tutti_scope_close(&a);
    rc = depth & 1 ? two : one;
    CHECK_INT(rc, -ECANCELED); /* a scope outside cut it */
    return rc;
}

ON_URLS(a_cancel_reaches_the_bottom)
{
    tutti_executor *ex = urls_open(url);
    for (int round = 0; round < 10; round++) {
        tutti_scope s;
        parked = cut = 0;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < 5; i++)
            CHECK_INT(tutti_go(&s, dig, (void *)(intptr_t)(DEPTH - i)), 0);
        urls_until(&parked, 5);
        tutti_scope_cancel(&s);
        CHECK_INT(tutti_check(), -ECANCELED);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(cut, 5);
        CHECK_INT(tutti_check(), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int dig_deep(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    if (depth == 0) {
        atomic_fetch_add(&parked, 1);
        return tutti_sleep_until(TUTTI_NEVER);
    }
    tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, dig_deep, (void *)(depth - 1)), 0);
    return tutti_scope_close(&s);
}

static int cancel_it(void *s)
{
    tutti_scope_cancel(s);
    return 0;
}

/* Neither hearing of a cancel nor bringing it down may take stack for each level. */
TEST(a_cancel_reaches_the_bottom_of_a_thousand_small_stacks)
{
    tutti_executor *ex = urls_open("threads://2?stack=16k");
    tutti_scope s, canceller;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&canceller, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&s, dig_deep, (void *)1000), 0);
    urls_until(&parked, 1);
    CHECK_INT(tutti_go(&canceller, cancel_it, &s), 0);
    while (tutti_check() == 0)
        tutti_yield();
    tutti_scope_close(&canceller);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- kinds of wait -------------------------------------------------------- */

static tutti_future promised;
static tutti_chan *empty, *full;
static tutti_event event;
static tutti_sem sem;
static tutti_scope *bystander;

static int wait_future(void)
{
    return tutti_future_await(promised, NULL);
}
static int wait_take(void)
{
    return tutti_future_take(promised, NULL, 0);
}
static int wait_recv(void)
{
    int item;
    return tutti_chan_recv(empty, &item);
}
static int wait_send(void)
{
    int item = 1;
    return tutti_chan_send(full, &item);
}
static int wait_event(void)
{
    return tutti_event_wait(&event);
}
static int wait_sem(void)
{
    return tutti_sem_down(&sem);
}
static int wait_time(void)
{
    return tutti_sleep_until(tutti_after(3600 * TUTTI_SEC));
}
static int wait_any(void)
{
    int item;
    tutti_case c[3] = { tutti_on_recv(empty, &item), tutti_on_done(promised),
                        tutti_on_time(TUTTI_NEVER) };
    return tutti_wait(c, 3);
}
static int never(void *arg)
{
    (void)arg;
    return tutti_sleep_until(TUTTI_NEVER);
}
static int wait_next(void)
{
    tutti_future f;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_promise(&s, &f), 0); /* a task would be cut, finish and be next */
    return tutti_scope_next(&s, &f);
}
static int wait_limit(void)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_scope_limit(&s, 1);
    int rc = tutti_go(&s, never, NULL); /* the cancel may be here already */
    return rc < 0 ? rc : tutti_go(&s, never, NULL);
}
static int wait_foreign_limit(void)
{
    return tutti_go(bystander, never, NULL);
}
/* Opens a scope at its limit for others, and keeps it so. */
static int keep_full(void *arg)
{
    TUTTI_SCOPE(side, NULL, TUTTI_NEVER, 0);
    tutti_scope_limit(&side, 1);
    CHECK_INT(tutti_go(&side, never, NULL), 0);
    bystander = &side;
    atomic_store((atomic_int *)arg, 1);
    return tutti_sleep_until(TUTTI_NEVER);
}
static void nothing(void *arg)
{
    (void)arg;
}
static atomic_int unblock;
static int blocks(void *arg)
{
    (void)arg;
    while (!atomic_load(&unblock))
        usleep(1000);
    return 7;
}
static int wait_blocking(void)
{
    return tutti_blocking(blocks, NULL, nothing);
}
static int wait_yielding(void)
{
    int rc;
    while ((rc = tutti_yield()) == 0)
        ;
    return rc;
}
static int wait_checking(void)
{
    int rc;
    while ((rc = tutti_check()) == 0)
        tutti_yield();
    return rc;
}

static int (*const waits[])(void) = {
    wait_future, wait_take,  wait_recv,          wait_send,     wait_event,    wait_sem,
    wait_time,   wait_any,   wait_next,          wait_limit,    wait_foreign_limit,
    wait_blocking, wait_yielding, wait_checking,
};
enum { WAITS = sizeof waits / sizeof *waits };

static int wait_kind(void *arg)
{
    int kind = (int)(intptr_t)arg, rc;
    atomic_fetch_add(&parked, 1);
    {
        TUTTI_SCOPE(inner, NULL, TUTTI_NEVER, 0);
        rc = waits[kind]();
    }
    if (rc != -ECANCELED)
        check_fail(__FILE__, __LINE__, "wait %d gave %d", kind, rc);
    CHECK_INT(tutti_check(), -ECANCELED);
    atomic_fetch_add(&cut, 1);
    return rc;
}

ON_URLS(every_kind_of_wait_can_be_cut)
{
    tutti_executor *ex = urls_open(url);
    int item = 1;
    tutti_scope outer, s;
    tutti_future keeper;
    atomic_int kept = 0;
    tutti_scope_open(&outer, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_promise(&outer, &promised), 0);
    CHECK_INT(tutti_chan_open(&empty, &outer, sizeof(int), 1, NULL), 0);
    CHECK_INT(tutti_chan_open(&full, &outer, sizeof(int), 1, NULL), 0);
    CHECK_INT(tutti_chan_send(full, &item), 0);
    CHECK_INT(tutti_spawn(&outer, keep_full, &kept, NULL, &keeper), 0);
    urls_until(&kept, 1);
    for (int late = 0; late < 2; late++) {
        parked = cut = 0;
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        for (int i = 0; i < WAITS; i++)
            CHECK_INT(tutti_go(&s, wait_kind, (void *)(intptr_t)i), 0);
        urls_until(&parked, WAITS);
        for (int i = 0; i < (late ? 200 : 0); i++) /* early: some are about to park */
            tutti_yield();
        tutti_scope_cancel(&s);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(cut, WAITS);
    }
    unblock = 1;
    CHECK_INT(tutti_future_done(promised), 0);
    tutti_future_cancel(keeper);
    CHECK_INT(tutti_scope_close(&outer), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- one task alone ------------------------------------------------------- */

static int opens_and_waits(void *arg)
{
    (void)arg;
    tutti_scope a;
    tutti_scope_open(&a, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&a, dig, (void *)3), 0);
    int rc = tutti_scope_close(&a);
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(tutti_check(), -ECANCELED);
    atomic_fetch_add(&cut, 1);
    return rc;
}

static int stays(void *arg)
{
    int rc = 0;
    atomic_fetch_add(&parked, 1);
    while (!atomic_load((atomic_int *)arg) && (rc = tutti_yield()) == 0)
        ;
    CHECK_INT(rc, 0);
    CHECK_INT(tutti_check(), 0);
    return 42;
}

ON_URLS(one_task_is_cancelled_with_what_it_opened_and_no_other)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future doomed, other;
    atomic_int go_on = 0;
    parked = cut = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_spawn(&s, stays, &go_on, NULL, &other), 0);
    CHECK_INT(tutti_spawn(&s, opens_and_waits, NULL, NULL, &doomed), 0);
    urls_until(&parked, 2);
    tutti_future_cancel(doomed);
    CHECK_INT(tutti_future_await(doomed, NULL), -ECANCELED);
    tutti_outcome o = { .size = sizeof o };
    CHECK_INT(tutti_future_outcome(doomed, &o), 0);
    CHECK_INT(o.end, TUTTI_CUT);
    CHECK_INT(cut, 2);
    CHECK_INT(tutti_check(), 0);
    go_on = 1;
    CHECK_INT(tutti_future_await(other, NULL), 42);
    tutti_future_cancel(other); /* too late, and harmless */
    CHECK_INT(tutti_future_await(other, NULL), 42);
    CHECK_INT(tutti_scope_close(&s), 0); /* cancelled alone: not the scope's affair */
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int dropped;
static void drop(void *arg)
{
    (void)arg;
    dropped++;
}

TEST(a_task_cancelled_before_its_turn_never_runs)
{
    tutti_executor *ex = urls_open("loop://");
    tutti_scope s;
    tutti_future f;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_spawn(&s, dig, NULL, drop, &f), 0);
    tutti_future_cancel(f);
    CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
    tutti_outcome o = { .size = sizeof o };
    CHECK_INT(tutti_future_outcome(f, &o), 0);
    CHECK_INT(o.end, TUTTI_CUT);
    CHECK_INT(o.runs, 0);
    CHECK_INT(dropped, 1);
    CHECK_INT(parked, 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

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
            tutti_go(&s[k % 2], dig, NULL);
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
