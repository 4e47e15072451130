/* tests/wait_test.c - waiting for any of several: channels, futures, times, the end of a
 * scope; from plain threads and from tasks on every executor. */
#include "base/memory.h"
#include "wait_common.h"
#include <poll.h>

static tutti_chan *a, *b, *c;
static tutti_event event;

/* --- one case done, and only one ------------------------------------------------ */

EVERYWHERE(a_try_does_what_is_ready_or_nothing)
{
    int got = 0, item = 4;
    a = open_ints(&w->s, 1);
    tutti_case recv[] = { tutti_on_recv(a, &got), tutti_on_none() };
    tutti_case send[] = { tutti_on_none(), tutti_on_send(a, &item) };
    CHECK_INT(tutti_wait(recv, 2), 1);
    CHECK_INT(tutti_wait(send, 2), 1);
    CHECK_INT(send[1].code, 0);
    CHECK_INT(tutti_wait(send, 2), 0); /* full */
    CHECK_INT(tutti_wait(recv, 2), 0);
    CHECK_INT(recv[0].code, 1);
    CHECK_INT(got, 4);
    CHECK_INT(tutti_chan_close(a), 0);
    CHECK_INT(tutti_wait(recv, 2), 0);
    CHECK_INT(recv[0].code, 0);
    CHECK_INT(tutti_wait(send, 2), 1);
    CHECK_INT(send[1].code, -EPIPE);
    return 0;
}

EVERYWHERE(ready_cases_take_turns)
{
    int got, counts[3] = { 0, 0, 0 };
    a = open_ints(&w->s, 1);
    b = open_ints(&w->s, 1);
    tutti_event_set(&event);
    send_now(a, 1);
    send_now(b, 1);
    for (int i = 0; i < 3000; i++) {
        tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_recv(b, &got),
                           tutti_on_event(&event) };
        int done = tutti_wait(k, 3);
        CHECK(done >= 0 && done < 3);
        counts[done]++;
        if (done < 2)
            send_now(done ? b : a, 1);
    }
    for (int i = 0; i < 3; i++)
        CHECK(counts[i] > 700); /* a thousand, within ten times its deviation */
    return 0;
}

static int took[3];
static int take_any(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    tutti_case k[] = { tutti_on_recv(a, &took[0]), tutti_on_recv(b, &took[1]),
                       tutti_on_event(&event), tutti_on_recv(a, &took[2]) };
    int rc = tutti_wait(k, 4);
    CHECK(rc < 0 || k[rc].code == (rc == 2 ? 0 : 1));
    return rc;
}
EVERYWHERE(who_waits_for_several_is_woken_by_one)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 1);
    struct hand *h = crew_go(w, take_any, NULL);
    crew_until_waits(h);
    send_now(b, 7);
    send_now(b, 8); /* into the ring: it waits no more */
    CHECK_INT(crew_join(h), 1);
    CHECK_INT(took[1], 7);
    h = crew_go(w, take_any, NULL);
    CHECK_INT(crew_join(h), 1);
    CHECK_INT(took[1], 8);
    h = crew_go(w, take_any, NULL);
    crew_until_waits(h);
    send_now(a, 9);
    int done = crew_join(h);
    CHECK(done == 0 || done == 3);
    CHECK_INT(took[done == 3 ? 2 : 0], 9);
    CHECK_INT(took[done == 3 ? 0 : 2], 0);
    h = crew_go(w, take_any, NULL);
    crew_until_waits(h);
    tutti_event_set(&event);
    CHECK_INT(crew_join(h), 2);
    return 0;
}

static int mark_end(struct crew *w, void *unused)
{
    int got = 5;
    (void)w;
    (void)unused;
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_send(b, &got) };
    int rc = tutti_wait(k, 2);
    CHECK(rc >= 0);
    return k[rc].code * 10 + rc;
}
EVERYWHERE(the_end_of_a_channel_is_told_in_the_code)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 0);
    struct hand *h = crew_go(w, mark_end, NULL);
    crew_until_waits(h);
    CHECK_INT(tutti_chan_close(a), 0);
    CHECK_INT(crew_join(h), 0);
    a = open_ints(&w->s, 0);
    h = crew_go(w, mark_end, NULL);
    crew_until_waits(h);
    CHECK_INT(tutti_chan_close(b), 0);
    CHECK_INT(crew_join(h), -EPIPE * 10 + 1);
    return 0;
}

