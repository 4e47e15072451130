/* examples/common/dataset.c - see dataset.h. */
#include "dataset.h"
#include "example.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LINE_MOST = 1 << 17, ROWS_MOST = 1000000, NOT_A_ROW = 1 };
#define GAPS ",; \t\r\n"

__attribute__((format(printf, 2, 3))) static int refuse(struct table *t,
                                                        const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(t->why, sizeof t->why, format, list);
    va_end(list);
    return -1;
}

void table_free(struct table *t)
{
    free(t->values);
    free(t->class);
    *t = (struct table){ 0 };
}

/* --- rows ------------------------------------------------------------------------- */

/* Room for another row, zeroed; NULL: no memory. */
static double *row_add(struct table *t)
{
    size_t need = (t->rows + 1) * t->columns;
    if (need > t->values_room) {
        size_t room = need * 2 + 1024;
        double *values = realloc(t->values, room * sizeof *values);
        if (!values)
            return NULL;
        t->values = values;
        t->values_room = room;
    }
    if (t->rows == t->class_room) {
        size_t room = t->rows * 2 + 256;
        uint8_t *class = realloc(t->class, room);
        if (!class)
            return NULL;
        t->class = class;
        t->class_room = room;
    }
    return memset(t->values + t->rows * t->columns, 0, t->columns * sizeof(double));
}

/* The number of a class by its name; -1 when there are too many. */
static int class_of(struct table *t, const char *name)
{
    for (size_t i = 0; i < t->classes; i++)
        if (!strncmp(t->names[i], name, sizeof t->names[i] - 1))
            return (int)i;
    if (t->classes == DATASET_CLASSES)
        return -1;
    snprintf(t->names[t->classes], sizeof t->names[0], "%s", name);
    return (int)t->classes++;
}

static int number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out);
}

static size_t fields_of(char *line, char **field, size_t most)
{
    size_t n = 0;
    char *rest = NULL;
    for (char *f = strtok_r(line, GAPS, &rest); f; f = strtok_r(NULL, GAPS, &rest)) {
        if (n < most)
            field[n] = f;
        n++;
    }
    return n;
}

static int row_end(struct table *t, const char *name)
{
    int class = class_of(t, name);
    if (class < 0)
        return refuse(t, "more than %d classes", DATASET_CLASSES);
    t->class[t->rows++] = (uint8_t)class;
    return t->rows <= ROWS_MOST ? 0 : refuse(t, "more than %d rows", ROWS_MOST);
}

static int take_csv(struct table *t, char **field, size_t n, int may_be_names)
{
    double value;
    for (size_t i = 0; i + 1 < n; i++)
        if (!number(field[i], &value))
            return may_be_names ? NOT_A_ROW
                                : refuse(t, "\"%.30s\" is no number", field[i]);
    if (n < 2 || n > DATASET_COLUMNS)
        return refuse(t, "a row has 2 to %d columns, not %zu", DATASET_COLUMNS, n);
    if (!t->rows)
        t->columns = n - 1;
    if (t->columns != n - 1)
        return refuse(t, "%zu columns, not %zu as before", n, t->columns + 1);
    double *row = row_add(t);
    if (!row)
        return refuse(t, "no memory");
    for (size_t i = 0; i + 1 < n; i++)
        number(field[i], &row[i]);
    return row_end(t, field[n - 1]);
}

/* "column:value"; columns count from 1. */
static int split_pair(char *text, size_t *column, double *value)
{
    char *colon = strchr(text, ':'), *end;
    if (!colon || *text < '0' || *text > '9')
        return 0;
    *column = strtoul(text, &end, 10);
    return end == colon && *column && *column <= DATASET_COLUMNS &&
           number(colon + 1, value);
}

/* Rows that are shorter than a later one get zeros behind them. */
static int widen(struct table *t, size_t columns)
{
    double *wide = calloc((t->rows + 1) * columns + 1024, sizeof *wide);
    if (!wide)
        return refuse(t, "no memory");
    for (size_t i = 0; i < t->rows; i++)
        memcpy(wide + i * columns, t->values + i * t->columns,
               t->columns * sizeof *wide);
    free(t->values);
    t->values = wide;
    t->values_room = (t->rows + 1) * columns + 1024;
    t->columns = columns;
    return 0;
}

static int take_sparse(struct table *t, char **field, size_t n)
{
    size_t column, most = t->columns;
    double value;
    for (size_t i = 1; i < n; i++) {
        if (!split_pair(field[i], &column, &value))
            return refuse(t, "\"%.30s\" is no column:value", field[i]);
        most = column > most ? column : most;
    }
    if (most > t->columns && widen(t, most))
        return -1;
    double *row = row_add(t);
    if (!row)
        return refuse(t, "no memory");
    for (size_t i = 1; i < n; i++)
        if (split_pair(field[i], &column, &value))
            row[column - 1] = value;
    return row_end(t, field[0]);
}

