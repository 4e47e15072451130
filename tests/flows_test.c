/* The patterns in which things pass through: tutti_map_flow, tutti_pipeline,
 * tutti_worklist. Each body runs over every executor, called from a plain thread and
 * from a task.  The others: patterns_test.c. */
#include "check.h"
#include "patterns_common.h"
#include <pthread.h>

static tutti_event never;
static _Atomic int waiting;

static unsigned seed_of(uint64_t i)
{
    return ((unsigned)i * 2654435761u ^ check_seed()) | 1u;
}

/* Let others run a few times, as the seed says. */
static void shuffle(uint64_t i)
{
    unsigned state = seed_of(i);
    for (unsigned n = check_random(&state) % 4; n; n--)
        (void)tutti_yield();
}

/* The most that were inside at once. */
struct gauge {
    _Atomic int now, most;
};
static void gauge_in(struct gauge *g)
{
    int now = ++g->now, most = g->most;
    while (now > most && !__atomic_compare_exchange_n((int *)&g->most, &most, now, 0,
                                                      __ATOMIC_SEQ_CST,
                                                          __ATOMIC_SEQ_CST))
        ;
}
static void gauge_out(struct gauge *g)
{
    g->now--;
}

static int cancel_when_4_wait(void *scope)
{
    while (waiting < 4)
        if (tutti_yield() < 0)
            return 0;
    tutti_scope_cancel(scope);
    return 0;
}

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

/* --- pipeline --------------------------------------------------------------- */

enum { STAGES = 5 };
struct made {
    uint64_t number;
    unsigned passed; /* stages */
};
struct works {
    uint64_t n, made;
    int unordered, eat_every, fail_stage, wait_stage;
    uint64_t fail_number;
    uint64_t next[STAGES], eaten, reached;
    struct gauge in[STAGES], alive;
    unsigned width[STAGES];
    pthread_t first;
};
static struct works works;
static _Atomic uint64_t dropped, eaten, reached;

static int works_source(void *ctx, void *item)
{
    struct works *w = ctx;
    gauge_in(&w->in[0]);
    CHECK_INT(w->in[0].now, 1);
    struct made *m = item;
    int more = w->made < w->n;
    if (more) {
        *m = (struct made){ w->made++, 1 };
        gauge_in(&w->alive);
        shuffle(m->number);
    }
    gauge_out(&w->in[0]);
    if (w->fail_stage != 0 || w->made != w->fail_number)
        return more;
    gauge_out(&w->alive); /* a source that fails has made none */
    return tutti_fail(-EPROTO, "stage 0");
}
static int works_stage(struct works *w, void *item, unsigned j)
{
    struct made *m = item;
    gauge_in(&w->in[j]);
    CHECK(w->in[j].now <= (int)(w->width[j] ? w->width[j] : 1));
    CHECK_INT(m->passed, j); /* each stage in turn */
    m->passed++;
    if (w->width[j] <= 1 && !w->unordered) {
        CHECK(m->number >= w->next[j]);
        w->next[j] = m->number + 1;
    }
    int rc = 1;
    if (w->wait_stage == (int)j) {
        waiting++;
        rc = tutti_event_wait(&never);
        waiting--;
    }
    shuffle(m->number * STAGES + j);
    gauge_out(&w->in[j]);
    if (rc >= 0 && w->fail_stage == (int)j && m->number == w->fail_number)
        return tutti_fail(-EPROTO, "stage %u", j);
    if (rc >= 0 && w->eat_every && j == 2 && m->number % (unsigned)w->eat_every == 0) {
        eaten++;
        gauge_out(&w->alive);
        return 0;
    }
    if (rc >= 0 && j == STAGES - 1) {
        reached++;
        gauge_out(&w->alive);
    }
    return rc;
}
static int works_1(void *ctx, void *item) { return works_stage(ctx, item, 1); }
static int works_2(void *ctx, void *item) { return works_stage(ctx, item, 2); }
static int works_3(void *ctx, void *item) { return works_stage(ctx, item, 3); }
static int works_4(void *ctx, void *item) { return works_stage(ctx, item, 4); }
static void works_drop(void *item)
{
    (void)item;
    dropped++;
    gauge_out(&works.alive);
}

