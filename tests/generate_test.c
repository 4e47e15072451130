/* tests/generate_test.c - generators: the same items on every executor, room, how a stream
 * ends: well, by a failure, by a death in the middle, by who wants no more. */
#include "processes.h"
#include <tutti/generate.h>
#include <tutti/shared.h>

struct order {
    long n;             /* how many */
    int how, code;
    tutti_counter *given; /* may be NULL; shared */
};
enum { WELL, FAIL, ABORT, EXIT, SLEEP, TELL_PID, FOR_EVER };

TUTTI_GENERATOR(numbers, "generate.numbers", struct order, long);
static int numbers(const struct order *in, tutti_chan *to)
{
    int rc = 0;
    long first = in->how == TELL_PID ? getpid() : 0;
    for (long i = 0; rc == 0 && (i < in->n || in->how == FOR_EVER); i++) {
        long item = i == 0 ? first : i;
        rc = numbers_give(to, &item);
        if (in->given && rc == 0)
            tutti_counter_add(in->given, 1);
    }
    if (rc < 0)
        return rc;
    switch (in->how) {
    case FAIL: return tutti_fail(in->code, "so it is after %ld", in->n);
    case ABORT: abort();
    case EXIT: exit(3);
    case SLEEP: return tutti_sleep_until(TUTTI_NEVER);
    default: return in->code;
    }
}

struct page {
    long number;
    char text[60000];
};
TUTTI_GENERATOR(pages, "generate.pages", int, struct page);
static int pages(const int *in, tutti_chan *to)
{
    static struct page p;
    int rc = 0;
    for (p.number = 0; rc == 0 && p.number < *in; p.number++) {
        memset(p.text, 'a' + (int)(p.number % 26), sizeof p.text);
        rc = pages_give(to, &p);
    }
    return rc;
}

/* A task that itself starts one, on what its worker runs inside. */
TUTTI_TASK(sum, "generate.sum", long, long);
static int sum(const long *in, long *out)
{
    struct order o = { .n = *in };
    tutti_items got;
    long x;
    int rc;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    numbers_start(&s, &o, 3, &got);
    while ((rc = numbers_next(&got, &x)) > 0)
        *out += x;
    return rc < 0 ? rc : tutti_scope_close(&s);
}

static const char *const urls[] = { "loop://", "threads://2", "processes://2", "sim://5",
                                    "processes://1?inner=threads://2" };
enum { URLS = sizeof urls / sizeof *urls };

