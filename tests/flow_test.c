/* tests/flow_test.c - tutti_map_flow, over every executor, called from a plain thread and
 * from a task. */
#include "flow_common.h"
#include <pthread.h>

static tutti_event never;

/* --- flow ------------------------------------------------------------------- */

/* Line i is "i" and then i % 50 dots; its result, the number and as many bytes. */
TUTTI_TASK_BYTES(echo, "test.echo");
static int echo(tutti_bytes in, tutti_out *out)
{
    uint64_t i;
    memcpy(&i, in.data, sizeof i);
    CHECK_INT(in.size, sizeof i + i % 50);
    shuffle(i);
    if (i % 10 == 9)
        return tutti_fail(-EDOM, "line %d", (int)i);
    return tutti_put(out, in.data, in.size);
}

struct tape {
    uint64_t n, made, sunk, window, fail_source_at, end_at;
    int unordered, failures_are_ours;
    unsigned char *seen;
    char line[64];
    pthread_t caller;
};
static int tape_source(void *ctx, tutti_bytes *item)
{
    struct tape *t = ctx;
    CHECK(pthread_equal(t->caller, pthread_self()));
    if (t->window)
        CHECK(t->made - t->sunk < t->window);
    if (t->made == t->fail_source_at)
        return tutti_fail(-ENOLINK, "no more tape");
    if (t->made == t->n)
        return 0;
    memset(t->line, '.', sizeof t->line);
    memcpy(t->line, &t->made, sizeof t->made);
    *item = (tutti_bytes){ t->line, sizeof t->made + t->made % 50 };
    t->made++;
    return 1;
}
static int tape_sink(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    struct tape *t = ctx;
    CHECK(pthread_equal(t->caller, pthread_self()));
    CHECK(i < t->made && !t->seen[i]);
    t->seen[i] = 1;
    if (!t->unordered)
        CHECK_INT(i, t->sunk);
    t->sunk++;
    if (i % 10 == 9) {
        CHECK_INT(code, -EDOM);
    } else {
        CHECK_INT(code, 0);
        CHECK_INT(result.size, sizeof i + i % 50);
        CHECK(!memcmp(result.data, &i, sizeof i));
    }
    return t->sunk == t->end_at ? 5 : 0;
}
static tutti_flow tape_flow(struct tape *t)
{
    return (tutti_flow){ .size = sizeof(tutti_flow), .window = t->window,
                         .unordered = t->unordered, .source = tape_source,
                         .sink = tape_sink, .ctx = t };
}

static void flows(tutti_scope *s)
{
    static const uint64_t sizes[] = { 0, 1, 3, 100, 2000 }, windows[] = { 0, 1, 2, 7,
                                                                          5000 };
    for (int i = 0; i < 50; i++) {
        struct tape t = { .n = sizes[i / 10], .window = windows[i / 2 % 5],
                          .unordered = i % 2, .fail_source_at = UINT64_MAX };
        t.seen = calloc(t.n + 1, 1);
        t.caller = pthread_self();
        tutti_flow flow = tape_flow(&t);
        CHECK_INT(tutti_map_flow(s, &echo_task, &flow), 0);
        CHECK_INT(t.made, t.n);
        CHECK_INT(t.sunk, t.n);
        free(t.seen);
    }
}
TEST(flow_carries_each_item_within_its_window)
{
    everywhere(flows);
}

static void flows_end(tutti_scope *s)
{
    static unsigned char seen[1000];
    for (int unordered = 0; unordered < 2; unordered++) {
        struct tape t = { .n = 1000, .unordered = unordered, .fail_source_at = 100,
                          .seen = memset(seen, 0, sizeof seen), .caller =
                              pthread_self() };
        tutti_flow flow = tape_flow(&t);
        CHECK_INT(tutti_map_flow(s, &echo_task, &flow), -ENOLINK);
        CHECK_STR(tutti_why(), "no more tape");
        t = (struct tape){ .n = 1000, .unordered = unordered, .fail_source_at = 2000,
                           .seen = memset(seen, 0, sizeof seen), .end_at = 77,
                           .caller = pthread_self() };
        CHECK_INT(tutti_map_flow(s, &echo_task, &flow), 5);
        CHECK_INT(t.sunk, 77);
        t = (struct tape){ .n = 1000, .unordered = unordered, .fail_source_at = 2000,
                           .caller = pthread_self() };
        flow.sink = NULL;
        CHECK_INT(tutti_map_flow(s, &echo_task, &flow), -EDOM);
        CHECK_HAS(tutti_why(), "line ");
        t.n = t.made = t.sunk = 0;
        CHECK_INT(tutti_map_flow(s, &echo_task, &flow), 0);
        flow.source = NULL;
        CHECK_INT(tutti_map_flow(s, &echo_task, &flow), -EINVAL);
    }
}
TEST(flow_says_what_ended_it)
{
    everywhere(flows_end);
}