/* Run it; every item that was made is accounted for, once. */
static int works_run(tutti_scope *s, size_t window, size_t limit)
{
    tutti_stage stage[STAGES] = { { works_source, 9 }, { works_1, works.width[1] },
                                  { works_2, works.width[2] }, { works_3,
                                                                 works.width[3] },
                                  { works_4, works.width[4] } };
    tutti_line line = { .size = sizeof line, .item = sizeof(struct made),
                        .window = window,
                        .drop = works_drop, .ctx = &works, .unordered =
                            works.unordered };
    dropped = eaten = reached = 0;
    int rc = tutti_pipeline(s, stage, STAGES, &line);
    int failed_in_source = works.fail_stage == 0 && rc == -EPROTO;
    CHECK_INT(reached + eaten + dropped + (uint64_t)failed_in_source, works.made);
    CHECK_INT(works.alive.now, 0);
    CHECK(works.alive.most <= (int)limit);
    return rc;
}
static void works_reset(uint64_t n, int unordered, unsigned w1, unsigned w2,
                        unsigned w3,
                        unsigned w4)
{
    memset(&works, 0, sizeof works);
    works.n = n;
    works.unordered = unordered;
    works.fail_stage = works.wait_stage = -1;
    works.width[1] = w1;
    works.width[2] = w2;
    works.width[3] = w3;
    works.width[4] = w4;
}

static void pipelines(tutti_scope *s)
{
    static const unsigned widths[][4] = { { 4, 1, 3, 0 }, { 1, 1, 1, 1 }, { 2, 2, 2,
                                                                            2 },
                                          { 0, 8, 0, 8 }, { 100, 1, 0, 1 } };
    static const size_t windows[] = { 1, 2, 5, 0, 64 };
    for (int i = 0; i < 100; i++) {
        const unsigned *w = widths[i / 20];
        works_reset(i % 7 ? (uint64_t)(i * 5) : (uint64_t)(i % 2), i / 2 % 2, w[0],
                    w[1],
                    w[2], w[3]);
        works.eat_every = i % 3;
        size_t window = windows[i / 4 % 5], all = 1;
        for (int j = 0; j < 4; j++)
            all += w[j] ? w[j] : 1;
        CHECK_INT(works_run(s, window, window ? window : 2 * all), 0);
        CHECK_INT(works.made, works.n);
        CHECK_INT(dropped, 0);
    }
}
TEST(pipeline_carries_each_item_through_all_stages)
{
    everywhere(pipelines);
}

static void pipelines_fail(tutti_scope *s)
{
    for (int i = 0; i < 30; i++) {
        works_reset(200, i % 2, 3, 1, 2, i % 3 ? 1 : 4);
        works.fail_stage = i % STAGES;
        works.fail_number = (uint64_t)i * 3 + 1;
        CHECK_INT(works_run(s, (size_t)(i % 6 * 3), 100), -EPROTO);
        char words[16];
        snprintf(words, sizeof words, "stage %d", i % STAGES);
        CHECK_STR(tutti_why(), words);
    }
}
TEST(pipeline_drops_what_did_not_reach_the_end)
{
    everywhere(pipelines_fail);
}

static void pipelines_cut(tutti_scope *outer)
{
    for (int i = 0; i < 12; i++) {
        int late = i / 2 % 2;
        works_reset(200, i % 2, 8, 8, 8, 8);
        works.wait_stage = 1 + i % 4;
        waiting = 0;
        TUTTI_SCOPE(helpers, tutti_scope_executor(outer), TUTTI_NEVER, 0);
        TUTTI_SCOPE(s, tutti_scope_executor(outer),
                    late ? tutti_after(5 * TUTTI_MS) : TUTTI_NEVER, 0);
        if (!late)
            CHECK_INT(tutti_go(&helpers, cancel_when_4_wait, &s), 0);
        CHECK_INT(works_run(&s, 20, 20), late ? -ETIMEDOUT : -ECANCELED);
        CHECK_INT(waiting, 0);
        CHECK(late || dropped >= 4);
        CHECK_INT(tutti_scope_close(&s), late ? -ETIMEDOUT : 0);
        CHECK_INT(tutti_scope_close(&helpers), 0);
    }
}
TEST(pipeline_is_cut_off_with_its_scope)
{
    everywhere(pipelines_cut);
}

static int three(void *ctx, void *item)
{
    (void)item;
    return ++*(int *)ctx <= 3;
}
static void pipelines_odd(tutti_scope *s)
{
    int made = 0;
    tutti_stage only = { three, 1 };
    tutti_line line = { .size = sizeof line, .ctx = &made };
    CHECK_INT(tutti_pipeline(s, &only, 1, &line), 0);
    CHECK_INT(made, 4);
    CHECK_INT(tutti_pipeline(s, &only, 0, &line), -EINVAL);
    only.fn = NULL;
    CHECK_INT(tutti_pipeline(s, &only, 1, &line), -EINVAL);
}
TEST(pipeline_of_a_source_alone)
{
    everywhere(pipelines_odd);
}

