/* examples/common/learners.c - the two that need little: nearest neighbours and naive
 * Bayes, and the way to the others; see learners.h. */
#include "learners.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { NEIGHBOURS = 5 };

const char *const learner_names[LEARNERS] = {
    "nearest neighbours", "naive Bayes", "logistic regression", "linear SVM",
    "random forest",
};

/* --- which rows are for what ------------------------------------------------------ */

uint32_t fold_size(const struct dataset *d, uint32_t fold)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->rows; i++)
        n += dataset_fold(d)[i] == fold;
    return n;
}

int sides_make(struct sides *s, const struct dataset *d, uint32_t fold)
{
    s->asks = fold_size(d, fold);
    s->learns = 0;
    s->learn = malloc(sizeof *s->learn * (d->rows + 1));
    if (!s->learn)
        return -ENOMEM;
    s->ask = s->learn + (d->rows - s->asks);
    for (uint32_t i = 0, asked = 0; i < d->rows; i++)
        if (dataset_fold(d)[i] == fold)
            s->ask[asked++] = i;
        else
            s->learn[s->learns++] = i;
    return 0;
}

void sides_free(struct sides *s)
{
    free(s->learn);
}

void columns_scale(const struct dataset *d, const struct sides *s, double *mean,
                   double *inverse)
{
    for (uint32_t c = 0; c < d->columns; c++) {
        double sum = 0, square = 0;
        for (uint32_t i = 0; i < s->learns; i++)
            sum += dataset_row(d, s->learn[i])[c];
        mean[c] = sum / s->learns;
        for (uint32_t i = 0; i < s->learns; i++) {
            double off = dataset_row(d, s->learn[i])[c] - mean[c];
            square += off * off;
        }
        inverse[c] = square > 0 ? 1 / sqrt(square / s->learns) : 0;
    }
}

/* --- the class of the nearest ----------------------------------------------------- */

/* The nearest so far, in order. */
struct near {
    double distance[NEIGHBOURS];
    uint8_t class[NEIGHBOURS];
    int count;
};

static void near_add(struct near *n, double distance, uint8_t class)
{
    int at = n->count < NEIGHBOURS ? n->count++ : NEIGHBOURS - 1; /* the last goes */
    for (; at > 0 && n->distance[at - 1] > distance; at--) {
        n->distance[at] = n->distance[at - 1];
        n->class[at] = n->class[at - 1];
    }
    n->distance[at] = distance;
    n->class[at] = class;
}

static double distance_of(const double *a, const double *b, const double *weight,
                          uint32_t columns)
{
    double sum = 0;
    for (uint32_t c = 0; c < columns; c++)
        sum += (a[c] - b[c]) * (a[c] - b[c]) * weight[c];
    return sum;
}

static int neighbours_learn(const struct lesson *l, const struct sides *s,
                            uint16_t *votes)
{
    const struct dataset *d = l->data;
    double *mean = malloc(sizeof *mean * 2 * d->columns), *weight = mean + d->columns;
    if (!mean)
        return -ENOMEM;
    columns_scale(d, s, mean, weight);
    for (uint32_t c = 0; c < d->columns; c++)
        weight[c] *= weight[c];
    for (uint32_t i = 0; i < s->asks; i++) {
        struct near near = { .count = 0 };
        const double *asked = dataset_row(d, s->ask[i]);
        for (uint32_t k = 0; k < s->learns; k++) {
            double distance =
                distance_of(asked, dataset_row(d, s->learn[k]), weight, d->columns);
            if (near.count < NEIGHBOURS || distance < near.distance[NEIGHBOURS - 1])
                near_add(&near, distance, dataset_class(d)[s->learn[k]]);
        }
        for (int k = 0; k < near.count; k++)
            votes[i * d->classes + near.class[k]]++;
    }
    free(mean);
    return 0;
}

/* --- naive Bayes, a bell for each class and column -------------------------------- */

