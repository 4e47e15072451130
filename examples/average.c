/* examples/average.c - the average of 64 million numbers, over chunks.
 *
 * Adding doubles in another order gives other last bits.  tutti_reduce cuts by the
 * count of numbers alone and folds the parts in their order, so the mean is the same
 * to the last bit on every executor, and the plain loop gets it too by cutting as it
 * does. */
#include "common/example.h"
#include <stdio.h>
#include <stdlib.h>
#include <tutti/patterns.h>

static const struct example_about about = {
    .name = "average",
    .kind = "CPU",
    .summary = "The average of many numbers, added up in chunks.  4 bytes a number.",
    .size_means = "how many numbers",
    .size = 64000000,
    .size_least = 1,
    .size_most = UINT64_C(4000000000),
};

struct chunk {
    tutti_ref part; /* numbers, float */
};
struct sum {
    double sum;
};
TUTTI_TASK_RANGE(add, "average.add", struct chunk, struct sum);

/* Kahan's sum: `lost` holds what the last addition rounded away, for the next to bring
 * back, so the mean of many numbers is as good as that of few.  Four sums side by side:
 * one alone would wait for each addition to end before the next can begin. */
static double add_up(const float *x, uint64_t n)
{
    enum { LANES = 4 };
    double sum[LANES] = { 0 }, lost[LANES] = { 0 };
    uint64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double value = (double)x[i + l] - lost[l], next = sum[l] + value;
            lost[l] = (next - sum[l]) - value;
            sum[l] = next;
        }
    for (; i < n; i++)
        sum[0] += (double)x[i];
    return ((sum[0] - lost[0]) + (sum[1] - lost[1])) +
           ((sum[2] - lost[2]) + (sum[3] - lost[3]));
}

static int add(const struct chunk *in, struct sum *out)
{
    const float *x = tutti_ref_view(&in->part);
    out->sum = add_up(x, in->part.count);
    return 0;
}

static void join(void *ctx, void *total, const void *part)
{
    (void)ctx;
    ((struct sum *)total)->sum += ((const struct sum *)part)->sum;
}

/* Numbers from 0 to 1, the same at every run. */
static void fill(float *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        x[i] = (float)(example_random(i) >> 40) * 0x1p-24f;
}

static int average_serial(struct example *e, struct sum *total)
{
    uint64_t n = e->size, slice = tutti_reduce_slice(n, 0);
    float *x = malloc(n * sizeof *x);
    if (!x)
        return -ENOMEM;
    fill(x, n);
    example_start(e);
    for (uint64_t from = 0; from < n; from += slice)
        total->sum += add_up(x + from, n - from < slice ? n - from : slice);
    example_stop(e);
    free(x);
    return 0;
}

static int average_tasks(struct example *e, struct sum *total)
{
    struct chunk in;
    int rc = 0;
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    float *x = tutti_share(&s, e->size, sizeof *x, TUTTI_READ, &in.part);
    if (x) {
        fill(x, e->size);
        example_start(e);
        rc = tutti_reduce(&s, &add_task, (tutti_bytes){ &in, sizeof in }, 0, join, NULL,
                          total);
        example_stop(e);
    }
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    struct example e;
    struct sum total = { 0 };
    char what[64];
    example_open(&e, &about, argc, argv);
    int rc = e.serial ? average_serial(&e, &total) : average_tasks(&e, &total);
    int millions = e.size % 1000000 == 0;
    snprintf(what, sizeof what, "%llu%s numbers",
             (unsigned long long)(millions ? e.size / 1000000 : e.size),
             millions ? " M" : "");
    return example_close(&e, rc, what, "mean %.17g", total.sum / (double)e.size);
}
