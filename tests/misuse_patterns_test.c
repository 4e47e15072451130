/* tests/misuse_patterns_test.c - the patterns, misused. */
#include "misuse.h"
#include <tutti/patterns.h>

static tutti_scope never; /* all zero: never opened */

static const tutti_bytes nowhere = { NULL, 8 };

struct part {
    tutti_ref part;
};
TUTTI_TASK_RANGE(slice, "misuse.slice", struct part, int);
static int slice(const struct part *in, int *out)
{
    *out = tutti_ref_view(&in->part) ? 1 : -EFAULT;
    return 0;
}

static const int number = 3;
static const tutti_bytes three = { &number, sizeof number };

static int room[4];

/* --- patterns.h ---------------------------------------------------------------------- */

static int range(void *ctx, uint64_t from, uint64_t to)
{
    (void)ctx;
    (void)from;
    (void)to;
    return 0;
}
static void join(void *ctx, void *acc, const void *part)
{
    (void)ctx;
    (void)acc;
    (void)part;
}
static int better(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    return *(const int *)a > *(const int *)b;
}
static int source(void *ctx, tutti_bytes *item)
{
    (void)ctx;
    (void)item;
    return 0;
}
static int step(void *ctx, void *item)
{
    (void)ctx;
    (void)item;
    return 0;
}
static int visit(tutti_list *l, tutti_bytes key, void *ctx)
{
    (void)l;
    (void)key;
    (void)ctx;
    return 0;
}
static struct part whole(void)
{
    struct part p;
    tutti_share(&here, 8, 4, 0, &p.part);
    return p;
}
static int for_bad(tutti_scope *s, const tutti_task *t, size_t size)
{
    struct part p = whole();
    return tutti_for(s, t, (tutti_bytes){ &p, size }, 1);
}
CALL(for_null, CODE, for_bad(NULL, &slice_task, sizeof(struct part)))
CALL(for_never, CODE, for_bad(&never, &slice_task, sizeof(struct part)))
CALL(for_no_task, CODE, for_bad(&here, NULL, sizeof(struct part)))
CALL(for_size, CODE, for_bad(&here, &slice_task, 4))
CALL(for_other_task, CODE, for_bad(&here, &twice_task, 4))
CALL(for_nowhere, CODE,
     tutti_for(&here, &slice_task, (tutti_bytes){ NULL, sizeof(struct part) }, 1))
CALL(for_range_null, CODE, tutti_for_range(NULL, 0, 9, 1, range, NULL))
CALL(for_range_never, CODE, tutti_for_range(&never, 0, 9, 1, range, NULL))
CALL(for_range_no_function, CODE, tutti_for_range(&here, 0, 9, 1, NULL, NULL))
static int reduce_bad(tutti_scope *s, const tutti_task *t, int joined, size_t size)
{
    struct part p = whole();
    int acc = 0;
    return tutti_reduce(s, t, (tutti_bytes){ &p, size }, 1, joined ? join : NULL, NULL,
                        &acc);
}
CALL(reduce_null, CODE, reduce_bad(NULL, &slice_task, 1, sizeof(struct part)))
CALL(reduce_no_task, CODE, reduce_bad(&here, NULL, 1, sizeof(struct part)))
CALL(reduce_no_join, CODE, reduce_bad(&here, &slice_task, 0, sizeof(struct part)))
CALL(reduce_size, CODE, reduce_bad(&here, &slice_task, 1, 4))
CALL(reduce_nowhere, CODE,
     tutti_reduce(&here, &slice_task, (tutti_bytes){ NULL, sizeof(struct part) }, 1, join,
                  NULL, room))