/* Parallel stages that meet: as many as the width says are inside at once. */
static tutti_barrier together;
static int meet_stage(void *ctx, void *item)
{
    (void)ctx;
    (void)item;
    int rc = tutti_barrier_wait(&together);
    return rc < 0 ? rc : 1;
}
static int sixty(void *ctx, void *item)
{
    (void)item;
    return ++*(int *)ctx <= 60;
}
static void pipelines_meet(tutti_scope *s)
{
    int made = 0;
    tutti_stage stage[] = { { sixty, 1 }, { meet_stage, 20 } };
    tutti_line line = { .size = sizeof line, .ctx = &made, .item = 1 };
    tutti_barrier_init(&together, 20);
    CHECK_INT(tutti_pipeline(s, stage, 2, &line), 0);
}
TEST(pipeline_overlaps_a_parallel_stage)
{
    everywhere(pipelines_meet);
}

/* --- work-list -------------------------------------------------------------- */

enum { PAGES = 3000 };
struct web {
    unsigned n;
    _Atomic unsigned char visits[PAGES];
    _Atomic unsigned added;
    struct gauge all, group[4];
    unsigned width, per_group;
    unsigned fail_every;
};
static struct web web;

static uint64_t group_of(tutti_bytes key)
{
    unsigned page;
    memcpy(&page, key.data, sizeof page);
    return page % 4;
}
static int visit(tutti_list *l, tutti_bytes key, void *ctx)
{
    unsigned page;
    CHECK(ctx == &web);
    CHECK_INT(key.size, sizeof page + 3);
    memcpy(&page, key.data, sizeof page);
    gauge_in(&web.all);
    gauge_in(&web.group[page % 4]);
    if (web.width)
        CHECK(web.all.now <= (int)web.width);
    if (web.per_group)
        CHECK(web.group[page % 4].now <= (int)web.per_group);
    web.visits[page]++;
    shuffle(page);
    unsigned links[] = { page * 2, page * 2 + 1, page / 3, page + 7, 0 };
    for (int i = 0; i < 5; i++) {
        char link[sizeof page + 3] = "";
        unsigned to = links[i] % web.n;
        memcpy(link, &to, sizeof to);
        int rc = tutti_list_add(l, (tutti_bytes){ link, sizeof link });
        CHECK(rc >= 0);
        web.added += (unsigned)rc;
    }
    gauge_out(&web.group[page % 4]);
    gauge_out(&web.all);
    return web.fail_every && page % web.fail_every == 1
               ? tutti_fail(-ENOENT, "page %u", page) : (int)page;
}

static int web_run(tutti_scope *s, size_t most, int strict)
{
    tutti_work w = { .size = sizeof w, .width = web.width, .per_group = web.per_group,
                     .most = most, .visit = visit, .ctx = &web, .strict = strict,
                     .group = web.per_group ? group_of : NULL };
    char first[sizeof(unsigned) + 3] = "";
    memset((void *)web.visits, 0, sizeof web.visits);
    memset(&web.all, 0, sizeof web.all);
    memset(web.group, 0, sizeof web.group);
    web.added = 0;
    return tutti_worklist(s, &w, (tutti_bytes){ first, sizeof first });
}

static void worklists(tutti_scope *s)
{
    static const unsigned widths[] = { 0, 1, 5, 64 }, groups[] = { 0, 1, 3 };
    for (int i = 0; i < 24; i++) {
        web.n = i % 2 ? 1 : PAGES;
        web.width = widths[i / 6];
        web.per_group = groups[i / 2 % 3];
        web.fail_every = i % 5 == 4 ? 10 : 0;
        unsigned fail = web.fail_every ? (web.n + 8) / 10 : 0;
        CHECK_INT(web_run(s, 0, 0), fail);
        for (unsigned p = 0; p < web.n; p++)
            CHECK_INT(web.visits[p], 1);
        CHECK_INT(web.added, web.n - 1);
    }
}
TEST(worklist_visits_each_key_once)
{
    everywhere(worklists);
}

static void worklist_most(tutti_scope *s)
{
    web = (struct web){ .n = PAGES, .width = 4 };
    CHECK_INT(web_run(s, 100, 0), 0);
    unsigned visited = 0;
    for (unsigned p = 0; p < web.n; p++)
        visited += web.visits[p];
    CHECK_INT(visited, 100);
    CHECK_INT(web.added, 99);
}
TEST(worklist_takes_no_more_keys_than_most)
{
    everywhere(worklist_most);
}

