/* tests/priority_test.c - two classes of tasks: the low one runs when nothing else can, and
 * yet is never starved; and nothing else is that a worker could begin. */
#include "urls.h"
#include <pthread.h>
#include <tutti/fork.h>
#include <tutti/sync.h>

/* --- the order ------------------------------------------------------------------ */

static char order[200];
static atomic_int placed;

static int note(void *arg)
{
    order[atomic_fetch_add(&placed, 1)] = (char)(intptr_t)arg;
    return 0;
}

static int noted(const char *in, tutti_none *out);
TUTTI_TASK_FLAGS(noted, "priority_test.noted", char, tutti_none, TUTTI_LOW);
static int noted(const char *in, tutti_none *out)
{
    (void)out;
    return note((void *)(intptr_t)*in);
}

/* On one worker, so turns are all that counts: low ones started first end last, but for the
 * turns that are theirs. */
static int low_first_started(void *arg)
{
    (void)arg;
    TUTTI_SCOPE(low, NULL, TUTTI_NEVER, TUTTI_LOW);
    TUTTI_SCOPE(high, NULL, TUTTI_NEVER, 0);
    placed = 0;
    for (int i = 0; i < 10; i++) {
        if (i % 2)
            CHECK_INT(noted_submit(&high, &(char){ 'l' }, NULL), 0);
        else
            CHECK_INT(tutti_go(&low, note, (void *)'l'), 0);
    }
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_go(&high, note, (void *)'h'), 0);
    CHECK_INT(tutti_scope_close(&high), 0);
    CHECK_INT(tutti_scope_close(&low), 0);
    CHECK_INT(placed, 30);
    int early = 0; /* low ones among the first twenty */
    for (int i = 0; i < 20; i++)
        early += order[i] == 'l';
    CHECK(early <= 2);
    return 0;
}

TEST(what_is_started_goes_before_what_is_low__loop)
{
    CHECK_INT(tutti_run("loop://", low_first_started, NULL), 0);
}
TEST(what_is_started_goes_before_what_is_low__threads_1)
{
    CHECK_INT(tutti_run("threads://1", low_first_started, NULL), 0);
}

/* --- those that were begun ---------------------------------------------------------- */

static tutti_event start;

static int wait_and_note(void *arg)
{
    CHECK_INT(tutti_event_wait(&start), 0);
    return note(arg);
}

static int low_first_waiting(void *arg)
{
    (void)arg;
    TUTTI_SCOPE(low, NULL, TUTTI_NEVER, TUTTI_LOW);
    TUTTI_SCOPE(high, NULL, TUTTI_NEVER, 0);
    placed = 0;
    tutti_event_clear(&start);
    for (int i = 0; i < 8; i++)
        CHECK_INT(tutti_go(&low, wait_and_note, (void *)'l'), 0);
    for (int i = 0; i < 70; i++) /* until all of them wait */
        tutti_yield();
    for (int i = 0; i < 8; i++)
        CHECK_INT(tutti_go(&high, wait_and_note, (void *)'h'), 0);
    for (int i = 0; i < 3000; i++)
        tutti_yield();
    tutti_event_set(&start);
    CHECK_INT(tutti_scope_close(&high), 0);
    CHECK_INT(tutti_scope_close(&low), 0);
    int early = 0;
    for (int i = 0; i < 8; i++)
        early += order[i] == 'l';
    CHECK(early <= 2);
    return 0;
}

TEST(what_is_woken_goes_before_what_is_low)
{
    CHECK_INT(tutti_run("loop://", low_first_waiting, NULL), 0);
    CHECK_INT(tutti_run("threads://1", low_first_waiting, NULL), 0);
}

/* --- the bound ---------------------------------------------------------------------- */

static atomic_int turns, low_turns, stop;

static int yields(void *arg)
{
    while (!atomic_load(&stop)) {
        atomic_fetch_add((atomic_int *)arg, 1);
        tutti_yield();
    }
    return 0;
}

static int yields_some(void *arg)
{
    for (int i = 0; i < 200; i++) {
        atomic_fetch_add(&low_turns, 1);
        tutti_yield();
    }
    (void)arg;
    atomic_store(&stop, 1);
    return 0;
}

/* Others never pause, on every worker; without a bound the low one would never end. */
ON_URLS(the_low_class_is_not_starved)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope high, low;
    turns = low_turns = stop = 0;
    tutti_scope_open(&high, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&low, ex, TUTTI_NEVER, TUTTI_LOW);
    for (int i = 0; i < 12; i++)
        CHECK_INT(tutti_go(&high, yields, &turns), 0);
    urls_until(&turns, 100);
    CHECK_INT(tutti_go(&low, yields_some, NULL), 0);
    CHECK_INT(tutti_scope_close(&low), 0);
    CHECK_INT(tutti_scope_close(&high), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* On one worker the share can be counted: one turn in 32, and not many more. */
static int count_share(void *arg)
{
    (void)arg;
    TUTTI_SCOPE(low, NULL, TUTTI_NEVER, TUTTI_LOW);
    TUTTI_SCOPE(high, NULL, TUTTI_NEVER, 0);
    turns = low_turns = stop = 0;
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_go(&high, yields, &turns), 0);
    CHECK_INT(tutti_go(&low, yields_some, NULL), 0);
    CHECK_INT(tutti_scope_close(&high), 0);
    CHECK_INT(tutti_scope_close(&low), 0);
    CHECK(turns >= 200 * 15);
    CHECK(turns <= 200 * 100);
    return 0;
}

