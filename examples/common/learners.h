/* examples/common/learners.h - five ways to learn from rows of a known class what the
 * class of others is.  Each learns from all folds but one, and votes for the class of
 * each row of that one.  Nothing in here knows of tasks, and nothing writes the data,
 * so all may run at once.  Tests: tests/learn_test.py. */
#ifndef EXAMPLES_LEARNERS_H
#define EXAMPLES_LEARNERS_H
#include "dataset.h"

enum { LEARNERS = 5, LEARN_FOREST = 4 };
extern const char *const learner_names[LEARNERS];

/* votes[i * classes + c] is what the i-th row of the fold gets for class c; zeroed by
 * the caller.  Trees are those from first on, of the forest alone.  0 or -ENOMEM. */
struct lesson {
    const struct dataset *data;
    uint32_t learner, fold, first, trees;
};
int learn(const struct lesson *l, uint16_t *votes);

/* How many rows are in a fold. */
uint32_t fold_size(const struct dataset *d, uint32_t fold);

/* Of learners.c, for forest.c and linear.c. */
struct sides { /* Holds: learn has learns rows that are learnt from, ask the others */
    uint32_t *learn, *ask, learns, asks;
};
int sides_make(struct sides *s, const struct dataset *d, uint32_t fold);
void sides_free(struct sides *s);
/* Means of the columns over the rows learnt from, and 1 by their deviation (0 where all
 * are the same): columns of different units, made comparable.  Both have room for
 * `columns`. */
void columns_scale(const struct dataset *d, const struct sides *s, double *mean,
                   double *inverse);
int forest_learn(const struct lesson *l, const struct sides *s, uint16_t *votes);
/* Logistic regression, or a linear support vector machine: liblinear's. */
int linear_learn(const struct lesson *l, const struct sides *s, int logistic,
                 uint16_t *votes);
#endif