static int recv_any_size(struct crew *w, void *unused)
{
    tutti_bytes x, y;
    (void)w;
    (void)unused;
    tutti_case k[] = { tutti_on_recv(a, &x), tutti_on_recv(b, &y) };
    CHECK_INT(tutti_wait(k, 2), 1);
    CHECK_STR(y.data, "view");
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_STR(x.data, "second");
    CHECK_STR(y.data, "view");
    return 0;
}
EVERYWHERE(any_size_in_a_wait)
{
    char text[] = "view", more[] = "second";
    tutti_bytes item = { text, 5 }, second = { more, 7 };
    CHECK_INT(tutti_chan_open(&a, &w->s, TUTTI_ANY_SIZE, 0, NULL), 0);
    CHECK_INT(tutti_chan_open(&b, &w->s, TUTTI_ANY_SIZE, 1, NULL), 0);
    struct hand *h = crew_go(w, recv_any_size, NULL);
    crew_until_waits(h);
    tutti_case k[] = { tutti_on_send(b, &item), tutti_on_event(&event) };
    CHECK_INT(tutti_wait(k, 2), 0);
    tutti_case l[] = { tutti_on_send(a, &second), tutti_on_event(&event) };
    CHECK_INT(tutti_wait(l, 2), 0); /* it waits, with a copy */
    CHECK_INT(crew_join(h), 0);
    tutti_event_set(&event);
    CHECK_INT(tutti_wait(l, 2), 1); /* the copy for a is freed: see the leak checkers */
    fault_arm(1, false);
    int rc = tutti_wait(l, 2);
    fault_arm(0, false);
    CHECK_INT(rc, -ENOMEM);
    return 0;
}

/* --- two that face each other --------------------------------------------------- */

enum { ROUNDS = 1500 };
static int face(struct crew *w, void *side)
{
    (void)w;
    int sum = 0;
    for (int i = 0, out = 1, in; i < ROUNDS; i++) {
        tutti_case k[] = { tutti_on_send(side ? a : b, &out), tutti_on_recv(side ? b : a, &in) };
        in = 0;
        int rc = tutti_wait(k, 2);
        CHECK(rc == 0 || rc == 1);
        CHECK_INT(k[rc].code, rc);
        CHECK_INT(in, rc);
        sum += rc ? 1 : -1;
    }
    return sum;
}
EVERYWHERE(two_waits_that_face_each_other_do_the_same_case)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 0);
    struct hand *left = crew_go(w, face, NULL), *right = crew_go(w, face, (void *)1);
    int sum = crew_join(left);
    CHECK_INT(sum, -crew_join(right)); /* what one sent the other received */
    return 0;
}

static _Atomic long sent, received;
static int trade(struct crew *w, void *arg)
{
    unsigned random = check_seed() + (unsigned)(uintptr_t)arg * 2 + 1;
    tutti_chan *all[3] = { a, b, c };
    for (int i = 0; i < 800; i++) {
        int out = (int)(check_random(&random) % 1000), in1 = 0, in2 = 0;
        unsigned k0 = check_random(&random) % 3;
        tutti_case k[] = { tutti_on_recv(all[(k0 + 1) % 3], &in1), tutti_on_send(all[k0], &out),
                           tutti_on_recv(all[(k0 + 2) % 3], &in2),
                           tutti_on_time(tutti_after(check_random(&random) % 100000)) };
        int rc = tutti_wait(k, 4);
        CHECK(rc >= 0);
        CHECK_INT(k[rc].code, rc == 0 || rc == 2);
        add_relaxed(&sent, rc == 1 ? out : 0);
        add_relaxed(&received, in1 + in2);
        CHECK(rc == 0 || in1 == 0);
        CHECK(rc == 2 || in2 == 0);
    }
    (void)w;
    return 0;
}
EVERYWHERE(a_market_of_waits_loses_nothing)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 0);
    c = open_ints(&w->s, 0);
    for (long i = 0; i < 5; i++)
        crew_go(w, trade, (void *)i);
    crew_join_all(w);
    CHECK_INT(sent, received);
    return 0;
}

/* --- time, futures, the end of a scope ------------------------------------------ */

EVERYWHERE(time_comes_when_nothing_else_does)
{
    int got;
    a = open_ints(&w->s, 0);
    tutti_time when = tutti_after(3 * TUTTI_MS);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_time(TUTTI_NEVER), tutti_on_time(when) };
    CHECK_INT(tutti_wait(k, 3), 2);
    CHECK(tutti_now() >= when);
    tutti_case past[] = { tutti_on_recv(a, &got), tutti_on_time(1), tutti_on_none() };
    CHECK_INT(tutti_wait(past, 3), 1);
    TUTTI_SCOPE(s, w->ex, tutti_after(2 * TUTTI_MS), 0);
    tutti_case late[] = { tutti_on_recv(a, &got), tutti_on_time(tutti_after(TUTTI_SEC * 30)) };
    CHECK_INT(tutti_wait(late, 2), -ETIMEDOUT);
    CHECK_INT(tutti_wait(late, 2), -ETIMEDOUT);
    return 0;
}

