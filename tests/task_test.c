/* tests/task_test.c - starting tasks: who owns the argument, names, values of one task and of
 * one worker, turns, sleeping.  Blocking calls are in blocking_test.c. */
#include "urls.h"
#include <pthread.h>

/* --- who is the caller? --------------------------------------------------- */

static int is_somebody(void *arg)
{
    uintptr_t here = tutti_task_here(), *other = arg;
    CHECK(here != 0);
    tutti_yield();
    CHECK_INT(tutti_task_here() == here, 1);
    if (!*other)
        *other = here;
    else
        CHECK(*other != here); /* it is still there: see below */
    tutti_sleep_until(tutti_after(20 * TUTTI_MS));
    return 0;
}

static int is_nobody(void *unused)
{
    (void)unused;
    CHECK_INT(tutti_task_here(), 0);
    return 0;
}

static int two_of_them(void *unused)
{
    uintptr_t first = 0;
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_go(&s, is_somebody, &first);
    tutti_go(&s, is_somebody, &first);
    CHECK_INT(tutti_blocking(is_nobody, NULL, NULL), 0);
    return tutti_scope_close(&s);
}

TEST(task_here_tells_tasks_apart)
{
    CHECK_INT(tutti_task_here(), 0);
    CHECK_INT(tutti_run("loop://", two_of_them, NULL), 0);
    CHECK_INT(tutti_task_here(), 0);
}

/* --- whose is the argument? ----------------------------------------------- */

static atomic_int ran, dropped;

static int run_it(void *arg)
{
    CHECK(arg != NULL);
    atomic_fetch_add(&ran, 1);
    return 0;
}

static void drop_it(void *arg)
{
    CHECK(arg != NULL);
    atomic_fetch_add(&dropped, 1);
}

ON_URLS(an_argument_is_run_or_dropped_never_both)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future f;
    int thing;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_spawn(&s, run_it, &thing, drop_it, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), 0);
    CHECK_INT(ran, 1);
    CHECK_INT(dropped, 0);
    CHECK_INT(tutti_spawn(&s, NULL, &thing, drop_it, NULL), -EINVAL); /* cannot start */
    CHECK_INT(dropped, 1);
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_spawn(&s, run_it, &thing, drop_it, i & 1 ? &f : NULL), 0);
    tutti_scope_cancel(&s); /* some have run, the others never will */
    CHECK_INT(tutti_spawn(&s, run_it, &thing, drop_it, &f), -ECANCELED);
    tutti_outcome o = { .size = sizeof o };
    CHECK_INT(tutti_future_outcome(f, &o), 0);
    CHECK_INT(o.end, TUTTI_CUT);
    CHECK_INT(o.runs, 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(ran + dropped, 103);
    CHECK_INT(tutti_spawn(&s, run_it, &thing, drop_it, &f), -EINVAL); /* not open */
    CHECK_INT(tutti_spawn(NULL, run_it, &thing, drop_it, &f), -EINVAL);
    CHECK_INT(ran + dropped, 105);
    CHECK_INT(tutti_future_done(f), -EINVAL);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- names ---------------------------------------------------------------- */

static int named(tutti_bytes in, tutti_out *out);
TUTTI_TASK_BYTES(named, "task_test.named");
static int named(tutti_bytes in, tutti_out *out)
{
    (void)in;
    CHECK_STR(tutti_task_name(), "task_test.named");
    tutti_task_name_set("other");
    tutti_yield();
    CHECK_STR(tutti_task_name(), "other");
    tutti_task_name_set(NULL);
    CHECK_STR(tutti_task_name(), "task_test.named");
    tutti_task_name_set("left behind");
    return tutti_put(out, "", 1);
}

static int nameless(void *arg)
{
    (void)arg;
    CHECK_STR(tutti_task_name(), "closure"); /* whoever ran on this stack before */
    CHECK_STR(tutti_why(), "");
    tutti_task_name_set("a closure");
    return tutti_fail(0, "of no failure");
}

ON_URLS(a_task_has_its_own_name_and_words)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    CHECK_STR(tutti_task_name(), "thread");
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(tutti_submit(&s, &named_task, (tutti_bytes){ 0 }, NULL), 0);
        CHECK_INT(tutti_go(&s, nameless, NULL), 0);
    }
    CHECK_INT(tutti_scope_close(&s), 0);
    tutti_task_name_set("main");
    CHECK_STR(tutti_task_name(), "main");
    CHECK(tutti_task_find("task_test.named") == &named_task);
    CHECK(tutti_task_find("task_test.nobody") == NULL);
    CHECK(tutti_task_find(NULL) == NULL);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static void enrol_clash(const char *url)
{
    (void)url;
    static tutti_task again;
    again = named_task;
    again.next = NULL;
    tutti_enrol(&named_task); /* itself: fine */
    tutti_enrol(&again);
}

TEST(two_tasks_of_one_name_abort)
{
    char text[500];
    CHECK_INT(urls_dies(enrol_clash, "", text, sizeof text), SIGABRT);
    CHECK_HAS(text, "two tasks are called \"task_test.named\"");
}

/* --- one value for each task, one for each worker ------------------------- */

static atomic_int made, gone, worker_made, worker_gone;
static __thread int order[3], orders; /* of the drops of one task, which never changes thread */

