/* chart.c - the matrix as bars: for each program one bar per executor, times as fast as
 * serial, with a line where serial is.  The same drawing stands in the report and, with
 * colours of its own, in a file for a README.
 *
 * Lengths across are percentages and letters are pixels, so that the drawing fits a
 * narrow window without its letters shrinking.  Tests: tests/cli_test.sh. */
#include "tour.h"
#include <errno.h>
#include <math.h>

enum { TOP = 26, NAME = 20, BAR = 11, STEP = 14, GAP = 14 };
#define WIDEST 84.0 /* per cent, for the longest bar; the rest is for its figure */

static const char colours[] =
    "svg{color-scheme:light dark}"
    ".t0{fill:#1c2430}.t1{fill:#5c6675}.grid{stroke:#dfe3e8}.one{stroke:#8a94a3}"
    ".b1{fill:#1a9a8a}.b2{fill:#2f6fd6}.b3{fill:#b9874a}.b4{fill:#8a56c2}.span{stroke:#1c2430}"
    ".paper{fill:#fff}"
    "@media(prefers-color-scheme:dark){.t0{fill:#e8ecf2}.t1{fill:#9aa5b4}"
    ".grid{stroke:#2b333e}.one{stroke:#7b8796}.b1{fill:#37c2ae}.b2{fill:#6ea2ff}"
    ".b3{fill:#d9a566}.b4{fill:#b78bea}.span{stroke:#e8ecf2}.paper{fill:#12161c}}"
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
    "paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}"
    "@media(prefers-color-scheme:dark){text{stroke:#12161c}}"
    ".name{font-weight:600;font-size:13px}.title{font-weight:700;font-size:17px}"
    ".best{font-weight:700}";

/* Ratios to lengths: as they are up to 8, by their logarithm beyond. */
struct scale {
    double most;
    bool log;
};

static struct scale scale_of(const struct matrix *m)
{
    struct scale s = { 1.25, false };
    for (int i = 0; i < m->count; i++)
        for (int e = 1; e < EXECUTORS; e++) {
            const struct cell *c = &m->rows[i].cells[e];
            double high =
                c->count && c->low > 0 ? m->rows[i].cells[SERIAL].seconds / c->low : 0;
            s.most = high > s.most ? high : s.most;
        }
    s.log = s.most > 8;
    return s;
}

static double percent(const struct scale *s, double ratio)
{
    if (!s->log)
        return WIDEST * ratio / s->most;
    double from = log2(0.25), x = log2(ratio < 0.26 ? 0.26 : ratio);
    return WIDEST * (x - from) / (log2(s->most) - from);
}

static void draw_grid(FILE *f, const struct scale *s, int top, int bottom)
{
    double step = s->log ? 0 : s->most > 4 ? 2 : s->most > 2.5 ? 1 : 0.5;
    for (double x = s->log ? 1 : step; x <= s->most; x = step > 0 ? x + step : x * 4) {
        bool one = fabs(x - 1) < 1e-9;
        fprintf(f,
                "<line class=\"%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"%s/>"
                "<text class=\"t1\" x=\"%.2f%%\" y=\"%d\" text-anchor=\"middle\">%gx%s"
                "</text>\n",
                one ? "one" : "grid", percent(s, x), percent(s, x), top + 18, bottom,
                one ? " stroke-dasharray=\"4 3\"" : "", percent(s, x), top + 12, x,
                one ? " serial" : "");
    }
}

