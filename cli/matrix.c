/* matrix.c - turns runs into figures: medians, ratios to serial, and which executor
 * to call best.  The rules are in tour.h and `tutti help tour`.
 * Tests: tests/cli_test.sh. */
#include "tour.h"
#include <stdlib.h>
#include <string.h>

bool matrix_init(struct matrix *m, const bool *wanted, int rounds, const char *size)
{
    *m = (struct matrix){ .rounds = rounds, .size = size };
    m->rows = calloc((size_t)catalog_count, sizeof *m->rows);
    for (int i = 0; m->rows && i < catalog_count; i++) {
        if (!wanted[i])
            continue;
        struct row *row = &m->rows[m->count++];
        row->program = &catalog[i];
        row->best = -1;
        for (int e = 0; e < EXECUTORS; e++) {
            row->cells[e].runs = calloc((size_t)rounds, sizeof(struct sample));
            if (!row->cells[e].runs)
                return false;
        }
    }
    return m->rows != NULL;
}

static void row_free(struct row *row)
{
    free(row->kind);
    free(row->what);
    free(row->answer);
    free(row->picture);
    free(row->lacks);
    for (int e = 0; e < EXECUTORS; e++) {
        free(row->cells[e].runs);
        free(row->cells[e].failure);
        free(row->cells[e].note);
    }
}

void matrix_free(struct matrix *m)
{
    for (int i = 0; i < m->count; i++)
        row_free(&m->rows[i]);
    free(m->rows);
    *m = (struct matrix){ 0 };
}

void matrix_drop(struct matrix *m, int i)
{
    row_free(&m->rows[i]);
    m->count--;
    memmove(&m->rows[i], &m->rows[i + 1], (size_t)(m->count - i) * sizeof *m->rows);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median_of(const double *values, int count)
{
    if (count <= 0 || count > ROUNDS_MAX)
        return 0;
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return count % 2 ? sorted[count / 2]
                     : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static double of_seconds(const struct sample *s)
{
    return s->seconds;
}
static double of_cpus(const struct sample *s)
{
    return s->cpu_seconds / s->seconds;
}
static double of_wanted(const struct sample *s)
{
    double had = of_cpus(s), cpus = had * (1 + s->crowded);
    double most = had > 1 ? had : 1; /* one thread wants one at most */
    return cpus > most ? most : cpus;
}
static double of_crowded(const struct sample *s)
{
    return s->crowded / (1 + s->crowded);
}
static double of_cpu(const struct sample *s)
{
    return s->cpu_seconds;
}
static double of_switches(const struct sample *s)
{
    return (double)s->switches;
}
static double of_started(const struct sample *s)
{
    return (double)s->started;
}

static double cell_median(const struct cell *c, double (*of)(const struct sample *))
{
    double values[ROUNDS_MAX];
    for (int i = 0; i < c->count; i++)
        values[i] = of(&c->runs[i]);
    return median_of(values, c->count);
}

/* The most of all runs, or with sign -1 the least. */
static double cell_bound(const struct cell *c, double (*of)(const struct sample *),
                         int sign)
{
    double bound = of(&c->runs[0]);
    for (int i = 1; i < c->count; i++)
        if (sign * of(&c->runs[i]) > sign * bound)
            bound = of(&c->runs[i]);
    return bound;
}

static void cell_finish(struct cell *c, double serial)
{
    if (c->failure)
        c->count = 0; /* some runs went well, but they are not the figure */
    if (!c->count)
        return;
    c->seconds = cell_median(c, of_seconds);
    c->cpus = cell_median(c, of_cpus);
    c->wanted = cell_median(c, of_wanted);
    c->switches = (uint64_t)cell_median(c, of_switches);
    c->started = (uint64_t)cell_median(c, of_started);
    c->workers = c->runs[0].workers;
    c->cpu = cell_median(c, of_cpu);
    c->low = cell_bound(c, of_seconds, -1);
    c->high = cell_bound(c, of_seconds, 1);
    c->cpu_low = cell_bound(c, of_cpu, -1);
    c->cpu_high = cell_bound(c, of_cpu, 1);
    c->ratio = serial > 0 ? serial / c->seconds : 0;
}

void row_finish(struct row *row)
{
    double fastest = 0;
    cell_finish(&row->cells[SERIAL], 0);
    for (int e = 0; e < EXECUTORS; e++) {
        struct cell *c = &row->cells[e];
        if (e != SERIAL)
            cell_finish(c, row->cells[SERIAL].seconds);
        if (c->count && executors[e].candidate &&
            (fastest == 0 || c->seconds < fastest))
            fastest = c->seconds;
    }
    if (row->cells[SERIAL].count)
        row->cells[SERIAL].ratio = 1;
    row->best = -1;
    for (int e = 0; e < EXECUTORS && row->best < 0; e++)
        if (row->cells[e].count && executors[e].candidate &&
            row->cells[e].seconds <= fastest * MATRIX_NEAR)
            row->best = e;
    if (!row->cells[SERIAL].count)
        row->best = -1; /* nothing to compare with */
}

int row_bound(const struct row *row)
{
    double wanted = row->cells[SERIAL].wanted;
    return wanted >= 0.9 ? BOUND_CPU : wanted <= 0.5 ? BOUND_IO : BOUND_MIXED;
}

bool cell_shaky(const struct cell *c)
{
    return c->count && c->high - c->low > MATRIX_SPREAD * c->seconds;
}

bool row_complete(const struct row *row)
{
    for (int e = 0; e < EXECUTORS; e++)
        if (!row->cells[e].count)
            return false;
    return true;
}

int matrix_figures(const struct matrix *m)
{
    int count = 0;
    for (int i = 0; i < m->count; i++)
        count += row_complete(&m->rows[i]);
    return count;
}

double matrix_crowded(const struct matrix *m)
{
    double values[ROUNDS_MAX];
    int count = 0;
    for (int i = 0; i < m->count && i < ROUNDS_MAX; i++)
        if (m->rows[i].cells[SERIAL].count)
            values[count++] = cell_median(&m->rows[i].cells[SERIAL], of_crowded);
    return median_of(values, count);
}

int matrix_failures(const struct matrix *m)
{
    int count = 0;
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++)
            count += m->rows[i].cells[e].failure != NULL;
    return count;
}

int matrix_differences(const struct matrix *m)
{
    int count = 0;
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++)
            count += m->rows[i].cells[e].differed;
    return count;
}