static void *make_a(void)
{
    atomic_fetch_add(&made, 1);
    return malloc(1);
}
static void *make_none(void)
{
    return NULL;
}
static void drop_a(void *p)
{
    order[orders++ % 3] = 1;
    atomic_fetch_add(&gone, 1);
    free(p);
}
static tutti_local late;
static void drop_b(void *p)
{
    order[orders++ % 3] = 2;
    atomic_fetch_add(&gone, 1);
    free(p);
    CHECK(tutti_per_task(&late) != NULL); /* a drop may make another */
}
static void drop_late(void *p)
{
    order[orders++ % 3] = 3;
    atomic_fetch_add(&gone, 1);
    free(p);
}
static tutti_local a = { make_a, drop_a, { 0 } }, b = { make_a, drop_b, { 0 } },
                   none = { make_none, NULL, { 0 } }, late = { make_a, drop_late, { 0 } };

static void *make_worker(void)
{
    atomic_fetch_add(&worker_made, 1);
    tutti_yield(); /* others may come to the same worker's value meanwhile */
    return malloc(1);
}
static void drop_worker(void *p)
{
    atomic_fetch_add(&worker_gone, 1);
    free(p);
}
static tutti_local of_worker = { make_worker, drop_worker, { 0 } };

static int use_locals(void *arg)
{
    (void)arg;
    void *mine = tutti_per_task(&a), *its = tutti_per_worker(&of_worker);
    CHECK(mine && its);
    tutti_yield();
    CHECK(tutti_per_task(&a) == mine);
    CHECK(tutti_per_task(&b) != mine);
    CHECK(tutti_per_task(&none) == NULL);
    CHECK(tutti_per_worker(&of_worker) == its);
    orders = 0;
    return 0;
}

ON_URLS(locals_are_dropped_newest_first_with_their_task_or_worker)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 50; i++)
        CHECK_INT(tutti_go(&s, use_locals, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(made, 150);
    CHECK_INT(gone, 150);
    int kept = worker_made - worker_gone;
    CHECK(kept >= 1 && kept <= (int)tutti_executor_workers(ex)); /* one for each worker */
    CHECK_INT(tutti_executor_close(ex), 0);
    if (strcmp(url, "loop://")) /* a loop's worker is this thread, which goes on */
        CHECK_INT(worker_made, worker_gone);
}

static int check_order(void *arg)
{
    CHECK(tutti_per_task(&a) && tutti_per_task(&b));
    orders = 0;
    *(int **)arg = order;
    return 0;
}

TEST(drops_come_newest_first)
{
    tutti_executor *ex = urls_open("loop://");
    tutti_scope s;
    int *seen;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, check_order, &seen), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK(seen[0] == 2 && seen[1] == 3 && seen[2] == 1);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static void *thread_uses_locals(void *arg)
{
    use_locals(arg);
    return NULL;
}

TEST(on_a_plain_thread_both_live_as_long_as_it)
{
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, thread_uses_locals, NULL), 0);
    pthread_join(thread, NULL);
    CHECK_INT(made, 3);
    CHECK_INT(gone, 3);
    CHECK_INT(worker_made, 1);
    CHECK_INT(worker_gone, 1);
}

/* --- turns ---------------------------------------------------------------- */

static atomic_int flag;

static int yield_until_flag(void *arg)
{
    (void)arg;
    while (!atomic_load(&flag))
        CHECK_INT(tutti_yield(), 0);
    return 0;
}

static int raise_flag(void *arg)
{
    (void)arg;
    atomic_store(&flag, 1);
    return 0;
}

static int sleep_and_raise_flag(void *arg)
{
    CHECK_INT(tutti_sleep_until(tutti_after(TUTTI_MS)), 0);
    return raise_flag(arg);
}

ON_URLS(who_yields_lets_everybody_else_have_a_turn)
{
    tutti_executor *ex = urls_open(url);
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        tutti_scope s;
        flag = 0;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < 10; i++) /* more than there are workers */
            CHECK_INT(tutti_go(&s, yield_until_flag, NULL), 0);
        CHECK_INT(tutti_go(&s, sleeps ? sleep_and_raise_flag : raise_flag, NULL), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

static atomic_int woken;

static int sleep_and_count(void *arg)
{
    tutti_time when = *(tutti_time *)arg;
    CHECK_INT(tutti_sleep_until(when), 0);
    CHECK(tutti_now() >= when); /* never early */
    *(tutti_time *)arg = atomic_fetch_add(&woken, 1);
    return 0;
}

static int look_at_the_clock(void *arg)
{
    *(tutti_time *)arg = tutti_now();
    return 0;
}

/* Sleep until `lead` from now and later.  False: the first was due before all slept. */
static int sleep_in_order(tutti_executor *ex, tutti_time lead)
{
    tutti_scope s;
    tutti_time when[20], base = tutti_after(lead), all_sleep;
    woken = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 20; i++) {
        when[i] = base + (i * 7 % 20) * TUTTI_MS;
        CHECK_INT(tutti_go(&s, sleep_and_count, &when[i]), 0);
    }
    CHECK_INT(tutti_go(&s, look_at_the_clock, &all_sleep), 0); /* its turn is the last */
    CHECK_INT(tutti_scope_close(&s), 0);
    for (int i = 0; i < 20 && all_sleep < base; i++)
        CHECK_INT(when[i], i * 7 % 20);
    return all_sleep < base;
}

TEST(sleepers_wake_in_the_order_of_their_times)
{
    tutti_executor *ex = urls_open("loop://");
    tutti_time lead = 10 * TUTTI_MS;
    while (!sleep_in_order(ex, lead))
        lead *= 2; /* a slow machine */
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int sleep_a_bit(void *arg)
{
    tutti_time when = tutti_after((intptr_t)arg % 7 * 100000);
    CHECK_INT(tutti_sleep_until(when), 0);
    CHECK(tutti_now() >= when);
    return 0;
}

ON_URLS(thousands_sleep_at_once)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (intptr_t i = 0; i < 3000; i++)
        CHECK_INT(tutti_go(&s, sleep_a_bit, (void *)i), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