TEST(it_gets_one_turn_in_some_thirty)
{
    CHECK_INT(tutti_run("loop://", count_share, NULL), 0);
    CHECK_INT(tutti_run("threads://1", count_share, NULL), 0);
}

/* --- nor is anything else -------------------------------------------------------------- */

static int ends_it(void *unused)
{
    (void)unused;
    atomic_store(&stop, 1);
    return 0;
}

/* Low ones that go on for ever do not keep another of their class from beginning. */
ON_URLS(a_low_one_begins_beside_low_ones_that_yield)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope low;
    turns = stop = 0;
    tutti_scope_open(&low, ex, TUTTI_NEVER, TUTTI_LOW);
    for (int i = 0; i < 12; i++)
        CHECK_INT(tutti_go(&low, yields, &turns), 0);
    urls_until(&turns, 100);
    CHECK_INT(tutti_go(&low, ends_it, NULL), 0);
    CHECK_INT(tutti_scope_close(&low), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* Starts itself again in the scope that it is given, until `stop`. */
static int again(void *scope)
{
    return atomic_load(&stop) ? 0 : tutti_go(scope, again, scope);
}

/* Tasks of a loop, on a worker that nobody steals from, beside those that it has queued. */
static int beside_a_loop(void *arg)
{
    (void)arg;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    stop = 0;
    CHECK_INT(tutti_go(&s, ends_it, NULL), 0);
    tutti_executor *loop = urls_open("loop://");
    tutti_scope on_loop;
    tutti_scope_open(&on_loop, loop, TUTTI_NEVER, 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_go(&on_loop, again, &on_loop), 0);
    CHECK_INT(tutti_scope_close(&on_loop), 0);
    CHECK_INT(tutti_executor_close(loop), 0);
    return tutti_scope_close(&s);
}

TEST(a_task_begins_beside_a_loop_of_the_same_worker)
{
    CHECK_INT(tutti_run("threads://1", beside_a_loop, NULL), 0);
}

/* More tasks than a worker's queue has room for, so some are always where those from outside
 * are; and a forked call that its own task waits for. */
static tutti_event begun;

TUTTI_FORK_1(int, tells, tutti_event *);
static int tells(tutti_at at, tutti_event *e)
{
    (void)at;
    tutti_event_set(e);
    return 0;
}

static int waits_for_its_call(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    tells_fork(&at, &begun);
    int rc = tutti_event_wait(&begun);
    tells_join(&at);
    atomic_store(&stop, 1);
    return rc;
}

ON_URLS(a_forked_call_begins_beside_tasks_without_end)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    stop = 0;
    tutti_event_clear(&begun);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 600; i++)
        CHECK_INT(tutti_go(&s, again, &s), 0);
    CHECK_INT(tutti_go(&s, waits_for_its_call, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- it is handed on ------------------------------------------------------------------- */

static int starts_two(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0); /* low, since its opener is */
    CHECK_INT(tutti_go(&s, note, (void *)'l'), 0);
    CHECK_INT(tutti_go(&s, note, (void *)'l'), 0);
    (void)arg;
    return tutti_scope_close(&s);
}

static int hand_on(void *arg)
{
    (void)arg;
    TUTTI_SCOPE(low, NULL, TUTTI_NEVER, TUTTI_LOW);
    placed = stop = turns = 0;
    for (int i = 0; i < 4; i++)
        CHECK_INT(tutti_go(&low, starts_two, NULL), 0);
    while (atomic_load(&placed) == 0)
        tutti_yield(); /* a low one has begun, and its own wait */
    TUTTI_SCOPE(high, NULL, TUTTI_NEVER, 0);
    int before = placed;
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_go(&high, note, (void *)'h'), 0);
    CHECK_INT(tutti_scope_close(&high), 0);
    CHECK(placed <= before + 20 + 3);
    return tutti_scope_close(&low);
}

TEST(what_a_low_one_starts_is_low)
{
    CHECK_INT(tutti_run("loop://", hand_on, NULL), 0);
    CHECK_INT(tutti_run("threads://1", hand_on, NULL), 0);
}

/* --- and nothing is lost ------------------------------------------------------------- */

static int some_work(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg | 1;
    for (unsigned i = check_random(&seed) % 6; i; i--)
        if (check_random(&seed) % 2)
            tutti_yield();
        else
            CHECK_INT(tutti_sleep_until(tutti_after(check_random(&seed) % 200000)), 0);
    atomic_fetch_add(&placed, 1);
    return 0;
}

ON_URLS(stress__both_classes_mixed)
{
    unsigned seed = check_seed();
    tutti_executor *ex = urls_open(url);
    tutti_scope high, low;
    placed = 0;
    tutti_scope_open(&high, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&low, ex, TUTTI_NEVER, TUTTI_LOW);
    for (int i = 0; i < 3000; i++)
        CHECK_INT(tutti_go(check_random(&seed) % 2 ? &high : &low, some_work,
                           (void *)(uintptr_t)check_random(&seed)), 0);
    CHECK_INT(tutti_scope_close(&low), 0);
    CHECK_INT(tutti_scope_close(&high), 0);
    CHECK_INT(placed, 3000);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
