/* examples/learn.c - five ways to learn from one data set, tried side by side.
 *
 * Ten times nine tenths of the rows are learnt from and the last tenth asked about.
 * The rows lie in memory that every worker sees and none can write: a task gets a ref
 * to them and an order of a few words, and sends votes back, which are only counted, so
 * the outcome is the same to the last bit whoever does what.  The ways themselves are
 * in common/. */
#include "common/chart.h"
#include "common/example.h"
#include "common/learners.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tutti/patterns.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "learn",
    .kind = "CPU",
    .summary =
        "Tries five ways to learn from one data set: nearest neighbours, naive Bayes,\n"
        "logistic regression, a linear support vector machine, a random forest; each\n"
        "is asked about the tenth of the rows that it has not seen, ten times.  FILE\n"
        "is CSV with the class in the last column, or LIBSVM's form; packed or not.\n"
        "Without it: the digits of python3-sklearn, else the hearts of\n"
        "liblinear-tools, else points that are made up.",
    .size_means = "trees of the forest",
    .size = 20,
    .size_least = 1,
    .size_most = 10000,
    .arguments = "[FILE]",
    .arguments_most = 1,
    .draws = EXAMPLE_SVG,
};

enum { TREES_EACH = 5, MADE_UP = 1500 };

/* What a task gets, and what it sends back in front of its votes. */
struct order {
    tutti_ref data;
    uint32_t learner, fold, first, trees;
};
TUTTI_TASK_BYTES(learn_one, "learn.one");

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static size_t votes_of(const struct dataset *d, uint32_t fold)
{
    return (size_t)fold_size(d, fold) * d->classes;
}

static int learn_one(tutti_bytes in, tutti_out *out)
{
    const struct order *o = in.data;
    const struct dataset *d = tutti_ref_view(&o->data);
    if (in.size != sizeof *o || !d)
        return tutti_fail(-EINVAL, "an order of %zu bytes", in.size);
    double began = thread_seconds();
    struct lesson lesson = { d, o->learner, o->fold, o->first, o->trees };
    char *to =
        tutti_reserve(out, sizeof(double) + votes_of(d, o->fold) * sizeof(uint16_t));
    int rc = to ? learn(&lesson, (uint16_t *)(void *)(to + sizeof(double))) : -ENOMEM;
    if (rc >= 0) {
        double took = thread_seconds() - began;
        memcpy(to, &took, sizeof took);
    }
    return rc;
}

/* --- orders and votes, in the caller ---------------------------------------------- */

/* Holds: votes[k] has a vote for each row of fold 0, then of fold 1, ..., and class. */
struct course {
    struct example *e;
    const struct dataset *data;
    tutti_ref ref;
    struct order order;
    uint64_t next,
        parts; /* parts: of a forest, each TREES_EACH trees or what is left */
    size_t begin[DATASET_FOLDS];
    uint16_t *votes[LEARNERS];
    double seconds[LEARNERS];
};

/* Forests first, since they take longest: then nobody begins a long one last. */
static int order_make(const struct course *c, uint64_t i, struct order *o)
{
    *o = (struct order){ .data = c->ref };
    if (i < c->parts * DATASET_FOLDS) {
        uint64_t first = i / DATASET_FOLDS * TREES_EACH, left = c->e->size - first;
        o->learner = LEARNERS - 1;
        o->fold = (uint32_t)(i % DATASET_FOLDS);
        o->first = (uint32_t)first;
        o->trees = (uint32_t)(left < TREES_EACH ? left : TREES_EACH);
        return 1;
    }
    i -= c->parts * DATASET_FOLDS;
    o->learner = (uint32_t)(i / DATASET_FOLDS);
    o->fold = (uint32_t)(i % DATASET_FOLDS);
    return o->learner < LEARNERS - 1;
}

static int next_order(void *ctx, tutti_bytes *item)
{
    struct course *c = ctx;
    *item = (tutti_bytes){ &c->order, sizeof c->order };
    return order_make(c, c->next++, &c->order);
}

static void votes_add(struct course *c, const struct order *o, const uint16_t *votes,
                      double seconds)
{
    uint16_t *to = c->votes[o->learner] + c->begin[o->fold];
    for (size_t i = 0; i < votes_of(c->data, o->fold); i++)
        to[i] = (uint16_t)(to[i] + votes[i]);
    c->seconds[o->learner] += seconds;
}

static int take_votes(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    struct course *c = ctx;
    struct order o;
    double seconds;
    if (code < 0)
        return code;
    order_make(c, i, &o);
    memcpy(&seconds, result.data, sizeof seconds);
    votes_add(c, &o, (const uint16_t *)(const void *)((const char *)result.data +
                                                      sizeof seconds), seconds);
    return 0;
}

static int learn_tasks(struct example *e, struct course *c, const struct table *t)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    void *block = tutti_share(&s, dataset_size(t), 1, TUTTI_READ, &c->ref);
    tutti_flow flow = { .size = sizeof flow, .unordered = 1, .source = next_order,
                        .sink = take_votes, .ctx = c };
    example_start(e);
    if (block)
        dataset_write(t, block);
    int rc = block ? tutti_map_flow(&s, &learn_one_task, &flow) : -ENOMEM;
    example_stop(e);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

