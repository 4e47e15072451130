/* examples/matmul.c - the product of two matrices of doubles, rows as slices.
 *
 * Each task gets some rows of A to read, all of B to read, and the same rows of C to
 * write: refs, so that nothing is copied for it.  Every element of C is added up in the
 * same order whoever does it, so the checksum is the same everywhere. */
#include "common/example.h"
#include <stdio.h>
#include <stdlib.h>
#include <tutti/patterns.h>

static const struct example_about about = {
    .name = "matmul",
    .kind = "CPU",
    .summary = "The product of two matrices of doubles, in blocks that fit the cache.",
    .size_means = "rows and columns of each matrix",
    .size = 1024,
    .size_least = 1,
    .size_most = 16384,
};

struct product {
    tutti_ref part; /* rows of a */
    tutti_ref b, c; /* rows */
    uint64_t n;
};
TUTTI_TASK_RANGE(multiply, "matmul.rows", struct product, tutti_none);

enum {
    BLOCK_K = 64, /* a block of b: 128 KiB, half of a usual L2 */
    BLOCK_J = 256,
    GRAIN = 32 /* rows that are worth fetching a block for */
};

/* c[j] += a row of a times columns j of b, for `high` rows of b and `wide` columns;
 * four rows of b at once, so that c is read and written a quarter as often. */
static void multiply_block(const double *restrict a, const double *restrict b,
                           double *restrict c, uint64_t n, uint64_t high, uint64_t wide)
{
    uint64_t k = 0;
    for (; k + 4 <= high; k += 4) {
        const double *b0 = b + k * n, *b1 = b0 + n, *b2 = b1 + n, *b3 = b2 + n;
        double a0 = a[k], a1 = a[k + 1], a2 = a[k + 2], a3 = a[k + 3];
        for (uint64_t j = 0; j < wide; j++)
            c[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j]);
    }
    for (; k < high; k++)
        for (uint64_t j = 0; j < wide; j++)
            c[j] += a[k] * b[k * n + j];
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void multiply_rows(const double *a, const double *b, double *c, uint64_t rows,
                          uint64_t n)
{
    for (uint64_t j = 0; j < n; j += BLOCK_J)
        for (uint64_t k = 0; k < n; k += BLOCK_K)
            for (uint64_t i = 0; i < rows; i++)
                multiply_block(a + i * n + k, b + k * n + j, c + i * n + j, n,
                               least(BLOCK_K, n - k), least(BLOCK_J, n - j));
}

static int multiply(const struct product *in, tutti_none *out)
{
    (void)out;
    tutti_ref mine = tutti_ref_slice(in->c, in->part.from, in->part.count);
    multiply_rows(tutti_ref_view(&in->part), tutti_ref_view(&in->b),
                  tutti_ref_edit(&mine), in->part.count, in->n);
    return 0;
}

static void fill(double *a, double *b, uint64_t n)
{
    for (uint64_t i = 0; i < n * n; i++) {
        a[i] = (double)(example_random(2 * i) >> 11) * 0x1p-53 - 0.5;
        b[i] = (double)(example_random(2 * i + 1) >> 11) * 0x1p-53 - 0.5;
    }
}

/* Every element counts with another weight, so a row in the wrong place shows. */
static double checksum(const double *c, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n * n; i++)
        sum += c[i] * (double)(i % 1021 + 1);
    return sum;
}

static int matmul_serial(struct example *e, double *sum)
{
    uint64_t n = e->size;
    double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b);
    double *c = calloc(n * n, sizeof *c);
    int rc = a && b && c ? 0 : -ENOMEM;
    if (!rc) {
        fill(a, b, n);
        example_start(e);
        multiply_rows(a, b, c, n, n);
        example_stop(e);
        *sum = checksum(c, n);
    }
    free(a);
    free(b);
    free(c);
    return rc;
}

static int matmul_tasks(struct example *e, double *sum)
{
    uint64_t n = e->size, row = n * sizeof(double);
    struct product in = { .n = n };
    int rc = 0;
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    double *a = tutti_share(&s, n, row, TUTTI_READ, &in.part);
    double *b = tutti_share(&s, n, row, TUTTI_READ, &in.b);
    double *c = tutti_share(&s, n, row, TUTTI_WRITE, &in.c);
    if (a && b && c) {
        fill(a, b, n);
        example_start(e);
        rc = tutti_for(&s, &multiply_task, (tutti_bytes){ &in, sizeof in }, GRAIN);
        example_stop(e);
        *sum = checksum(c, n);
    }
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    struct example e;
    double sum = 0;
    char what[64];
    example_open(&e, &about, argc, argv);
    int rc = e.serial ? matmul_serial(&e, &sum) : matmul_tasks(&e, &sum);
    snprintf(what, sizeof what, "%llu rows", (unsigned long long)e.size);
    return example_close(&e, rc, what, "checksum %.17g", sum);
}
