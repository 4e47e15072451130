/* fork_scope_test.c - which scope a forked call is of (src/sched/mark.c): when one that was
 * opened beside other forked calls is over, exactly what was forked in it is cut off. */
#include "urls.h"
#include <tutti/fork.h>
#include <tutti/sync.h>
#include <pthread.h>
#include <stdbool.h>

static void on(const char *url, tutti_fn *fn, void *arg)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, fn, arg), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}
static bool alone; /* nobody but the worker of the task itself runs what it forks */
static void on_each(const char *url, tutti_fn *fn)
{
    alone = !strcmp(url, "loop://") || !strcmp(url, "threads://1");
    on(url, fn, NULL);
}

/* --- calls to fork ------------------------------------------------------------------- */

static atomic_int begun;
static tutti_event gate;

/* Counts; gives what it was given. */
TUTTI_FORK_2(long, leaf, atomic_int *, long);
static long leaf(tutti_at at, atomic_int *n, long value)
{
    (void)at;
    atomic_fetch_add(n, 1);
    return value;
}
/* Waits for ever; gives why it does no more. */
TUTTI_FORK_1(int, waits, int);
static int waits(tutti_at at, int unused)
{
    (void)at;
    (void)unused;
    atomic_fetch_add(&begun, 1);
    return tutti_event_wait(&gate);
}
/* Some 2^60 calls. */
TUTTI_FORK_1(long, endless, int);
static long endless(tutti_at at, int n)
{
    atomic_fetch_add(&begun, 1);
    if (n == 0)
        return 1;
    endless_fork(&at, n - 1);
    long b = endless(at, n - 1);
    return endless_join(&at) + b;
}
static int canceller(void *scope)
{
    urls_until(&begun, 20);
    if (scope)
        tutti_scope_cancel(scope);
    return scope ? 0 : -EDOM;
}

/* --- what goes on in a branch, beside 9 calls forked outside --------------------------- */

enum { OUTSIDE = 9, INSIDE = 20 };
static void forks_outside(tutti_at *at, atomic_int *n)
{
    for (int i = 0; i < OUTSIDE; i++)
        leaf_fork(at, n, i);
}
static void joins_outside(tutti_at *at)
{
    for (int i = OUTSIDE; i-- > 0;)
        CHECK_INT(leaf_join(at), i);
    CHECK_INT(tutti_fork_check(), 0);
    CHECK_INT(tutti_check(), 0);
}
typedef void branch(tutti_at at);
TUTTI_FORK_1(int, branch_call, branch *);
static int branch_call(tutti_at at, branch *body)
{
    body(at);
    return 1;
}
static branch *body_now;
/* The branch runs here, or, where others want it, elsewhere; and once more inside a scope of
 * its own, above forks that are in none of it. */
static int beside(void *unused)
{
    (void)unused;
    for (int turn = 0; turn < 3; turn++) {
        atomic_int ran = 0;
        tutti_at at = tutti_fork_here();
        tutti_event_clear(&gate);
        begun = 0;
        forks_outside(&at, &ran);
        if (turn == 0) {
            body_now(at);
        } else if (turn == 1) {
            branch_call_fork(&at, body_now);
            tutti_yield(); /* may be taken now */
            CHECK_INT(branch_call_join(&at), 1);
        } else {
            TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
            tutti_at top = at;
            forks_outside(&top, &ran);
            body_now(top);
            joins_outside(&top);
            CHECK_INT(tutti_scope_close(&s), 0);
        }
        forks_outside(&at, &ran);
        joins_outside(&at);
        joins_outside(&at);
        CHECK_INT(ran, turn == 2 ? 3 * OUTSIDE : 2 * OUTSIDE);
    }
    return 0;
}
static void try_beside(const char *url, branch *body)
{
    body_now = body;
    on_each(url, beside);
}

