/* tests/cut_test.c - cancellation reaches every wait at every depth, one task alone, and no task
 * is lost whoever cancels when.  Shields and deadlines are in deadline_test.c. */
#include "urls.h"
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

TEST_MAIN