static tutti_scope inner;
static int wait_in_inner(struct crew *w, void *unused)
{
    int got;
    (void)unused;
    tutti_scope_open(&inner, w->ex, TUTTI_NEVER, 0);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_event(&event) };
    int rc = tutti_wait(k, 2);
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(a_wait_that_is_cancelled_takes_nothing)
{
    a = open_ints(&w->s, 1);
    struct hand *h = crew_go(w, wait_in_inner, NULL);
    crew_until_waits(h);
    tutti_scope_cancel(&inner);
    CHECK_INT(crew_join(h), -ECANCELED);
    send_now(a, 1);
    CHECK_INT((long long)tutti_chan_length(a), 1);
    return 0;
}

static tutti_future future;
static int fulfil(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 50; i++)
        crew_yield();
    return tutti_future_fulfil(future, 17, (tutti_bytes){ NULL, 0 });
}
EVERYWHERE(futures_are_waited_for)
{
    tutti_future never = { { 0, 0 } };
    CHECK_INT(tutti_promise(&w->s, &future), 0);
    struct hand *h = crew_go(w, fulfil, NULL);
    tutti_case k[] = { tutti_on_done(never), tutti_on_done(future), tutti_on_event(&event) };
    CHECK_INT(tutti_wait(k, 3), 1);
    CHECK_INT(k[1].code, 17);
    CHECK_INT(crew_join(h), 0);
    tutti_future_release(future);
    CHECK_INT(tutti_wait(k, 3), 1);
    CHECK_INT(k[1].code, -ESTALE);
    tutti_case only[] = { tutti_on_done(never), tutti_on_none() };
    CHECK_INT(tutti_wait(only, 2), 1);
    return 0;
}

static int until_event(void *unused)
{
    (void)unused;
    return tutti_event_wait(&event);
}
TEST(the_end_of_a_scope_is_waited_for)
{
    tutti_executor *ex;
    tutti_scope s;
    CHECK_INT(tutti_executor_open(&ex, "threads://2"), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_case k[] = { tutti_on_empty(&s), tutti_on_time(tutti_after(TUTTI_MS)) };
    CHECK_INT(tutti_go(&s, until_event, NULL), 0);
    CHECK_INT(tutti_wait(k, 2), 1);
    tutti_event_set(&event);
    k[1] = tutti_on_time(TUTTI_NEVER);
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(one_bad_item_among_many_cases_is_an_error)
{
    tutti_executor *ex;
    tutti_scope s;
    tutti_chan *views;
    tutti_bytes item = { "word", 4 }, bad = { NULL, 4 };
    CHECK_INT(tutti_executor_open(&ex, "threads://1"), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_chan_open(&views, &s, TUTTI_ANY_SIZE, 4, NULL), 0);
    tutti_case k[40];
    for (int i = 0; i < 40; i++)
        k[i] = tutti_on_send(views, i == 39 ? &bad : &item);
    CHECK_INT(tutti_wait(k, 40), -EINVAL);
    CHECK_INT((long long)tutti_chan_length(views), 0);
    k[39] = tutti_on_none();
    CHECK(tutti_wait(k, 40) < 39);
    CHECK_INT((long long)tutti_chan_length(views), 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- many, and bad ones ------------------------------------------------------------ */

EVERYWHERE(many_cases)
{
    enum { MANY = 200 };
    static tutti_chan *many[MANY];
    static tutti_case k[MANY];
    static int got[MANY];
    for (int i = 0; i < MANY; i++)
        many[i] = open_ints(&w->s, 1);
    for (int i = 0; i < MANY; i++)
        k[i] = tutti_on_recv(many[i * 7 % MANY], &got[i]);
    for (int i = 0; i < MANY; i += 11) {
        send_now(many[i * 7 % MANY], i + 1);
        CHECK_INT(tutti_wait(k, MANY), i);
        CHECK_INT(got[i], i + 1);
    }
    fault_arm(1, false);
    int rc = tutti_wait(k, MANY);
    fault_arm(0, false);
    CHECK_INT(rc, -ENOMEM);
    return 0;
}

EVERYWHERE(malformed_cases_are_refused)
{
    int got;
    tutti_scope closed;
    a = open_ints(&w->s, 1);
    tutti_scope_open(&closed, w->ex, TUTTI_NEVER, 0);
    tutti_scope_close(&closed);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_none() };
    tutti_case bad[] = { tutti_on_recv(NULL, &got), tutti_on_recv(a, NULL),
                         tutti_on_send(NULL, &got), tutti_on_event(NULL),
                         tutti_on_fd(-1, POLLIN),   tutti_on_empty(&closed),
                         tutti_on_empty(&w->s),     tutti_case_(99) };
    CHECK_INT(tutti_wait(NULL, 1), -EINVAL);
    CHECK_INT(tutti_wait(k, 0), -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        k[1] = bad[i];
        CHECK_INT(tutti_wait(k, 2), -EINVAL);
        CHECK_HAS(tutti_why(), "case 1");
    }
    return 0;
}

TEST_MAIN
