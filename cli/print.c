/* print.c - the matrix on a terminal, row by row as it is measured, and what follows
 * from it.  Also the words for seconds and counts.  Tests: tests/cli_test.sh. */
#include "tour.h"
#include <inttypes.h>
#include <string.h>

#define BOLD "\033[1m"
#define GREEN "\033[1;32m"
#define RED "\033[1;31m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

const char *text_seconds(double seconds, char *out)
{
    static const struct {
        double below, times;
        const char *unit;
    } scale[] = { { 1e-6, 1e9, "ns" }, { 1e-3, 1e6, "us" }, { 1, 1e3, "ms" } };
    double value = seconds;
    const char *unit = "s";
    for (int i = 2; i >= 0; i--)
        if (seconds < scale[i].below) {
            value = seconds * scale[i].times;
            unit = scale[i].unit;
        }
    int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(out, 16, "%.*f %s", digits, value, unit);
    return out;
}

const char *text_count(uint64_t n, char out[28])
{
    char plain[24];
    int size = snprintf(plain, sizeof plain, "%" PRIu64, n), at = 0;
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = plain[i];
    }
    out[at] = 0;
    return out;
}

static const char *paint(const struct printer *p, const char *code)
{
    return p->color ? code : "";
}

void print_head(const struct printer *p, const struct machine *machine,
                const struct matrix *m)
{
    char facts[256];
    machine_describe(machine, facts, sizeof facts);
    fprintf(p->out, "%stutti tour%s: what concurrency does on this machine\n%s\n",
            paint(p, BOLD), paint(p, PLAIN), facts);
    fprintf(p->out, "median of %d round%s, size %s; x: times as fast as serial\n",
            m->rounds, m->rounds == 1 ? "" : "s", m->size);
    fprintf(p->out, "\n%s%-17s%-7s%-17s%8s  %7s  %7s  %8s  %9s  %-10s%5s%s\n",
            paint(p, DIM), "", "", "", "", "", "", "threads,", "", "", "CPUs",
            paint(p, PLAIN));
    fprintf(p->out, "%s%-17s%-7s%-17s%8s  %7s  %7s  %8s  %9s  %-10s%5s %10s%s\n",
            paint(p, DIM), "program", "bound", "work", "serial", "loop", "threads",
            "one lock", "processes", "best", "busy", "switches", paint(p, PLAIN));
    fflush(p->out);
}

/* A figure, right in its column, and behind it: * the best, where colour does not tell;
 * ~ rounds far apart. */
static void print_cell(const struct printer *p, const struct row *row, int e, int width)
{
    const struct cell *c = &row->cells[e];
    char text[32] = "-";
    bool best = row->best == e, star = best && !p->color, shaky = cell_shaky(c);
    const char *colour = c->failure ? RED : best ? GREEN : "";
    if (c->failure)
        snprintf(text, sizeof text, "failed");
    else if (c->count && e == SERIAL)
        text_seconds(c->seconds, text);
    else if (c->count)
        snprintf(text, sizeof text, c->ratio < 99.95 ? "%.1fx" : "%.0fx", c->ratio);
    fprintf(p->out, "%s%*s%s%-2s", paint(p, colour), width, text,
            paint(p, *colour ? PLAIN : ""),
            star && shaky ? "*~"
            : star        ? "*"
            : shaky       ? "~"
                          : "");
}

void print_row(const struct printer *p, const struct row *row)
{
    static const char *const bound[] = { "CPU", "mixed", "I/O" };
    const struct cell *serial = &row->cells[SERIAL];
    char count[28], work[24];
    snprintf(work, sizeof work, "%.16s", row->what ? row->what : "");
    fprintf(p->out, "%-17s%-7s%-17s", row->program->name,
            serial->count ? bound[row_bound(row)] : "", work);
    if (!serial->count) {
        fprintf(p->out, "%sfailed%s\n", paint(p, RED), paint(p, PLAIN));
        fflush(p->out);
        return;
    }
    print_cell(p, row, SERIAL, 8);
    print_cell(p, row, 1, 7);
    print_cell(p, row, 2, 7);
    print_cell(p, row, 3, 8);
    print_cell(p, row, 4, 9);
    if (row->best >= 0) {
        const struct cell *c = &row->cells[row->best];
        fprintf(p->out, "%-10s%5.2f %10s", executors[row->best].key, c->cpus,
                text_count(c->switches, count));
    }
    fputc('\n', p->out);
    fflush(p->out);
}