/* What classes have in the columns.  Holds: mean and spread (variance) have classes x
 * columns numbers each, zero at first; count has a number for each class. */
struct bells {
    double *mean, *spread;
    uint32_t count[DATASET_CLASSES];
};

static void bells_add(const struct dataset *d, struct bells *b, uint32_t row)
{
    uint32_t class = dataset_class(d)[row];
    b->count[class]++;
    for (uint32_t c = 0; c < d->columns; c++)
        b->mean[class * d->columns + c] += dataset_row(d, row)[c];
}

static void bells_widen(const struct dataset *d, struct bells *b, uint32_t row)
{
    uint32_t at = dataset_class(d)[row] * d->columns;
    for (uint32_t c = 0; c < d->columns; c++) {
        double off = dataset_row(d, row)[c] - b->mean[at + c];
        b->spread[at + c] += off * off;
    }
}

/* In a class in which a column never changed it might: a little, by the widest of the
 * others; if it changes in none, it says nothing. */
static void bells_soften(const struct dataset *d, struct bells *b)
{
    for (uint32_t c = 0; c < d->columns; c++) {
        double widest = 0;
        for (uint32_t class = 0; class < d->classes; class++)
            widest = fmax(widest, b->spread[class * d->columns + c]);
        for (uint32_t class = 0; class < d->classes; class++)
            b->spread[class * d->columns + c] += widest > 0 ? 1e-3 * widest : 1;
    }
}

static void bells_fit(const struct dataset *d, const struct sides *s, struct bells *b)
{
    uint32_t all = d->classes * d->columns;
    for (uint32_t i = 0; i < s->learns; i++)
        bells_add(d, b, s->learn[i]);
    for (uint32_t k = 0; k < all; k++)
        b->mean[k] /= fmax(1, b->count[k / d->columns]);
    for (uint32_t i = 0; i < s->learns; i++)
        bells_widen(d, b, s->learn[i]);
    for (uint32_t k = 0; k < all; k++)
        b->spread[k] /= fmax(1, b->count[k / d->columns]);
    bells_soften(d, b);
}

static uint32_t bells_ask(const struct dataset *d, const struct bells *b,
                          const double *row)
{
    double best = -HUGE_VAL;
    uint32_t found = 0;
    for (uint32_t class = 0; class < d->classes; class++) {
        double likely = log((double)b->count[class]); /* none learnt: never */
        for (uint32_t c = 0; c < d->columns; c++) {
            double off = row[c] - b->mean[class * d->columns + c];
            double wide = b->spread[class * d->columns + c];
            likely -= 0.5 * (log(wide) + off * off / wide);
        }
        if (likely > best) {
            best = likely;
            found = class;
        }
    }
    return found;
}

static int bayes_learn(const struct lesson *l, const struct sides *s, uint16_t *votes)
{
    const struct dataset *d = l->data;
    size_t numbers = (size_t)d->classes * d->columns;
    struct bells b = { .mean = calloc(2 * numbers, sizeof *b.mean) };
    if (!b.mean)
        return -ENOMEM;
    b.spread = b.mean + numbers;
    bells_fit(d, s, &b);
    for (uint32_t i = 0; i < s->asks; i++)
        votes[i * d->classes + bells_ask(d, &b, dataset_row(d, s->ask[i]))]++;
    free(b.mean);
    return 0;
}

int learn(const struct lesson *l, uint16_t *votes)
{
    struct sides s;
    int rc = sides_make(&s, l->data, l->fold);
    if (rc < 0)
        return rc;
    switch (l->learner) {
    case 0: rc = neighbours_learn(l, &s, votes); break;
    case 1: rc = bayes_learn(l, &s, votes); break;
    case 2: rc = linear_learn(l, &s, 1, votes); break;
    case 3: rc = linear_learn(l, &s, 0, votes); break;
    default: rc = forest_learn(l, &s, votes);
    }
    sides_free(&s);
    return rc;
}