/* It is cancelled before its calls are joined: what nobody has taken does not begin. */
static void cancels_itself(tutti_at at)
{
    atomic_int ran = 0;
    long sum = 0;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < INSIDE; i++)
        leaf_fork(&at, &ran, 1);
    tutti_scope_cancel(&s);
    for (int i = 0; i < INSIDE; i++)
        sum += leaf_join(&at);
    CHECK_INT(sum, ran);
    if (alone)
        CHECK_INT(ran, 0);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    tutti_scope_close(&s);
}
ON_URLS(calls_of_a_scope_that_is_cancelled_are_dropped_and_no_others)
{
    try_beside(url, cancels_itself);
}

/* Those that wait are woken, whoever runs them. */
static void is_cancelled_waiting(tutti_at at)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, canceller, &s), 0);
    for (int i = 0; i < INSIDE; i++)
        waits_fork(&at, 0);
    for (int i = 0; i < INSIDE; i++)
        CHECK_INT(waits_join(&at), -ECANCELED);
    CHECK_INT(begun, INSIDE);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
}
ON_URLS(calls_of_a_cancelled_scope_that_wait_are_cut_off)
{
    try_beside(url, is_cancelled_waiting);
}

static void has_a_deadline(tutti_at at)
{
    TUTTI_SCOPE(s, NULL, tutti_after(5 * TUTTI_MS), 0);
    endless(at, 60);
    CHECK_INT(tutti_fork_check(), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
}
ON_URLS(a_deadline_ends_what_was_forked_under_it_beside_others)
{
    try_beside(url, has_a_deadline);
}

static void has_a_failure(tutti_at at)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, canceller, NULL), 0);
    for (int i = 0; i < INSIDE; i++)
        waits_fork(&at, 0);
    for (int i = 0; i < INSIDE; i++)
        CHECK_INT(waits_join(&at), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), -EDOM);
}
ON_URLS(a_failure_in_a_scope_ends_what_was_forked_in_it)
{
    try_beside(url, has_a_failure);
}

/* Of three scopes in each other, the one in the middle. */
static void the_middle_one(tutti_at at)
{
    atomic_int ran = 0, middle = 0, inner = 0;
    TUTTI_SCOPE(a, NULL, TUTTI_NEVER, 0);
    forks_outside(&at, &ran);
    TUTTI_SCOPE(b, NULL, TUTTI_NEVER, 0);
    leaf_fork(&at, &middle, 7);
    TUTTI_SCOPE(c, NULL, TUTTI_NEVER, 0);
    leaf_fork(&at, &inner, 7);
    leaf_fork(&at, &inner, 7);
    tutti_scope_cancel(&b);
    CHECK_INT(leaf_join(&at) + leaf_join(&at), 7 * inner);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    CHECK_INT(tutti_scope_close(&c), -ECANCELED);
    CHECK_INT(leaf_join(&at), 7 * middle);
    if (alone)
        CHECK_INT(middle + inner, 0);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    CHECK_INT(tutti_scope_close(&b), 0);
    joins_outside(&at);
    CHECK_INT(ran, OUTSIDE);
    CHECK_INT(tutti_scope_close(&a), 0);
}
ON_URLS(a_cancel_reaches_inwards_and_not_outwards)
{
    try_beside(url, the_middle_one);
}

/* A shield keeps a cancel out, of calls as of waits. */
static void shielded(tutti_at at)
{
    atomic_int ran = 0, outer = 0;
    TUTTI_SCOPE(a, NULL, TUTTI_NEVER, 0);
    leaf_fork(&at, &outer, 5);
    TUTTI_SCOPE(b, NULL, tutti_after(60 * TUTTI_SEC), TUTTI_SHIELD);
    forks_outside(&at, &ran);
    tutti_scope_cancel(&a);
    joins_outside(&at);
    CHECK_INT(ran, OUTSIDE);
    CHECK_INT(tutti_scope_close(&b), 0);
    CHECK_INT(leaf_join(&at), 5 * outer);
    if (alone)
        CHECK_INT(outer, 0);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    tutti_scope_close(&a);
}
ON_URLS(a_shield_keeps_a_cancel_from_the_calls_forked_in_it)
{
    try_beside(url, shielded);
}