static void on_each(void (*body)(tutti_executor *ex, const char *url))
{
    for (int i = 0; i < URLS; i++) {
        tutti_executor *ex = processes_open_bounded(urls[i]);
        body(ex, urls[i]);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

/* How many there were, 0, 1, 2...; *rc: how it ended. */
static long receive(tutti_items *got, int *rc)
{
    long x, n = 0;
    while ((*rc = numbers_next(got, &x)) > 0)
        CHECK_INT(x, n++);
    return n;
}

/* --- ends ------------------------------------------------------------------------------ */

static void gives_all(tutti_executor *ex, const char *url)
{
    int rc;
    (void)url;
    for (size_t room = 1; room <= 100; room *= 10) {
        struct order o = { .n = 500 };
        tutti_items got;
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(numbers_start(&s, &o, room, &got), 0);
        CHECK_INT(receive(&got, &rc), 500);
        CHECK_INT(rc, 0);
        CHECK_INT(receive(&got, &rc), 0); /* as often as one likes */
        CHECK_INT(rc, 0);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
}
TEST(the_same_items_on_every_executor)
{
    on_each(gives_all);
}

static void fails_behind(tutti_executor *ex, const char *url)
{
    int rc;
    struct order o = { .n = 7, .how = FAIL, .code = -ENOENT };
    tutti_items got;
    tutti_scope s;
    (void)url;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(numbers_start(&s, &o, 20, &got), 0);
    CHECK_INT(receive(&got, &rc), 7);
    CHECK_INT(rc, -ENOENT);
    CHECK_STR(tutti_why(), "so it is after 7");
    CHECK_INT(receive(&got, &rc), 0);
    CHECK_INT(rc, -ENOENT);
    CHECK_INT(tutti_scope_close(&s), 0); /* it was told; the scope has nothing to say */
}
TEST(a_failure_comes_behind_all_items)
{
    on_each(fails_behind);
}

static void nested(tutti_executor *ex, const char *url)
{
    long in = 100, out = 0;
    tutti_scope s;
    (void)url;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(sum_call(&s, &in, &out), 0);
    CHECK_INT(out, 4950);
    CHECK_INT(tutti_scope_close(&s), 0);
}
TEST(a_task_may_start_a_generator)
{
    on_each(nested);
}

static void large(tutti_executor *ex, const char *url)
{
    int n = 40, rc;
    static struct page p;
    tutti_items got;
    tutti_scope s;
    (void)url;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(pages_start(&s, &n, 2, &got), 0);
    for (int i = 0; (rc = pages_next(&got, &p)) > 0; i++) {
        CHECK_INT(p.number, i);
        CHECK(p.text[0] == 'a' + i % 26 && p.text[sizeof p.text - 1] == p.text[0]);
        n--;
    }
    CHECK_INT(rc, 0);
    CHECK_INT(n, 0);
    CHECK_INT(tutti_scope_close(&s), 0);
}
TEST(items_may_be_large)
{
    on_each(large);
}

/* --- room -------------------------------------------------------------------------------- */

static void keeps_to_its_room(tutti_executor *ex, const char *url)
{
    long x;
    int rc;
    tutti_items got;
    tutti_ref r;
    tutti_scope s;
    (void)url;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    struct order o = { .n = 200,
                       .given = tutti_share(&s, 1, sizeof(tutti_counter), TUTTI_WRITE, &r) };
    CHECK_INT(numbers_start(&s, &o, 4, &got), 0);
    for (long n = 0; (rc = numbers_next(&got, &x)) > 0; n++) {
        if (n % 50 == 0)
            tutti_sleep_until(tutti_after(TUTTI_MS)); /* as far as it can */
        CHECK(tutti_counter_get(o.given) <= n + 1 + 4);
    }
    CHECK_INT(rc, 0);
    CHECK_INT(tutti_counter_get(o.given), 200);
    CHECK_INT(tutti_scope_close(&s), 0);
}
TEST(it_runs_ahead_by_its_room_only)
{
    on_each(keeps_to_its_room);
}

/* --- who wants no more ---------------------------------------------------------------------- */

static void stops(tutti_executor *ex, const char *url)
{
    struct order o = { .how = FOR_EVER };
    tutti_items got;
    tutti_scope s;
    long x;
    int rc;
    (void)url;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(numbers_start(&s, &o, 4, &got), 0);
    for (long i = 0; i < 10; i++) {
        CHECK_INT(numbers_next(&got, &x), 1);
        CHECK_INT(x, i);
    }
    tutti_items_stop(&got);
    tutti_items_stop(&got);
    CHECK_INT(receive(&got, &rc), 0);
    CHECK_INT(rc, 0);
    CHECK_INT(tutti_scope_close(&s), 0); /* nor is the end of such a one a failure */
}
TEST(who_wants_no_more_stops_it)
{
    on_each(stops);
}

static void is_cut(tutti_executor *ex, const char *url)
{
    struct order o = { .n = 3, .how = SLEEP };
    tutti_items got;
    tutti_scope s;
    int rc;
    tutti_scope_open(&s, ex, tutti_after(50 * TUTTI_MS), 0);
    if (numbers_start(&s, &o, 4, &got) == 0) {
        long n = receive(&got, &rc);
        CHECK(n == 3 || strncmp(url, "sim", 3)); /* elsewhere the time may come sooner */
        CHECK_INT(rc, -ETIMEDOUT);
    }
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
}
TEST(a_deadline_ends_both_sides)
{
    on_each(is_cut);
}

static void is_cancelled(tutti_executor *ex, const char *url)
{
    struct order o = { .n = 3, .how = SLEEP };
    tutti_items got;
    tutti_scope s;
    long x;
    (void)url;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(numbers_start(&s, &o, 4, &got), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(numbers_next(&got, &x), 1);
    tutti_future_cancel(got.end);
    CHECK_INT(numbers_next(&got, &x), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
}
TEST(a_cancelled_one_ends_for_its_receiver)
{
    on_each(is_cancelled);
}

static void waits_for_two(tutti_executor *ex, const char *url)
{
    struct order o = { .n = 50 };
    tutti_items a, b;
    tutti_scope s;
    long x, y, n = 0;
    (void)url;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(numbers_start(&s, &o, 4, &a), 0);
    CHECK_INT(numbers_start(&s, &o, 4, &b), 0);
    tutti_case c[] = { tutti_on_recv(a.chan, &x), tutti_on_recv(b.chan, &y) };
    for (int open = 2; open;) {
        int i = tutti_wait(c, 2);
        CHECK(i >= 0 && c[i].code >= 0);
        n += c[i].code;
        if (c[i].code == 0) { /* such an end stays ready */
            c[i] = tutti_on_done((tutti_future){ { 0, 0 } });
            open--;
        }
    }
    CHECK_INT(n, 100);
    CHECK_INT(tutti_scope_close(&s), 0);
}
TEST(channels_of_two_in_one_wait)
{
    on_each(waits_for_two);
}

/* --- what does not begin ---------------------------------------------------------------------- */

TUTTI_TASK(plain, "generate.plain", int, int);
static int plain(const int *in, int *out)
{
    *out = *in;
    return 0;
}

TEST(what_does_not_begin_says_so_at_once_and_to_its_receiver)
{
    struct order o = { .n = 3 };
    tutti_items got;
    tutti_scope s;
    int in = 0, rc;
    tutti_executor *ex = processes_open_bounded("loop://");
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(numbers_start(&s, &o, 0, &got), -EINVAL);
    CHECK_INT(receive(&got, &rc), 0);
    CHECK_INT(rc, -EINVAL);
    CHECK_INT(tutti_generate(&s, &plain_task, &in, 4, 4, &got), -EINVAL);
    CHECK(strstr(tutti_why(), "generate.plain is no generator") != NULL);
    CHECK_INT(tutti_generate(&s, NULL, &in, 4, 4, &got), -EINVAL);
    CHECK_INT(tutti_generate(&s, &numbers_task, NULL, 4, 4, &got), -EINVAL);
    CHECK_INT(tutti_generate(&s, &numbers_task, &in, 4, 4, NULL), -EINVAL);
    CHECK_INT(tutti_items_next(NULL, &in), -EINVAL);
    CHECK_INT(tutti_items_next(&got, NULL), -EINVAL);
    tutti_items_stop(NULL);
    tutti_scope_cancel(&s);
    CHECK_INT(numbers_start(&s, &o, 4, &got), -ECANCELED);
    CHECK_INT(receive(&got, &rc), 0);
    CHECK_INT(rc, -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- deaths --------------------------------------------------------------------------- */

static void dies_of(tutti_executor *ex, int how, int signal, const char *words)
{
    for (long n = 0; n < 12; n += 3) {
        struct order o = { .n = n, .how = how };
        tutti_outcome out = { .size = sizeof out };
        tutti_items got;
        tutti_scope s;
        int rc;
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        CHECK_INT(numbers_start(&s, &o, 5, &got), 0);
        CHECK_INT(receive(&got, &rc), n); /* all that it gave */
        CHECK_INT(rc, -TUTTI_ECRASH);
        CHECK(strstr(tutti_why(), words) != NULL);
        CHECK_INT(tutti_future_outcome(got.end, &out), 0);
        CHECK_INT(out.end, TUTTI_CRASHED);
        CHECK_INT(out.signal, signal);
        CHECK_INT(out.runs, 1);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
}
TEST(a_death_comes_behind_all_items)
{
    tutti_executor *ex = processes_open_bounded("processes://2");
    dies_of(ex, ABORT, SIGABRT, "generate.numbers");
    dies_of(ex, EXIT, 0, "exit(3)");
    gives_all(ex, "the next ones are well");
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(one_that_waits_for_room_is_killed)
{
    long x, n = 1;
    int rc;
    tutti_executor *ex = processes_open_bounded("processes://2");
    for (int room = 1; room < 8; room++, n = 1) {
        struct order o = { .how = TELL_PID, .n = 1000 };
        tutti_items got;
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        CHECK_INT(numbers_start(&s, &o, (size_t)room, &got), 0);
        CHECK_INT(numbers_next(&got, &x), 1);
        tutti_sleep_until(tutti_after(room % 3 * TUTTI_MS));
        kill((pid_t)x, SIGKILL);
        while ((rc = numbers_next(&got, &x)) > 0)
            CHECK_INT(x, n++); /* none is left out, none comes twice */
        CHECK_INT(rc, -TUTTI_ECRASH);
        CHECK(n <= 1 + room + 1000);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* The one that waits for an item when it comes to that end. */
struct receiver {
    tutti_items *got;
    long n;
    int rc;
};
static int receiver(void *arg)
{
    struct receiver *r = arg;
    long x;
    while ((r->rc = numbers_next(r->got, &x)) > 0)
        r->n++;
    return 0;
}

TEST(several_receivers_hear_of_one_death)
{
    tutti_executor *ex = processes_open_bounded("processes://2");
    for (int round = 0; round < 10; round++) {
        struct order o = { .how = TELL_PID, .n = 5 + round };
        struct receiver r[3];
        tutti_items got;
        tutti_scope s;
        long x, n = 1;
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        o.how = round % 2 ? ABORT : WELL;
        CHECK_INT(numbers_start(&s, &o, 4, &got), 0);
        CHECK_INT(numbers_next(&got, &x), 1);
        for (int i = 0; i < 3; i++) {
            r[i] = (struct receiver){ .got = &got };
            CHECK_INT(tutti_go(&s, receiver, &r[i]), 0);
        }
        CHECK_INT(tutti_scope_close(&s), 0);
        for (int i = 0; i < 3; i++) {
            CHECK_INT(r[i].rc, round % 2 ? -TUTTI_ECRASH : 0);
            n += r[i].n;
        }
        CHECK_INT(n, o.n);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(one_that_does_not_listen_is_killed_for_who_stops_it)
{
    struct order o = { .n = 2, .how = SLEEP };
    tutti_items got;
    tutti_scope s;
    long x;
    tutti_executor *ex = processes_open_bounded("processes://1?grace-ms=50");
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(numbers_start(&s, &o, 4, &got), 0);
    CHECK_INT(numbers_next(&got, &x), 1);
    tutti_items_stop(&got);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}
TEST_MAIN
