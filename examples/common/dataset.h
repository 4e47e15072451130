/* examples/common/dataset.h - rows of numbers, each of a known class, as one block of
 * flat bytes: read once, handed to every worker, written by nobody.  Tests:
 * tests/learn_test.py. */
#ifndef EXAMPLES_DATASET_H
#define EXAMPLES_DATASET_H
#include <stddef.h>
#include <stdint.h>

enum { DATASET_FOLDS = 10, DATASET_CLASSES = 64, DATASET_COLUMNS = 4096 };

/* What the block begins with.  Holds: rows x columns numbers lie behind it, row after
 * row; then a class for each row, below classes; then a fold for each, below
 * DATASET_FOLDS. */
struct dataset {
    uint32_t rows, columns, classes, _;
    double values[];
};
static inline const double *dataset_row(const struct dataset *d, uint32_t row)
{
    return d->values + (size_t)row * d->columns;
}
static inline const uint8_t *dataset_class(const struct dataset *d)
{
    return (const uint8_t *)(d->values + (size_t)d->rows * d->columns);
}
/* The fold in which a row is asked about, and in all others learnt from. */
static inline const uint8_t *dataset_fold(const struct dataset *d)
{
    return dataset_class(d) + d->rows;
}

/* What is being read.  Zero is empty; table_free at the end. */
struct table {
    double *values;
    uint8_t *class;
    size_t rows, columns, classes, values_room, class_room;
    char names[DATASET_CLASSES][32]; /* of classes, as they came */
    char why[160];                   /* why it could not be read */
};
/* CSV, the class in the last column, a first line with names passed over; or the sparse
 * form of LIBSVM, "class column:value ...".  Both may be packed by gzip.  0, or -1 and
 * t->why. */
int table_read(struct table *t, const char *path);
/* Made up: `rows` points of five clouds that overlap, the same on every machine. */
int table_make(struct table *t, size_t rows);
void table_free(struct table *t);

/* The block: how long it is, and all of it into to[].  Every class is dealt out over
 * the folds evenly, the same way at every run. */
size_t dataset_size(const struct table *t);
void dataset_write(const struct table *t, void *to);
#endif
