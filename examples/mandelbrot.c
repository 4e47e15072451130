/* examples/mandelbrot.c - a picture of the Mandelbrot set, rows as slices.
 *
 * Rows differ a hundredfold in work: the slices are cut and shared out while it runs.
 * Each pixel is the mean of four samples, coloured by how fast they escape.  The
 * answer is the number of steps taken, which only needs + - * and so is the same on
 * every machine. */
#include "common/example.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tutti/patterns.h>

static const struct example_about about = {
    .name = "mandelbrot",
    .kind = "CPU",
    .summary = "A picture of a valley of the Mandelbrot set, 16 to 9.",
    .size_means = "rows of the picture",
    .size = 1080,
    .size_least = 9,
    .size_most = 20000,
    .draws = 1,
};

enum { STEPS = 1000, FAR = 256 }; /* FAR: squared distance that counts as escaped */
static const double centre_x = -0.743310, centre_y = 0.131290, high = 0.0020;

struct picture {
    tutti_ref part;  /* rows of pixels, written */
    tutti_ref steps; /* for each row the steps it took, written */
    uint64_t width, height;
};
TUTTI_TASK_RANGE(paint, "mandelbrot.rows", struct picture, tutti_none);

/* Colours at even distances on a circle that the escape time goes round. */
static const float wheel[][3] = {
    { 6, 10, 38 },    { 18, 56, 120 },  { 66, 142, 190 }, { 214, 238, 240 },
    { 255, 214, 122 }, { 236, 132, 40 }, { 140, 40, 44 },  { 48, 12, 48 },
};
enum { WHEEL = sizeof wheel / sizeof *wheel };

static void add_colour(float rgb[3], double smooth)
{
    double turn = log2(smooth + 1.0) * 2.6;
    int first = (int)turn;
    float part = (float)(turn - first);
    part = part * part * (3 - 2 * part);
    const float *a = wheel[first % WHEEL], *b = wheel[(first + 1) % WHEEL];
    for (int i = 0; i < 3; i++)
        rgb[i] += a[i] + (b[i] - a[i]) * part;
}

/* Iterate z = z * z + c; returns the steps taken and adds the colour to rgb.  A z
 * that comes back to where it was goes round for ever: the same as having taken all
 * steps. */
static unsigned sample(double cx, double cy, float rgb[3])
{
    double x = 0, y = 0, xx = 0, yy = 0, old_x = 0, old_y = 0;
    unsigned n = 0, look = 16;
    while (n < STEPS && xx + yy < FAR) {
        y = 2 * x * y + cy;
        x = xx - yy + cx;
        xx = x * x;
        yy = y * y;
        n++;
        if (x == old_x && y == old_y)
            n = STEPS;
        if (n == look) {
            old_x = x;
            old_y = y;
            look *= 2;
        }
    }
    if (n < STEPS)
        add_colour(rgb, n + 1 - log2(log2(xx + yy) / 2));
    return n;
}

static uint64_t paint_row(uint8_t *pixel, uint64_t row, uint64_t width, uint64_t height)
{
    double step = high / (double)(2 * height);
    double left = centre_x - (double)width * step;
    double top = centre_y + (double)height * step;
    uint64_t steps = 0;
    for (uint64_t i = 0; i < width; i++, pixel += 3) {
        float rgb[3] = { 0 };
        for (unsigned k = 0; k < 4; k++)
            steps += sample(left + step * (double)(2 * i + k % 2),
                            top - step * (double)(2 * row + k / 2), rgb);
        for (int k = 0; k < 3; k++)
            pixel[k] = (uint8_t)(rgb[k] / 4 + 0.5f);
    }
    return steps;
}

static int paint(const struct picture *in, tutti_none *out)
{
    (void)out;
    uint64_t from = in->part.from, count = in->part.count, width = in->width;
    tutti_ref mine = tutti_ref_slice(in->steps, from, count);
    uint8_t *pixels = tutti_ref_edit(&in->part);
    uint64_t *steps = tutti_ref_edit(&mine);
    for (uint64_t i = 0; i < count; i++)
        steps[i] = paint_row(pixels + i * width * 3, from + i, width, in->height);
    return 0;
}

static int finish(struct example *e, const uint8_t *pixels, const uint64_t *steps,
                  uint64_t width, uint64_t *total)
{
    for (uint64_t i = 0; i < e->size; i++)
        *total += steps[i];
    return example_draw(e, pixels, (uint32_t)width, (uint32_t)e->size);
}

static int mandelbrot_serial(struct example *e, uint64_t width, uint64_t *total)
{
    uint64_t height = e->size;
    uint8_t *pixels = calloc(height, width * 3);
    uint64_t *steps = calloc(height, sizeof *steps);
    int rc = -ENOMEM;
    if (pixels && steps) {
        example_start(e);
        for (uint64_t i = 0; i < height; i++)
            steps[i] = paint_row(pixels + i * width * 3, i, width, height);
        example_stop(e);
        rc = finish(e, pixels, steps, width, total);
    }
    free(pixels);
    free(steps);
    return rc;
}

static int mandelbrot_tasks(struct example *e, uint64_t width, uint64_t *total)
{
    struct picture in = { .width = width, .height = e->size };
    int rc = 0;
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    uint8_t *pixels = tutti_share(&s, e->size, width * 3, TUTTI_WRITE, &in.part);
    uint64_t *steps = tutti_share(&s, e->size, sizeof *steps, TUTTI_WRITE, &in.steps);
    if (pixels && steps) {
        example_start(e);
        rc = tutti_for(&s, &paint_task, (tutti_bytes){ &in, sizeof in }, 0);
        example_stop(e);
        if (rc >= 0)
            rc = finish(e, pixels, steps, width, total);
    }
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    struct example e;
    uint64_t total = 0;
    char what[64];
    example_open(&e, &about, argc, argv);
    uint64_t width = e.size * 16 / 9;
    int rc = e.serial ? mandelbrot_serial(&e, width, &total)
                      : mandelbrot_tasks(&e, width, &total);
    snprintf(what, sizeof what, "%llu rows", (unsigned long long)e.size);
    return example_close(&e, rc, what, "%llu steps", (unsigned long long)total);
}
