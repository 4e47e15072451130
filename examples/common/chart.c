/* examples/common/chart.c - see chart.h. */
#include "chart.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tutti.h>

enum { LEFT = 190, WIDE = 420, RIGHT = 130, TOP = 64, STEP = 46, TALL = 26 };

void chart_bar_finish(struct chart_bar *bar)
{
    double sum = 0, square = 0;
    for (int i = 0; i < bar->values; i++)
        sum += bar->value[i];
    bar->mean = bar->values ? sum / bar->values : 0;
    for (int i = 0; i < bar->values; i++)
        square += (bar->value[i] - bar->mean) * (bar->value[i] - bar->mean);
    bar->deviation = bar->values > 1 ? sqrt(square / (bar->values - 1)) : 0;
}

void chart_print(const struct chart *c)
{
    printf("%s\n\n  %-22s%8s%9s%12s\n", c->title, "", "right", "+-", "CPU time");
    for (int i = 0; i < c->count; i++) {
        const struct chart_bar *b = &c->bars[i];
        printf("  %-22s%7.2f%%%9.2f%10.3f s\n", b->name, 100 * b->mean,
               100 * b->deviation, b->seconds);
    }
    printf("\n");
}

/* Text that cannot end an element. */
static void put_text(FILE *f, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '&' || *text == '>')
            fprintf(f, "&#%d;", *text);
        else
            fputc((unsigned char)*text < ' ' ? '?' : *text, f);
}

/* The axis begins at the round tenth below all values: what differs can then be
 * seen. */
static double axis_begin(const struct chart *c)
{
    double least = 1;
    for (int i = 0; i < c->count; i++)
        for (int k = 0; k < c->bars[i].values; k++)
            least = fmin(least, c->bars[i].value[k]);
    return fmax(0, floor(least * 10 - 1e-9) / 10);
}

static void draw_axis(FILE *f, const struct chart *c, double begin)
{
    int bottom = TOP + c->count * STEP;
    for (int k = 0; k <= 5; k++) {
        double at = LEFT + k * WIDE / 5.0;
        fprintf(f,
                "<path d=\"M%.1f %d V%d\" class=\"grid\"/><text x=\"%.1f\" y=\"%d\" "
                "class=\"soft\" text-anchor=\"middle\">%.0f%%</text>\n",
                at, TOP - 8, bottom, at, bottom + 18,
                100 * (begin + k * (1 - begin) / 5));
    }
}

static void draw_bar(FILE *f, const struct chart_bar *b, int y, double begin)
{
    double scale = WIDE / (1 - begin), middle = y + TALL / 2.0;
    double end = LEFT + (b->mean - begin) * scale, wide = b->deviation * scale;
    fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 12, middle + 5);
    put_text(f, b->name);
    fprintf(f,
            "</text><rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
            "<path d=\"M%.1f %.1f H%.1f\" class=\"span\"/>\n",
            LEFT, y, end - LEFT, TALL, end - wide, middle,
            fmin(end + wide, LEFT + WIDE));
    for (int k = 0; k < b->values; k++)
        fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>",
                LEFT + (b->value[k] - begin) * scale,
                middle - 8 + 16.0 * k / b->values);
    fprintf(f, "\n<text x=\"%d\" y=\"%.1f\">%.1f%% ±%.1f</text>"
               "<text x=\"%d\" y=\"%.1f\" class=\"soft\">%.2f s of CPU time</text>\n",
            LEFT + WIDE + 12, middle - 1, 100 * b->mean, 100 * b->deviation,
            LEFT + WIDE + 12, middle + 13, b->seconds);
}

int chart_draw(const struct chart *c, const char *path)
{
    FILE *f = fopen(path, "we");
    double begin = axis_begin(c);
    if (!f)
        return tutti_fail(-errno, "%s: %s", path, strerror(errno));
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
               "font-family=\"sans-serif\" font-size=\"14\">\n"
               "<style>rect{fill:#3a78a8} circle{fill:#b03a14} text{fill:#222} "
               ".soft{fill:#777;font-size:11px} .grid{stroke:#ddd} "
               ".span{stroke:#222;stroke-width:2}</style>\n"
               "<rect width=\"100%%\" height=\"100%%\" style=\"fill:#fff\"/>\n"
               "<text x=\"16\" y=\"28\" font-weight=\"bold\">",
            LEFT + WIDE + RIGHT, TOP + c->count * STEP + 34);
    put_text(f, c->title);
    fputs("</text>\n", f);
    draw_axis(f, c, begin);
    for (int i = 0; i < c->count; i++)
        draw_bar(f, &c->bars[i], TOP + i * STEP, begin);
    fputs("</svg>\n", f);
    int bad = ferror(f);
    return fclose(f) || bad ? tutti_fail(-EIO, "%s cannot be written", path) : 0;
}