static void draw_bar(FILE *f, const struct scale *s, const struct row *row, int e,
                     int y)
{
    const struct cell *c = &row->cells[e];
    double serial = row->cells[SERIAL].seconds;
    if (!c->count) {
        fprintf(f, "<text class=\"t1\" x=\"0\" y=\"%d\" dx=\"2\">%s %s</text>\n",
                y + 10, executors[e].key, c->failure ? "failed" : "did not run");
        return;
    }
    double at = percent(s, c->ratio), low = percent(s, serial / c->high),
           high = percent(s, serial / c->low);
    char time[16];
    fprintf(f, "<g><title>%s on %s: %s, %.2fx</title>", row->program->name,
            executors[e].key, text_seconds(c->seconds, time), c->ratio);
    fprintf(f,
            "<rect class=\"b%d\" x=\"0\" y=\"%d\" width=\"%.2f%%\" height=\"%d\" "
            "rx=\"2\"/>",
            e, y, at, BAR);
    if (c->count > 1)
        fprintf(f,
                "<line class=\"span\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" "
                "y2=\"%d\"/>",
                low, high, y + BAR / 2, y + BAR / 2);
    fprintf(f, "<text class=\"%s\" x=\"%.2f%%\" y=\"%d\" dx=\"6\">%.1fx%s</text></g>\n",
            row->best == e ? "t0 best" : "t1", high > at ? high : at, y + 10, c->ratio,
            row->best == e ? " best" : "");
}

static int height_of(const struct matrix *m)
{
    return TOP + m->count * (NAME + (EXECUTORS - 1) * STEP + GAP);
}

static void draw(FILE *f, const struct matrix *m, int top)
{
    struct scale s = scale_of(m);
    int y = top + TOP;
    draw_grid(f, &s, top, top + height_of(m) - GAP);
    for (int i = 0; i < m->count; i++) {
        const struct row *row = &m->rows[i];
        char time[16];
        fprintf(f,
                "<text x=\"0\" y=\"%d\"><tspan class=\"t0 name\">%s</tspan>"
                "<tspan class=\"t1\" dx=\"8\">",
                y + 13, row->program->name);
        html_text(f, row->what ? row->what : "");
        if (row->cells[SERIAL].count)
            fprintf(f, ", serial %s%s</tspan></text>\n",
                    text_seconds(row->cells[SERIAL].seconds, time),
                    row->best == SERIAL ? " (best)" : "");
        else
            fputs(" failed</tspan></text>\n", f);
        y += NAME;
        for (int e = 1; e < EXECUTORS; e++, y += STEP)
            draw_bar(f, &s, row, e, y);
        y += GAP;
    }
}

void chart_write(FILE *f, const struct matrix *m)
{
    fprintf(f,
            "<svg class=\"chart\" width=\"100%%\" height=\"%d\" role=\"img\" "
            "aria-label=\"Times as fast as serial, per program and executor\">\n",
            height_of(m));
    draw(f, m, 0);
    fputs("</svg>\n", f);
}

int chart_save(const char *path, const struct machine *machine, const struct matrix *m)
{
    enum { WIDTH = 760, HEAD = 84, EDGE = 20 };
    char facts[256];
    FILE *f = fopen(path, "we");
    if (!f)
        return -errno;
    machine_describe(machine, facts, sizeof facts);
    int height = HEAD + height_of(m) + EDGE;
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"tutti tour\">\n"
            "<style>%s</style>\n"
            "<rect class=\"paper\" width=\"100%%\" height=\"100%%\" rx=\"8\"/>\n"
            "<text class=\"t0 title\" x=\"%d\" y=\"34\">tutti tour: times as fast as "
            "serial</text>\n<text class=\"t1\" x=\"%d\" y=\"54\">",
            WIDTH, height, WIDTH, height, colours, EDGE, EDGE);
    html_text(f, facts);
    fprintf(f, "; median of %d</text>\n", m->rounds);
    for (int e = 1, x = EDGE; e < EXECUTORS; e++, x += 130)
        fprintf(f,
                "<rect class=\"b%d\" x=\"%d\" y=\"66\" width=\"11\" height=\"11\" "
                "rx=\"2\"/><text class=\"t0\" x=\"%d\" y=\"76\">%s</text>\n",
                e, x, x + 17, executors[e].title);
    fprintf(f, "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\">\n", EDGE, HEAD,
            WIDTH - 2 * EDGE, height_of(m));
    draw(f, m, 0);
    fputs("</svg>\n</svg>\n", f);
    int bad = ferror(f), code = errno;
    return fclose(f) ? -errno : bad ? -code : 0;
}