/* A result is handed on although the source is not asked to end and the window has
 * room. */
struct talk {
    int asked, answered;
    _Atomic int done;
};
static struct talk talk;
TUTTI_TASK(answer, "test.answer", int, int);
static int answer(const int *in, int *out)
{
    *out = *in;
    talk.done++;
    return 0;
}
static int talk_source(void *ctx, tutti_bytes *item)
{
    (void)ctx;
    while (talk.done < talk.asked) /* let what was asked be answered */
        CHECK(tutti_yield() == 0);
    /* Its future is done a moment after the answer; all but the last are with the
     * sink. */
    CHECK(talk.asked - talk.answered <= 2);
    *item = (tutti_bytes){ &talk.asked, sizeof talk.asked };
    return talk.asked < 50 && ++talk.asked;
}
static int talk_sink(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    (void)ctx;
    (void)i;
    (void)result;
    talk.answered++;
    return code < 0 ? code : 0;
}
static int talks_in_a_task(void *arg)
{
    tutti_scope *s = arg;
    for (int unordered = 0; unordered < 2; unordered++) {
        tutti_flow flow = { .size = sizeof flow, .window = 50, .unordered = unordered,
                            .source = talk_source, .sink = talk_sink };
        talk.asked = talk.answered = 0;
        talk.done = 0; /* alone: to clang 14 the value of this is an _Atomic int */
        CHECK_INT(tutti_map_flow(s, &answer_task, &flow), 0);
        CHECK_INT(talk.answered, 50);
    }
    return 0;
}
TEST(flow_hands_results_on_before_it_asks_again)
{
    /* On one worker, so that a task that has answered has also ended when we run
     * again. */
    tutti_executor *ex;
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, talks_in_a_task, &s), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TUTTI_TASK_BYTES(stuck, "test.stuck");
static int stuck(tutti_bytes in, tutti_out *out)
{
    (void)in;
    (void)out;
    waiting++;
    int rc = tutti_event_wait(&never);
    shuffle(7);
    waiting--;
    return rc;
}
static void flow_cut(tutti_scope *outer)
{
    static unsigned char seen[1000];
    for (int i = 0; i < 4; i++) {
        struct tape t = { .n = 1000, .unordered = i % 2, .fail_source_at = 2000,
                          .seen = seen, .caller = pthread_self() };
        tutti_flow flow = tape_flow(&t);
        waiting = 0;
        TUTTI_SCOPE(helpers, tutti_scope_executor(outer), TUTTI_NEVER, 0);
        TUTTI_SCOPE(s, tutti_scope_executor(outer),
                    i / 2 ? tutti_after(10 * TUTTI_MS) : TUTTI_NEVER, 0);
        if (i / 2 == 0)
            CHECK_INT(tutti_go(&helpers, cancel_when_4_wait, &s), 0);
        CHECK_INT(tutti_map_flow(&s, &stuck_task, &flow),
                  i / 2 ? -ETIMEDOUT : -ECANCELED);
        CHECK_INT(waiting, 0);
        CHECK_INT(tutti_scope_close(&s), i / 2 ? -ETIMEDOUT : 0);
        CHECK_INT(tutti_scope_close(&helpers), 0);
    }
}
TEST(flow_is_cut_off_with_its_scope)
{
    everywhere(flow_cut);
}

/* With no window given, what waits is overlapped more and more. */
static struct gauge parked;
TUTTI_TASK_BYTES(wait_often, "test.wait_often");
static int wait_often(tutti_bytes in, tutti_out *out)
{
    uint64_t i;
    memcpy(&i, in.data, sizeof i);
    gauge_in(&parked);
    for (int k = 0; k < 20; k++) /* waits, again and again */
        CHECK(tutti_sleep_until(tutti_after(100000)) == 0);
    gauge_out(&parked);
    return tutti_put(out, in.data, in.size);
}
static int count_sink(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    struct tape *t = ctx;
    (void)i;
    (void)result;
    CHECK_INT(code, 0);
    t->sunk++;
    return 0;
}
static void flow_widens(tutti_scope *s)
{
    struct tape t = { .n = 600, .fail_source_at = 2000, .caller = pthread_self() };
    tutti_flow flow = tape_flow(&t);
    flow.sink = count_sink;
    parked.most = 0;
    CHECK_INT(tutti_map_flow(s, &wait_often_task, &flow), 0);
    CHECK_INT(t.sunk, 600);
    CHECK(parked.most > 16);
}
TEST(flow_widens_its_window_for_what_waits)
{
    everywhere(flow_widens);
}

TEST_MAIN
