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

const char *text_seconds(double seconds, char out[16])
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
    if (machine->load > 0.5 * machine->cpus)
        fprintf(p->out,
                "%sother work runs here (load %.1f): the figures will suffer%s\n",
                paint(p, RED), machine->load, paint(p, PLAIN));
    fprintf(p->out, "\n%s%-17s%-7s%-17s%8s  %7s  %7s  %8s  %-9s%5s%s\n", paint(p, DIM),
            "", "", "", "", "", "", "threads,", "", "CPUs", paint(p, PLAIN));
    fprintf(p->out, "%s%-17s%-7s%-17s%8s  %7s  %7s  %8s  %-9s%5s %10s%s\n",
            paint(p, DIM), "program", "bound", "work", "serial", "loop", "threads",
            "one lock", "best", "busy", "switches", paint(p, PLAIN));
    fflush(p->out);
}

/* A ratio, right in its column, with room for a mark behind it. */
static void print_cell(const struct printer *p, const struct row *row, int e, int width)
{
    const struct cell *c = &row->cells[e];
    char text[32] = "-";
    bool best = row->best == e;
    const char *mark = c->failure          ? ""
                       : cell_shaky(c)     ? "~"
                       : best && !p->color ? "*"
                                           : "";
    if (c->failure)
        strcpy(text, "failed");
    else if (c->ratio > 0)
        snprintf(text, sizeof text, c->ratio < 99.95 ? "%.1fx" : "%.0fx", c->ratio);
    fprintf(p->out, "%s%*s%s%-2s",
            paint(p, c->failure ? RED
                     : best     ? GREEN
                                : ""),
            width, text, paint(p, c->failure || best ? PLAIN : ""), mark);
}

void print_row(const struct printer *p, const struct row *row)
{
    static const char *const bound[] = { "CPU", "mixed", "I/O" };
    const struct cell *serial = &row->cells[SERIAL];
    char time[16], count[28], name[32], work[64];
    snprintf(name, sizeof name, "%s", row->program->name);
    snprintf(work, sizeof work, "%.16s", row->what ? row->what : "");
    fprintf(p->out, "%-17s%-7s%-17s", name, serial->count ? bound[row_bound(row)] : "",
            work);
    if (!serial->count) {
        fprintf(p->out, "%sfailed%s\n", paint(p, RED), paint(p, PLAIN));
        fflush(p->out);
        return;
    }
    bool best = row->best == SERIAL;
    fprintf(p->out, "%s%8s%s%-2s", paint(p, best ? GREEN : ""),
            text_seconds(serial->seconds, time), paint(p, best ? PLAIN : ""),
            cell_shaky(serial)  ? "~"
            : best && !p->color ? "*"
                                : "");
    print_cell(p, row, 1, 7);
    print_cell(p, row, 2, 7);
    print_cell(p, row, 3, 8);
    if (row->best >= 0) {
        const struct cell *c = &row->cells[row->best];
        fprintf(p->out, "%-9s%5.2f %10s", executors[row->best].key, c->cpus,
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
    if (differ)
        fprintf(p->out, "%d answer%s differed from the serial one\n", differ,
                differ == 1 ? "" : "s");
    else
        fputs("every answer that was given equals the serial one\n", p->out);
}

void print_end(const struct printer *p, const struct matrix *m, const struct verdict *v,
               const char *report)
{
    bool shaky = false;
    for (int i = 0; i < m->count; i++)
        for (int e = 0; e < EXECUTORS; e++)
            shaky |= cell_shaky(&m->rows[i].cells[e]);
    print_answers(p, m);
    if (shaky)
        fprintf(p->out,
                "~ rounds differed by more than %.0f%%: take that figure lightly\n",
                100 * MATRIX_SPREAD);
    fputc('\n', p->out);
    for (int i = 0; i < FINDINGS; i++) {
        const struct finding *f = &v->findings[i];
        fprintf(p->out, "  %s%s%s\n", paint(p, BOLD), f->question, paint(p, PLAIN));
        for (int k = 0; f->lines[k]; k++)
            print_wrapped(p, f->lines[k]);
    }
    fprintf(p->out, "  (rules: tutti help tour)\n\n  look: %s\n", report);
    for (int i = 0; i < m->count; i++)
        if (m->rows[i].picture)
            fprintf(p->out, "        %s\n", m->rows[i].picture);
}