/* --- files ------------------------------------------------------------------------ */

static int take_line(struct table *t, char *line, int first)
{
    static char *field[DATASET_COLUMNS + 2];
    int sparse = strchr(line, ':') != NULL;
    size_t n = fields_of(line, field, DATASET_COLUMNS + 2);
    if (!n || n > DATASET_COLUMNS + 1)
        return n ? refuse(t, "more than %d columns", DATASET_COLUMNS) : NOT_A_ROW;
    return sparse ? take_sparse(t, field, n) : take_csv(t, field, n, first);
}

static int is_enough(struct table *t, const char *path)
{
    if (t->classes < 2)
        return refuse(t, "\"%s\" has %zu classes; two are the least", path, t->classes);
    if (t->rows < 2 * DATASET_FOLDS)
        return refuse(t, "\"%s\" has %zu rows; %d are the least", path, t->rows,
                      2 * DATASET_FOLDS);
    return 0;
}

int table_read(struct table *t, const char *path)
{
    char words[sizeof t->why];
    char *line = malloc(LINE_MOST);
    gzFile f = gzopen(path, "re");
    int rc = 0, at = 0;
    *t = (struct table){ 0 };
    if (!f || !line)
        rc = refuse(t, "cannot read \"%s\": %s", path, strerror(errno));
    while (rc >= 0 && gzgets(f, line, LINE_MOST)) {
        at++;
        rc = strchr(line, '\n') || gzeof(f)
                 ? take_line(t, line, at == 1)
                 : refuse(t, "longer than %d bytes", LINE_MOST);
        if (rc < 0 && snprintf(words, sizeof words, "%s", t->why) >= 0)
            refuse(t, "\"%.60s\", line %d: %.60s", path, at, words);
    }
    if (rc >= 0 && f && !gzeof(f))
        rc = refuse(t, "\"%s\" cannot be read to its end", path);
    if (rc >= 0)
        rc = is_enough(t, path);
    if (f)
        gzclose_r(f);
    free(line);
    return rc < 0 ? -1 : 0;
}

int table_make(struct table *t, size_t rows)
{
    enum { COLUMNS = 16, CLASSES = 5 };
    *t = (struct table){ .columns = COLUMNS };
    for (size_t i = 0; i < rows; i++) {
        char name[16];
        double *row = row_add(t);
        uint64_t class = i % CLASSES;
        for (uint64_t c = 0; row && c < COLUMNS; c++) {
            double place =
                (double)(example_random(class * COLUMNS + c) >> 11) * 0x1p-53;
            double noise = 0;
            for (uint64_t k = 0; k < 12; k++) /* near a bell, and the same everywhere */
                noise +=
                    (double)(example_random(((i + 9) * COLUMNS + c) * 12 + k) >> 11);
            row[c] = place + 0.6 * (noise * 0x1p-53 - 6);
        }
        snprintf(name, sizeof name, "cloud %d", (int)class);
        if (!row || row_end(t, name))
            return refuse(t, "no memory");
    }
    return is_enough(t, "made up");
}

/* --- the block -------------------------------------------------------------------- */

size_t dataset_size(const struct table *t)
{
    return sizeof(struct dataset) + t->rows * t->columns * sizeof(double) + 2 * t->rows;
}

/* Each ten rows of a class go to the ten folds, in an order without a pattern. */
static uint8_t fold_of(uint64_t class, uint32_t i)
{
    uint8_t order[DATASET_FOLDS];
    for (uint32_t k = 0; k < DATASET_FOLDS; k++) {
        uint64_t ten = class << 32 | i / DATASET_FOLDS;
        uint32_t at = (uint32_t)(example_random(ten * DATASET_FOLDS + k) % (k + 1));
        order[k] = order[at];
        order[at] = (uint8_t)k;
    }
    return order[i % DATASET_FOLDS];
}

void dataset_write(const struct table *t, void *to)
{
    struct dataset *d = to;
    uint32_t dealt[DATASET_CLASSES] = { 0 };
    *d = (struct dataset){ (uint32_t)t->rows, (uint32_t)t->columns,
                           (uint32_t)t->classes, 0 };
    memcpy(d->values, t->values, t->rows * t->columns * sizeof(double));
    uint8_t *class = (uint8_t *)(d->values + t->rows * t->columns),
            *fold = class + t->rows;
    memcpy(class, t->class, t->rows);
    for (size_t k = 0; k < t->rows; k++)
        fold[k] = fold_of(class[k], dealt[class[k]]++);
}