static int learn_serially(struct example *e, struct course *c)
{
    struct order o;
    int rc = 0;
    uint16_t *votes = malloc((size_t)c->data->rows * c->data->classes * sizeof *votes);
    if (!votes)
        return -ENOMEM;
    example_start(e);
    for (uint64_t i = 0; rc >= 0 && order_make(c, i, &o); i++) {
        struct lesson lesson = { c->data, o.learner, o.fold, o.first, o.trees };
        double began = thread_seconds();
        memset(votes, 0, votes_of(c->data, o.fold) * sizeof *votes);
        rc = learn(&lesson, votes);
        votes_add(c, &o, votes, thread_seconds() - began);
    }
    example_stop(e);
    free(votes);
    return rc;
}

/* --- the outcome ------------------------------------------------------------------ */

static uint32_t elected(const uint16_t *votes, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t k = 1; k < classes; k++)
        if (votes[k] > votes[best])
            best = k;
    return best;
}

/* What share of each fold is right; *sum has every answer folded into it. */
static void judge(const struct course *c, int learner, double right[DATASET_FOLDS],
                  uint64_t *sum)
{
    const struct dataset *d = c->data;
    uint32_t seen[DATASET_FOLDS] = { 0 }, good[DATASET_FOLDS] = { 0 };
    for (uint32_t i = 0; i < d->rows; i++) {
        uint32_t fold = dataset_fold(d)[i];
        const uint16_t *votes =
            c->votes[learner] + c->begin[fold] + (size_t)seen[fold]++ * d->classes;
        uint32_t class = elected(votes, d->classes);
        good[fold] += class == dataset_class(d)[i];
        *sum = example_fold(*sum, class);
    }
    for (int fold = 0; fold < DATASET_FOLDS; fold++)
        right[fold] = seen[fold] ? (double)good[fold] / seen[fold] : 0;
}

/* The words, and with a picture wanted the picture.  0 or what drawing it gave. */
static int conclude(const struct example *e, const struct course *c, const char *title,
                    char *words, size_t size)
{
    struct chart chart = { .title = title, .count = LEARNERS };
    uint64_t sum = 0;
    size_t used = 0;
    for (int k = 0; k < LEARNERS; k++) {
        struct chart_bar *bar = &chart.bars[k];
        bar->name = learner_names[k];
        bar->seconds = c->seconds[k];
        bar->values = DATASET_FOLDS;
        judge(c, k, bar->value, &sum);
        chart_bar_finish(bar);
        used += (size_t)snprintf(words + used, size - used, "%s %.2f%% +-%.2f, ",
                                 bar->name, 100 * bar->mean, 100 * bar->deviation);
    }
    snprintf(words + used, size - used, "answers %016llx", (unsigned long long)sum);
    if (!e->json)
        chart_print(&chart);
    return e->picture ? chart_draw(&chart, e->picture) : 0;
}

static void find_table(const struct example *e, struct table *t, char *title,
                       size_t size)
{
    static const char *const places[][2] = {
        { "/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz",
          "handwritten digits, 8 x 8 points" },
        { "/usr/share/doc/liblinear-tools/examples/heart_scale",
          "hearts, well or not" },
    };
    const char *path = e->argument_count ? e->arguments[0] : NULL, *name = "made up";
    for (int i = 0; i < 2 && !path; i++)
        if (access(places[i][0], R_OK) == 0) {
            path = places[i][0];
            name = places[i][1];
        }
    int rc = path ? table_read(t, path) : table_make(t, MADE_UP);
    if (rc < 0)
        example_refuse(e, "%s", t->why);
    if (e->argument_count)
        name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(title, size, "%s: %zu rows of %zu columns, %zu classes", name, t->rows,
             t->columns, t->classes);
}

static int course_open(struct course *c, struct example *e, const struct table *t)
{
    struct dataset *d = malloc(dataset_size(t));
    *c = (struct course){ .e = e, .data = d };
    c->parts = (e->size + TREES_EACH - 1) / TREES_EACH;
    int rc = d ? 0 : -ENOMEM;
    if (d)
        dataset_write(t, d);
    for (int k = 0; k < LEARNERS; k++)
        if (!(c->votes[k] = calloc(t->rows * t->classes, sizeof *c->votes[k])))
            rc = -ENOMEM;
    for (uint32_t fold = 1; d && fold < DATASET_FOLDS; fold++)
        c->begin[fold] = c->begin[fold - 1] + votes_of(d, fold - 1);
    return rc;
}

static void course_close(struct course *c)
{
    for (int k = 0; k < LEARNERS; k++)
        free(c->votes[k]);
    free((void *)(uintptr_t)c->data);
}

int main(int argc, char **argv)
{
    struct example e;
    struct table t;
    struct course c;
    char title[160], what[64], words[512] = "";
    example_open(&e, &about, argc, argv);
    find_table(&e, &t, title, sizeof title);
    int rc = course_open(&c, &e, &t);
    if (rc >= 0)
        rc = e.serial ? learn_serially(&e, &c) : learn_tasks(&e, &c, &t);
    if (rc >= 0)
        rc = conclude(&e, &c, title, words, sizeof words);
    snprintf(what, sizeof what, "%zu rows", t.rows);
    table_free(&t);
    course_close(&c);
    return example_close(&e, rc, what, "%s", words);
}