CALL(map_null, CODE, tutti_map(NULL, &twice_task, room, room, 4, NULL))
CALL(map_no_task, CODE, tutti_map(&here, NULL, room, room, 4, NULL))
CALL(map_no_input, CODE, tutti_map(&here, &twice_task, NULL, room, 4, NULL))
CALL(map_no_output, CODE, tutti_map(&here, &twice_task, room, NULL, 4, NULL))
CALL(map_any_size, CODE, tutti_map(&here, &any_task, room, room, 4, NULL))
static int flow_bad(tutti_scope *s, const tutti_task *t, tutti_flow f)
{
    return tutti_map_flow(s, t, &f);
}
#define FLOW(size_, source_) (tutti_flow){ .size = size_, .source = source_ }
CALL(flow_null, CODE, flow_bad(NULL, &any_task, FLOW(sizeof(tutti_flow), source)))
CALL(flow_no_task, CODE, flow_bad(&here, NULL, FLOW(sizeof(tutti_flow), source)))
CALL(flow_no_flow, CODE, tutti_map_flow(&here, &any_task, NULL))
CALL(flow_size, CODE, flow_bad(&here, &any_task, FLOW(0, source)))
CALL(flow_no_source, CODE, flow_bad(&here, &any_task, FLOW(sizeof(tutti_flow), NULL)))
CALL(race_null, CODE, tutti_race(NULL, &twice_task, room, 4, room))
CALL(race_no_task, CODE, tutti_race(&here, NULL, room, 4, room))
CALL(race_no_input, CODE, tutti_race(&here, &twice_task, NULL, 4, room))
CALL(race_nobody, CODE, tutti_race(&here, &twice_task, room, 0, room))
CALL(race_any_size, CODE, tutti_race(&here, &any_task, room, 4, room))
CALL(best_null, CODE, tutti_best(NULL, &twice_task, room, 4, better, NULL, room))
CALL(best_no_better, CODE, tutti_best(&here, &twice_task, room, 4, NULL, NULL, room))
static int line_bad(tutti_scope *s, const tutti_stage *stage, size_t n, tutti_line l)
{
    return tutti_pipeline(s, stage, n, &l);
}
static const tutti_stage stages[] = { { step, 1 }, { NULL, 1 } };
#define LINE(size_) (tutti_line){ .size = size_, .item = 8 }
CALL(pipeline_null, CODE, line_bad(NULL, stages, 1, LINE(sizeof(tutti_line))))
CALL(pipeline_no_stage, CODE, line_bad(&here, NULL, 1, LINE(sizeof(tutti_line))))
CALL(pipeline_nothing, CODE, line_bad(&here, stages, 0, LINE(sizeof(tutti_line))))
CALL(pipeline_no_function, CODE, line_bad(&here, stages, 2, LINE(sizeof(tutti_line))))
CALL(pipeline_size, CODE, line_bad(&here, stages, 1, LINE(0)))
CALL(pipeline_no_line, CODE, tutti_pipeline(&here, stages, 1, NULL))
CALL(pipeline_huge_item, CODE,
     line_bad(&here, stages, 1, (tutti_line){ sizeof(tutti_line), .item = SIZE_MAX }))
CALL(pipeline_huge_window, CODE,
     line_bad(&here, stages, 1,
              (tutti_line){ sizeof(tutti_line), .item = 8, .window = SIZE_MAX }))
static int list_bad(tutti_scope *s, tutti_work w, tutti_bytes first)
{
    return tutti_worklist(s, &w, first);
}
#define WORK(size_, visit_) (tutti_work){ .size = size_, .visit = visit_ }
CALL(worklist_null, CODE, list_bad(NULL, WORK(sizeof(tutti_work), visit), three))
CALL(worklist_no_work, CODE, tutti_worklist(&here, NULL, three))
CALL(worklist_size, CODE, list_bad(&here, WORK(0, visit), three))
CALL(worklist_no_visit, CODE, list_bad(&here, WORK(sizeof(tutti_work), NULL), three))
CALL(worklist_nowhere, CODE, list_bad(&here, WORK(sizeof(tutti_work), visit), nowhere))
CALL(list_add_null, CODE, tutti_list_add(NULL, three))
static int add_nowhere(tutti_list *l, tutti_bytes key, void *ctx)
{
    (void)ctx;
    return key.size ? tutti_list_add(l, nowhere) : 0;
}
CALL(list_add_nowhere, CODE,
     list_bad(&here, (tutti_work){ .size = sizeof(tutti_work), .visit = add_nowhere,
                                   .strict = 1 }, three))
static int again_bad(unsigned tries, size_t size, tutti_fn *fn)
{
    tutti_retry r = { .size = size, .tries = tries };
    return tutti_again(&r, fn, NULL);
}
CALL(again_null, CODE, tutti_again(NULL, fine, NULL))
CALL(again_no_tries, CODE, again_bad(0, sizeof(tutti_retry), fine))
CALL(again_size, CODE, again_bad(1, 0, fine))
CALL(again_no_function, CODE, again_bad(1, sizeof(tutti_retry), NULL))

TEST_MAIN
