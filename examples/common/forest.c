/* examples/common/forest.c - a random forest: each tree learns from rows drawn with
 * repetition, asks at each fork about a few columns drawn anew, and has one vote; see
 * learners.h.  What is drawn depends on the numbers of fold and tree alone. */
#include "learners.h"
#include "example.h"
#include <math.h>
#include <stdlib.h>

/* A fork, or a leaf if left is 0: then class is the answer. */
struct node {
    double least; /* a row whose value is not above this goes left */
    uint32_t column, left, right;
    uint32_t class;
};

/* One row of those that reached a fork, with its value in the column looked at. */
struct seen {
    double value;
    uint32_t row, class;
};

/* A tree that grows.  Holds: node has room for twice as many as rows are learnt
 * from. */
struct tree {
    const struct dataset *data;
    struct node *node;
    struct seen *seen;
    uint32_t nodes, tries;
    uint64_t random;
};

static uint64_t draw(struct tree *t, uint64_t below)
{
    t->random = example_random(t->random);
    return t->random % below;
}

static int by_value(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    return x->value != y->value ? (x->value > y->value) - (x->value < y->value)
                                : (x->row > y->row) - (x->row < y->row);
}

/* How pure n rows are of which `count` are of each class; between 0 and n. */
static double purity(const uint32_t *count, uint32_t classes, uint32_t n)
{
    uint64_t squares = 0;
    for (uint32_t c = 0; c < classes; c++)
        squares += (uint64_t)count[c] * count[c];
    return (double)squares / n;
}

/* Where to cut n rows that are sorted by value, such that both sides together are purer
 * than *best, which becomes how pure they are; 0: nowhere. */
static uint32_t cut(const struct seen *seen, uint32_t n, double *best)
{
    uint32_t left[DATASET_CLASSES] = { 0 }, right[DATASET_CLASSES] = { 0 }, at = 0;
    uint64_t lefts = 0, rights = 0; /* the sums of their squares */
    for (uint32_t i = 0; i < n; i++)
        rights += 2 * right[seen[i].class]++ + 1;
    for (uint32_t i = 1; i < n; i++) {
        lefts += 2 * left[seen[i - 1].class]++ + 1;
        rights -= 2 * right[seen[i - 1].class]-- - 1;
        double pure = (double)lefts / i + (double)rights / (n - i);
        if (pure > *best && seen[i - 1].value != seen[i].value) {
            *best = pure;
            at = i;
        }
    }
    return at;
}

static uint32_t commonest(const struct seen *seen, uint32_t n, uint32_t *most)
{
    uint32_t count[DATASET_CLASSES] = { 0 }, class = 0;
    for (uint32_t i = 0; i < n; i++)
        count[seen[i].class]++;
    for (uint32_t c = 1; c < DATASET_CLASSES; c++)
        if (count[c] > count[class])
            class = c;
    *most = count[class];
    return class;
}

/* The best of a few columns; where it cuts, or 0.  seen is left in its order. */
static uint32_t fork_find(struct tree *t, struct seen *seen, uint32_t n,
                          struct node *fork)
{
    double best = 0;
    uint32_t count[DATASET_CLASSES] = { 0 }, found = 0;
    for (uint32_t i = 0; i < n; i++)
        count[seen[i].class]++;
    best = purity(count, t->data->classes, n) * (1 + 1e-12);
    for (uint32_t k = 0; k < t->tries; k++) {
        uint32_t column = (uint32_t)draw(t, t->data->columns);
        for (uint32_t i = 0; i < n; i++)
            seen[i].value = dataset_row(t->data, seen[i].row)[column];
        qsort(seen, n, sizeof *seen, by_value);
        uint32_t at = cut(seen, n, &best);
        if (!at)
            continue;
        found = at;
        fork->column = column;
        fork->least = seen[at - 1].value + (seen[at].value - seen[at - 1].value) / 2;
        if (fork->least >= seen[at].value) /* two neighbours have no number between */
            fork->least = seen[at - 1].value;
    }
    return found;
}

/* Bring those that go left to the front. */
static void part(const struct tree *t, struct seen *seen, uint32_t n,
                 const struct node *fork)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < n; i++)
        if (dataset_row(t->data, seen[i].row)[fork->column] <= fork->least) {
            struct seen one = seen[i];
            seen[i] = seen[left];
            seen[left++] = one;
        }
}

/* As deep as it goes, but no more than `deep`; the number of the node. */
static uint32_t grow(struct tree *t, struct seen *seen, uint32_t n, int deep)
{
    uint32_t self = t->nodes++, most;
    struct node fork = { .class = commonest(seen, n, &most) };
    uint32_t at = most == n || !deep ? 0 : fork_find(t, seen, n, &fork);
    if (at) {
        part(t, seen, n, &fork);
        fork.left = grow(t, seen, at, deep - 1);
        fork.right = grow(t, seen + at, n - at, deep - 1);
    }
    t->node[self] = fork;
    return self;
}

static uint32_t ask(const struct tree *t, const double *row)
{
    uint32_t at = 0;
    while (t->node[at].left)
        at = row[t->node[at].column] <= t->node[at].least ? t->node[at].left
                                                          : t->node[at].right;
    return t->node[at].class;
}

int forest_learn(const struct lesson *l, const struct sides *s, uint16_t *votes)
{
    enum { DEEP_MOST = 64 };
    const struct dataset *d = l->data;
    struct tree t = { .data = d, .tries = (uint32_t)ceil(sqrt(d->columns)) };
    t.node = malloc(sizeof *t.node * (2 * s->learns + 1));
    t.seen = malloc(sizeof *t.seen * (s->learns + 1));
    for (uint32_t k = 0; t.node && t.seen && k < l->trees; k++) {
        t.nodes = 0;
        t.random = example_random((uint64_t)l->fold << 32 | (l->first + k));
        for (uint32_t i = 0; i < s->learns; i++) {
            uint32_t row = s->learn[draw(&t, s->learns)];
            t.seen[i] = (struct seen){ 0, row, dataset_class(d)[row] };
        }
        grow(&t, t.seen, s->learns, DEEP_MOST);
        for (uint32_t i = 0; i < s->asks; i++)
            votes[i * d->classes + ask(&t, dataset_row(d, s->ask[i]))]++;
    }
    int rc = t.node && t.seen ? 0 : -ENOMEM;
    free(t.node);
    free(t.seen);
    return rc;
}