static void worklist_strict(tutti_scope *s)
{
    web = (struct web){ .n = PAGES, .width = 4, .fail_every = PAGES };
    CHECK_INT(web_run(s, 0, 1), -ENOENT);
    CHECK_STR(tutti_why(), "page 1");
    CHECK_INT(web_run(s, 0, 0), 1);
}
TEST(a_strict_worklist_ends_at_the_first_failure)
{
    everywhere(worklist_strict);
}

/* Keys of group 0 wait for those of group 1, which come after them: with a width of
 * two, a full group must not hold a place. */
static _Atomic int ones;
static tutti_event ones_done;
static int visit_groups(tutti_list *l, tutti_bytes key, void *ctx)
{
    (void)ctx;
    unsigned page;
    memcpy(&page, key.data, sizeof page);
    if (page == 2)
        for (unsigned i = 0; i < 40; i++) {
            unsigned next = i < 20 ? 4 + i * 4 : 4 + i * 4 + 1;
            CHECK_INT(tutti_list_add(l, (tutti_bytes){ &next, sizeof next }), 1);
        }
    if (page % 4 == 1 && ++ones == 20)
        tutti_event_set(&ones_done);
    return page != 2 && page % 4 == 0 ? tutti_event_wait(&ones_done) : 0;
}
static void worklist_groups(tutti_scope *s)
{
    tutti_work w = { .size = sizeof w, .width = 2, .per_group = 1,
                     .visit = visit_groups,
                     .group = group_of };
    unsigned first = 2;
    ones = 0;
    tutti_event_clear(&ones_done);
    CHECK_INT(tutti_worklist(s, &w, (tutti_bytes){ &first, sizeof first }), 0);
    CHECK_INT(ones, 20);
}
TEST(a_full_group_holds_no_place)
{
    everywhere(worklist_groups);
}

static int visit_stuck(tutti_list *l, tutti_bytes key, void *ctx)
{
    char next = 'a';
    (void)ctx;
    for (int i = 0; key.size == 0 && i < 20; i++, next++)
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ &next, 1 }), 1);
    waiting++;
    int rc = tutti_event_wait(&never);
    shuffle(3);
    waiting--;
    return rc;
}
static void worklist_cut(tutti_scope *outer)
{
    for (int late = 0; late < 2; late++) {
        tutti_work w = { .size = sizeof w, .width = 6, .visit = visit_stuck };
        waiting = 0;
        TUTTI_SCOPE(helpers, tutti_scope_executor(outer), TUTTI_NEVER, 0);
        TUTTI_SCOPE(s, tutti_scope_executor(outer),
                    late ? tutti_after(5 * TUTTI_MS) : TUTTI_NEVER, 0);
        if (!late)
            CHECK_INT(tutti_go(&helpers, cancel_when_4_wait, &s), 0);
        CHECK_INT(tutti_worklist(&s, &w, (tutti_bytes){ NULL, 0 }),
                  late ? -ETIMEDOUT : -ECANCELED);
        CHECK_INT(waiting, 0);
        CHECK_INT(tutti_scope_close(&s), late ? -ETIMEDOUT : 0);
        CHECK_INT(tutti_scope_close(&helpers), 0);
    }
}
TEST(worklist_is_cut_off_with_its_scope)
{
    everywhere(worklist_cut);
}

/* Keys that differ in a byte, in length, or are long. */
static _Atomic int long_visits;
static int visit_long(tutti_list *l, tutti_bytes key, void *ctx)
{
    static char text[100000];
    (void)ctx;
    long_visits++;
    if (key.size)
        return 0;
    memset(text, 'x', sizeof text);
    for (size_t n = 1; n <= sizeof text; n = n * 2 + 1) {
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 1);
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 0);
        text[n - 1] = 0;
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 1);
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 0);
        text[n - 1] = 'x';
    }
    CHECK_INT(tutti_list_add(l, (tutti_bytes){ NULL, 0 }), 0);
    return 0;
}
static void worklist_keys(tutti_scope *s)
{
    tutti_work w = { .size = sizeof w, .visit = visit_long };
    long_visits = 0;
    CHECK_INT(tutti_worklist(s, &w, (tutti_bytes){ NULL, 0 }), 0);
    CHECK_INT(long_visits, 1 + 2 * 16);
    w.visit = NULL;
    CHECK_INT(tutti_worklist(s, &w, (tutti_bytes){ NULL, 0 }), -EINVAL);
}
TEST(worklist_tells_keys_apart_by_all_their_bytes)
{
    everywhere(worklist_keys);
}

TEST_MAIN
