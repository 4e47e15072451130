/* examples/common/linear.c - logistic regression and a linear support vector machine,
 * by liblinear; see learners.h.  Its primal solvers draw no random numbers, so they
 * give the same model wherever they run, and any number of them may run at once. */
#include "learners.h"
#include <errno.h>
#include <linear.h>
#include <stdlib.h>
#include <string.h>

/* Rows in liblinear's form, columns scaled.  Holds: node has room for one row in front
 * of those learnt from, for the one that is asked about. */
struct rows {
    struct feature_node *node, **row;
    double *class, *mean, *inverse;
};

static void say_nothing(const char *text)
{
    (void)text;
}
__attribute__((constructor)) static void be_quiet(void)
{
    set_print_string_function(say_nothing);
}

static void rows_free(struct rows *r)
{
    free(r->node);
    free(r->row);
    free(r->class);
    free(r->mean);
}

static void row_fill(const struct dataset *d, const struct rows *r, uint32_t row,
                     struct feature_node *node)
{
    const double *x = dataset_row(d, row);
    for (uint32_t c = 0; c < d->columns; c++)
        if (r->inverse[c] > 0)
            *node++ = (struct feature_node){ (int)c + 1,
                                             (x[c] - r->mean[c]) * r->inverse[c] };
    *node++ = (struct feature_node){ (int)d->columns + 1, 1 }; /* the constant */
    node->index = -1;
}

static int rows_make(struct rows *r, const struct dataset *d, const struct sides *s)
{
    size_t width = d->columns + 2;
    *r = (struct rows){ 0 };
    r->node = malloc(sizeof *r->node * width * (s->learns + 1));
    r->row = malloc(sizeof *r->row * (s->learns + 1));
    r->class = malloc(sizeof *r->class * (s->learns + 1));
    r->mean = malloc(sizeof *r->mean * 2 * d->columns);
    if (!r->node || !r->row || !r->class || !r->mean)
        return -ENOMEM;
    r->inverse = r->mean + d->columns;
    columns_scale(d, s, r->mean, r->inverse);
    for (uint32_t i = 0; i < s->learns; i++) {
        r->row[i] = r->node + width * (i + 1);
        r->class[i] = dataset_class(d)[s->learn[i]];
        row_fill(d, r, s->learn[i], r->row[i]);
    }
    return 0;
}

int linear_learn(const struct lesson *l, const struct sides *s, int logistic,
                 uint16_t *votes)
{
    const struct dataset *d = l->data;
    struct rows r;
    int rc = rows_make(&r, d, s);
    struct problem problem = { .l = (int)s->learns,
                               .n = (int)d->columns + 1,
                               .y = r.class,
                               .x = r.row,
                               .bias = 1 };
    struct parameter how = { .solver_type = logistic ? L2R_LR : L2R_L2LOSS_SVC,
                             .eps = 0.01, .C = logistic ? 1 : 0.1, .p = 0.1 };
    struct model *m = rc < 0 ? NULL : train(&problem, &how);
    for (uint32_t i = 0; m && i < s->asks; i++) {
        row_fill(d, &r, s->ask[i], r.node);
        votes[i * d->classes + (uint32_t)predict(m, r.node)]++;
    }
    if (m)
        free_and_destroy_model(&m);
    rows_free(&r);
    return rc;
}
