/* report.c - the tour as one HTML file that needs nothing else: table, bars, pictures,
 * the questions, what each column means and how to run it again.  All text that came
 * from a program is escaped.  Tests: tests/cli_test.sh. */
#include "tour.h"
#include <errno.h>
#include <string.h>

void html_text(FILE *f, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '&':
            fputs("&amp;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        default:
            fputc(*text, f);
        }
}

static void write_head(FILE *f, const struct machine *machine, const struct matrix *m)
{
    char facts[256], words[128];
    int failures = matrix_failures(m);
    machine_describe(machine, facts, sizeof facts);
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<title>tutti tour</title>\n<style>\n",
          f);
    fputs(report_style, f);
    fputs("</style></head><body><main>\n"
          "<h1>tutti tour: what concurrency does on this machine</h1>\n<p "
          "class=\"soft\">",
          f);
    html_text(f, facts);
    fputs("<br>", f);
    html_text(f, *machine->model ? machine->model : machine->arch);
    fprintf(
        f, ", %.1f GiB, load %.1f when it began; median of %d round%s, size %s</p>\n",
        machine->memory, machine->load, m->rounds, m->rounds == 1 ? "" : "s", m->size);
    if (machine_disturbed(machine, matrix_crowded(m), words))
        fprintf(f, "<p class=\"word bad\">Careful: %s. Take all figures lightly.</p>\n",
                words);
    if (!failures)
        fputs("<p class=\"word good\">Every answer equals the serial one.</p>\n", f);
    else
        fprintf(f,
                "<p class=\"word bad\">%d of the cells failed, %d of them with another "
                "answer than serial.</p>\n",
                failures, matrix_differences(m));
}

static void write_cell(FILE *f, const struct row *row, int e)
{
    const struct cell *c = &row->cells[e];
    char time[16];
    fprintf(f, "<td data-label=\"%s\"", executors[e].title);
    if (!c->count) {
        fputs(c->failure ? " class=\"failed\">failed<small>" : ">-<small>", f);
        fputs("</small></td>", f);
        return;
    }
    fprintf(f, " class=\"nowrap%s\">", row->best == e ? " best" : "");
    const char *mark =
        cell_shaky(c) ? " <span title=\"rounds far apart\">~</span>" : "";
    text_seconds(c->seconds, time);
    if (e == SERIAL)
        fprintf(f, "%s%s</td>", time, mark);
    else
        fprintf(f, "%.1fx%s<small>%s</small></td>", c->ratio, mark, time);
}

static void write_row(FILE *f, const struct row *row)
{
    static const char *const bound[] = { "CPU", "mixed", "I/O" };
    char count[28];
    bool known = row->cells[SERIAL].count;
    fprintf(f, "<tr><td>%s<small>", row->program->name);
    html_text(f, row->program->words);
    fprintf(f,
            "</small></td><td class=\"left\" data-label=\"bound\">%s</td>"
            "<td class=\"left\" data-label=\"work\">",
            known ? bound[row_bound(row)] : "-");
    html_text(f, row->what ? row->what : "-");
    fputs("</td>", f);
    for (int e = 0; e < EXECUTORS; e++)
        write_cell(f, row, e);
    if (row->best >= 0) {
        const struct cell *c = &row->cells[row->best];
        fprintf(f,
                "<td class=\"left\" data-label=\"best\">%s</td>"
                "<td data-label=\"CPUs busy\">%.2f</td>"
                "<td data-label=\"switches\">%s</td></tr>\n",
                executors[row->best].key, c->cpus, text_count(c->switches, count));
    } else {
        fputs("<td></td><td></td><td></td></tr>\n", f);
    }
}

/* What programs measured beside time. */
static void write_notes(FILE *f, const struct matrix *m)
{
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++) {
            const struct cell *c = &m->rows[i].cells[e];
            if (!c->note || !c->count)
                continue;
            fprintf(f, "<p class=\"soft\">%s, %s: ", m->rows[i].program->name,
                    executors[e].title);
            html_text(f, c->note);
            fputs("</p>\n", f);
        }
}

static void write_matrix(FILE *f, const struct matrix *m)
{
    fputs("<h2>The matrix</h2>\n<table class=\"matrix\"><thead><tr><th>program</th>"
          "<th class=\"left\">bound</th><th class=\"left\">work</th>",
          f);
    for (int e = 0; e < EXECUTORS; e++)
        fprintf(f, "<th>%s</th>", executors[e].title);
    fputs("<th class=\"left\">best</th><th>CPUs busy</th><th>switches</th></tr></thead>"
          "<tbody>\n",
          f);
    for (int i = 0; i < m->count; i++)
        write_row(f, &m->rows[i]);
    fprintf(
        f,
        "</tbody></table>\n<p><small>~ the rounds of this figure lay more than %.0f%% "
        "apart: take it lightly.</small></p>\n",
        100 * MATRIX_SPREAD);
    write_notes(f, m);
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++)
            if (m->rows[i].cells[e].failure) {
                fprintf(f, "<p class=\"word bad\">%s on %s: ", m->rows[i].program->name,
                        executors[e].url);
                html_text(f, m->rows[i].cells[e].failure);
                fputs("</p>\n", f);
            }
}

static void write_chart(FILE *f, const struct matrix *m)
{
    fputs("<h2>Times as fast as serial</h2>\n<p>", f);
    for (int e = 1; e < EXECUTORS; e++)
        fprintf(f, "<span class=\"key\"><i class=\"b%d\"></i>%s</span>", e,
                executors[e].title);
    fputs("</p>\n<p class=\"soft\">The dashed line is serial; the thin line in a bar "
          "spans "
          "its fastest and slowest round.</p>\n",
          f);
    chart_write(f, m);
}