/* A scope that is closed by the end of its block outlives joins of calls forked before it. */
TUTTI_FORK_1(int, whole, atomic_int *);
static int whole(tutti_at at, atomic_int *n)
{
    leaf_fork(&at, n, 1);
    tutti_yield();
    CHECK_INT(tutti_check(), 0);
    return leaf_join(&at) == 1 && tutti_fork_check() == 0;
}
static void joined_inside(tutti_at at)
{
    atomic_int ran = 0, inside = 0, after = 0;
    whole_fork(&at, &ran);
    whole_fork(&at, &ran);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    leaf_fork(&at, &inside, 3);
    tutti_scope_cancel(&s);
    CHECK_INT(leaf_join(&at), 3 * inside);
    CHECK_INT(whole_join(&at), 1);
    CHECK_INT(whole_join(&at), 1);
    CHECK_INT(ran, 2);
    leaf_fork(&at, &after, 3); /* where those were */
    CHECK_INT(leaf_join(&at), 3 * after);
    if (alone)
        CHECK_INT(inside + after, 0);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    tutti_scope_close(&s);
}
ON_URLS(a_call_forked_outside_and_joined_inside_is_of_the_scope_outside)
{
    try_beside(url, joined_inside);
}

/* One that runs elsewhere. */
static void of_another(tutti_at at)
{
    tutti_executor *ex = urls_open("threads://1");
    atomic_int ran = 0;
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < INSIDE; i++)
        leaf_fork(&at, &ran, 1);
    CHECK_INT(tutti_go(&s, canceller, NULL), 0);
    begun = INSIDE;
    while (!tutti_check())
        tutti_yield();
    long sum = 0;
    for (int i = 0; i < INSIDE; i++)
        sum += leaf_join(&at);
    CHECK_INT(sum, ran);
    begun = 0;
    do /* who has ended the scope may not have told all yet */
        endless_fork(&at, 60);
    while (endless_join(&at));
    CHECK_INT(tutti_scope_close(&s), -EDOM);
    CHECK_INT(tutti_executor_close(ex), 0);
}
ON_URLS(a_scope_on_another_executor_ends_what_was_forked_in_it)
{
    try_beside(url, of_another);
}
/* Its end is heard of where only forks and joins are made. */
static void of_another_later(tutti_at at)
{
    tutti_executor *ex = urls_open("threads://1");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, canceller, &s), 0);
    endless(at, 60);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    tutti_scope_close(&s);
    CHECK_INT(tutti_executor_close(ex), 0);
}
ON_URLS(forks_hear_of_the_end_of_a_scope_on_another_executor)
{
    try_beside(url, of_another_later);
}

/* More calls than a segment has room for, on either side of the scope. */
static void in_many_segments(tutti_at at)
{
    atomic_int ran = 0, inside = 0;
    long sum = 0;
    for (int i = 0; i < 600; i++)
        leaf_fork(&at, &ran, 1);
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 600; i++)
        leaf_fork(&at, &inside, 1);
    tutti_scope_cancel(&s);
    for (int i = 0; i < 600; i++)
        sum += leaf_join(&at);
    CHECK_INT(sum, inside);
    if (alone)
        CHECK_INT(inside, 0);
    for (int i = 0; i < 300; i++) /* inside still */
        CHECK_INT(leaf_join(&at), 1);
    CHECK_INT(tutti_fork_check(), -ECANCELED);
    tutti_scope_close(&s);
    for (int i = 0; i < 300; i++)
        CHECK_INT(leaf_join(&at), 1);
    CHECK_INT(ran, 600);
}
ON_URLS(scopes_and_calls_in_many_segments)
{
    try_beside(url, in_many_segments);
}