/* A paragraph, indented and broken between words, for a hundred columns. */
static void print_wrapped(const struct printer *p, const char *text)
{
    enum { WIDTH = 100, FIRST = 4, MORE = 6 };
    int at = fprintf(p->out, "%*s", FIRST, "");
    for (const char *word = text, *gap = ""; *word; gap = " ") {
        int size = (int)strcspn(word, " ");
        if (*gap && at + 1 + size > WIDTH) {
            at = fprintf(p->out, "\n%*s", MORE, "") - 1;
            gap = "";
        }
        at += fprintf(p->out, "%s%.*s", gap, size, word);
        word += size + (word[size] == ' ');
    }
    fputc('\n', p->out);
}

static void print_answers(const struct printer *p, const struct matrix *m)
{
    int failures = matrix_failures(m), differ = matrix_differences(m);
    if (!failures) {
        fprintf(p->out, "every answer equals the serial one\n");
        return;
    }
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++)
            if (m->rows[i].cells[e].failure)
                fprintf(p->out, "%s%s on %s: %s%s\n", paint(p, RED),
                        m->rows[i].program->name, executors[e].url,
                        m->rows[i].cells[e].failure, paint(p, PLAIN));
    if (!matrix_figures(m))
        fputs("no program gave all figures: nothing can be compared\n", p->out);
    else if (differ)
        fprintf(p->out, "%d answer%s differed from the serial one\n", differ,
                differ == 1 ? "" : "s");
    else
        fputs("every answer that was given equals the serial one\n", p->out);
}

/* What programs measured beside time. */
static void print_notes(const struct printer *p, const struct matrix *m)
{
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++)
            if (m->rows[i].cells[e].note && m->rows[i].cells[e].count)
                fprintf(p->out, "%s, %s: %s\n", m->rows[i].program->name,
                        executors[e].title, m->rows[i].cells[e].note);
}

/* It is no column: what it would take is one of them. */
static void print_auto(const struct printer *p, const struct machine *machine)
{
    fprintf(p->out,
            "auto:// only counts CPUs as yet, whatever the work: here it is %s\n",
            machine->cpus > 1 ? "threads://" : "loop://");
}

static void print_findings(const struct printer *p, const struct verdict *v)
{
    fputc('\n', p->out);
    for (int i = 0; i < FINDINGS; i++) {
        const struct finding *f = &v->findings[i];
        fprintf(p->out, "  %s%s%s\n", paint(p, BOLD), f->question, paint(p, PLAIN));
        for (int k = 0; f->lines[k]; k++)
            print_wrapped(p, f->lines[k]);
    }
    fputs("  (rules: tutti help tour)\n", p->out);
}

void print_end(const struct printer *p, const struct machine *machine,
               const struct matrix *m, const struct verdict *v, const char *report)
{
    bool shaky = false;
    char words[128];
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++)
            shaky |= cell_shaky(&m->rows[i].cells[e]);
    print_answers(p, m);
    if (machine_disturbed(machine, matrix_crowded(m), words))
        fprintf(p->out, "%s%s: take all figures lightly%s\n", paint(p, RED), words,
                paint(p, PLAIN));
    if (shaky)
        fprintf(p->out,
                "~ rounds differed by more than %.0f%%: take that figure lightly\n",
                100 * MATRIX_SPREAD);
    print_notes(p, m);
    if (matrix_figures(m)) {
        print_auto(p, machine);
        print_findings(p, v);
    }
    const char *lead = "\n  look: ";
    if (report) {
        fprintf(p->out, "%s%s\n", lead, report);
        lead = "        ";
    }
    for (int i = 0; i < m->count; i++)
        if (m->rows[i].picture) {
            fprintf(p->out, "%s%s\n", lead, m->rows[i].picture);
            lead = "        ";
        }
}