static void write_questions(FILE *f, const struct verdict *v)
{
    fputs("<h2>What follows from it</h2>\n<div class=\"cards\">\n", f);
    for (int i = 0; i < FINDINGS; i++) {
        const struct finding *q = &v->findings[i];
        fprintf(f, "<div class=\"card\"><h3>%s</h3>\n", q->question);
        for (int k = 0; q->lines[k]; k++) {
            fputs("<p>", f);
            html_text(f, q->lines[k]);
            fputs("</p>\n", f);
        }
        fprintf(f, "<small>How this is decided: %s.</small></div>\n", q->rule);
    }
    fputs("</div>\n", f);
}

/* The file as base64; false if it cannot be read. */
static bool write_base64(FILE *f, const char *path)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char in[3];
    FILE *picture = fopen(path, "re");
    if (!picture)
        return false;
    for (size_t n; (n = fread(in, 1, 3, picture)) > 0;) {
        unsigned bits = (unsigned)in[0] << 16 | (n > 1 ? (unsigned)in[1] << 8 : 0) |
                        (n > 2 ? in[2] : 0u);
        fputc(letters[bits >> 18], f);
        fputc(letters[bits >> 12 & 63], f);
        fputc(n > 1 ? letters[bits >> 6 & 63] : '=', f);
        fputc(n > 2 ? letters[bits & 63] : '=', f);
    }
    fclose(picture);
    return true;
}

static void write_pictures(FILE *f, const struct matrix *m)
{
    bool any = false;
    for (int i = 0; i < m->count; i++) {
        const struct row *row = &m->rows[i];
        if (!row->picture)
            continue;
        fputs(any ? "" : "<h2>Pictures</h2>\n", f);
        any = true;
        fprintf(f, "<figure><img alt=\"%s\" src=\"data:image/%s;base64,",
                row->program->words,
                strcmp(row->program->picture, "svg") ? row->program->picture : "svg+xml");
        bool there = write_base64(f, row->picture);
        fprintf(f, "\"><figcaption>%s: ", row->program->name);
        html_text(f, there ? row->what : "could not be read");
        fputs(", answer ", f);
        html_text(f, row->answer);
        fputs("</figcaption></figure>\n", f);
    }
}

static void write_words(FILE *f)
{
    fputs(
        "<h2>What the columns mean</h2>\n<dl>\n"
        "<dt>bound</dt><dd>What limits the serial run, measured: CPU if it wanted at "
        "least 0.9 of a CPU, whether or not other work let it have that; I/O if at "
        "most "
        "0.5, else mixed.</dd>\n"
        "<dt>work</dt><dd>How much there was to do, the same on every executor.</dd>\n",
        f);
    for (int e = 0; e < EXECUTORS; e++)
        fprintf(f, "<dt>%s</dt><dd>%s%s (<code>%s</code>).</dd>\n", executors[e].title,
                e == SERIAL ? "The time of "
                            : "Times as fast as serial, and the time, with ",
                executors[e].words, executors[e].url);
    fputs("<dt>best</dt><dd>The fastest; of two within 5% the plainer one, in the "
          "order of "
          "the columns. Threads with one lock are shown, never advised. "
          "<code>auto://</code> is no column: as yet it only counts CPUs, whatever the "
          "work, and takes threads from two on.</dd>\n"
          "<dt>CPUs busy</dt><dd>CPU time by time on the best executor: 2.00 means "
          "that two "
          "CPUs worked all the while.</dd>\n"
          "<dt>switches</dt><dd>How often, on the best executor, the stack of one task "
          "was "
          "left for another's.</dd>\n</dl>\n",
          f);
}

static void write_details(FILE *f, const struct matrix *m)
{
    fputs(
        "<h2>Every figure</h2>\n<details><summary>Medians, fastest and slowest rounds, "
        "tasks</summary><div class=\"scroll\"><table><thead><tr><th>program</th>"
        "<th "
        "class=\"left\">executor</th><th>median</th><th>fastest</th><th>slowest</th>"
        "<th>ratio</th><th>CPUs "
        "busy</th><th>workers</th><th>tasks</th><th>switches</th>"
        "</tr></thead><tbody>\n",
        f);
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++) {
            const struct cell *c = &m->rows[i].cells[e];
            char a[16], b[16], d[16], tasks[28], switches[28];
            if (!c->count)
                continue;
            fprintf(f,
                    "<tr><td>%s</td><td class=\"left\">%s</td><td>%s</td><td>%s</td>"
                    "<td>%s</td><td>%.2fx</td><td>%.2f</td><td>%u</td><td>%s</td>"
                    "<td>%s</td></tr>\n",
                    m->rows[i].program->name, executors[e].key,
                    text_seconds(c->seconds, a), text_seconds(c->low, b),
                    text_seconds(c->high, d), c->ratio, c->cpus, c->workers,
                    text_count(c->started, tasks), text_count(c->switches, switches));
        }
    fputs("</tbody></table></div></details>\n", f);
}

int report_save(const char *path, const struct machine *machine, const struct matrix *m,
                const struct verdict *v, const char *command)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return -errno;
    write_head(f, machine, m);
    write_matrix(f, m);
    write_questions(f, v);
    write_chart(f, m);
    write_pictures(f, m);
    write_words(f);
    write_details(f, m);
    fputs("<h2>How to run it again</h2>\n<pre>", f);
    html_text(f, command ? command : "tutti tour");
    fputs("</pre>\n<p class=\"soft\">One program: <code>tutti tour --only "
          "mandelbrot</code>. "
          "More rounds: <code>--rounds 9</code>. For other programs: <code>tutti tour "
          "--json</code>.</p>\n</main></body></html>\n",
          f);
    int bad = ferror(f), code = errno;
    return fclose(f) ? -errno : bad ? -code : 0;
}