/* --- any of these in each other ---------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}
/* Gives the number of nodes that are in no cancelled scope; no such one may hear of any. */
TUTTI_FORK_3(long, tree, uint64_t, int, bool);
static long tree_kids(tutti_at at, uint64_t s, int d, bool cut)
{
    long sum = 0;
    int kids = 1 + (int)(s % 3);
    for (int i = 0; i < kids; i++)
        tree_fork(&at, mix(s + (unsigned)i), d - 1, cut);
    if ((s >> 8) % 4 == 0)
        tutti_yield();
    for (int i = 0; i < kids; i++)
        sum += tree_join(&at);
    return cut ? 0 : sum;
}
static long tree(tutti_at at, uint64_t s, int d, bool cut)
{
    long sum = 1;
    if (!cut)
        CHECK_INT(tutti_check(), 0);
    if (d == 0)
        return cut ? 0 : 1;
    tree_fork(&at, mix(s + 50), d - 1, cut);
    if ((s >> 16) % 3 == 0) {
        TUTTI_SCOPE(in, NULL, TUTTI_NEVER, 0);
        bool soon = (s >> 24) % 2, late = !soon && (s >> 25) % 2;
        if (soon)
            tutti_scope_cancel(&in);
        sum += tree_kids(at, mix(s + 51), d, cut || soon);
        if (late)
            tutti_scope_cancel(&in);
        if ((s >> 32) % 2)
            tree_kids(at, mix(s + 52), d, true);
        if ((s >> 33) % 2) {
            sum += tree_join(&at); /* forked outside, joined inside */
            tutti_scope_close(&in);
            tree_fork(&at, 0, 0, cut);
        }
    } else {
        sum += tree_kids(at, mix(s + 53), d, cut);
    }
    if (!cut)
        CHECK_INT(tutti_fork_check(), 0);
    sum += tree_join(&at);
    return cut ? 0 : sum;
}
static long tree_serial(uint64_t s, int d);
static long kids_serial(uint64_t s, int d)
{
    long sum = 0;
    for (int i = 0; i < 1 + (int)(s % 3); i++)
        sum += tree_serial(mix(s + (unsigned)i), d - 1);
    return sum;
}
static long tree_serial(uint64_t s, int d)
{
    long sum = 1;
    if (d == 0)
        return 1;
    sum += tree_serial(mix(s + 50), d - 1);
    if ((s >> 16) % 3 == 0) {
        if (!((s >> 24) % 2))
            sum += kids_serial(mix(s + 51), d);
        if ((s >> 33) % 2)
            sum += 1;
    } else {
        sum += kids_serial(mix(s + 53), d);
    }
    return sum;
}
static int run_tree(void *unused)
{
    (void)unused;
    uint64_t seed = check_seed();
    for (int i = 0; i < 40; i++) {
        uint64_t s = mix(seed + (unsigned)i);
        CHECK_INT(tree(tutti_fork_here(), s, 6, false), tree_serial(s, 6));
        CHECK_INT(tutti_fork_check(), 0);
    }
    return 0;
}
ON_URLS(random_trees_with_cancelled_scopes)
{
    on(url, run_tree, NULL);
}
TEST(random_trees_with_cancelled_scopes_on_more_workers_than_there_are_processors)
{
    on("threads://9", run_tree, NULL);
}

/* --- plain threads -------------------------------------------------------------------------- */

TEST(on_a_plain_thread_calls_of_a_cancelled_scope_are_dropped)
{
    tutti_executor *ex = urls_open("threads://1");
    tutti_scope s;
    alone = true;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    cancels_itself(tutti_fork_here());
    has_a_deadline(tutti_fork_here());
    atomic_int ran = 0;
    tutti_at at = tutti_fork_here();
    forks_outside(&at, &ran);
    cancels_itself(at);
    begun = 0;
    has_a_deadline(at);
    in_many_segments(at);
    begun = 0;
    of_another_later(at);
    joins_outside(&at);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- bad use -------------------------------------------------------------------------------- */

static void closed_over_forks(tutti_at at)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    waits_fork(&at, 0);
    tutti_scope_close(&s);
}
static void do_wrong(const char *url)
{
    try_beside(url, closed_over_forks);
}
ON_URLS(a_scope_may_not_be_closed_over_what_was_forked_in_it_beside_others)
{
    char text[4096];
    CHECK_INT(urls_dies(do_wrong, url, text, sizeof text), SIGABRT);
    CHECK_HAS(text, "closed a scope before it joined");
}

TEST_MAIN
