/* tests/pipeline_test.c - tutti_pipeline, over every executor, called from a plain thread and
 * from a task. */
#include "flow_common.h"
#include <pthread.h>

static tutti_event never;

/* --- pipeline --------------------------------------------------------------- */

enum { STAGES = 5 };

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

TEST_MAIN
