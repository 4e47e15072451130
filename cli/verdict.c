/* verdict.c - the three questions that a newcomer to concurrency is told to ask, and
 * the effect of an interpreter lock, answered from the matrix alone.
 *
 * The rules, which every answer prints beside itself:
 * - CPU or I/O?  CPUs that the serial run wanted: 0.9 and more is CPU-bound, 0.5 and
 *   less I/O-bound, between is mixed.  Advice per kind: the executor with the best
 *   median ratio; of two within 5% the plainer.
 * - ad hoc or one complex task?  Tasks started on threads://, per worker: up to 64 is
 *   one task cut in parts, more are many tasks of their own.
 * - pool or executor?  CPU time of loop:// against serial, one thread each, so that
 *   other work on the machine does not count.  More than 1.5 times apart: the tasks do
 *   other work than serial, they are rivals.  Over 5% more, beyond the spread of the
 *   rounds and at most 20 us a task: tasks are dear, hand slices to a pool.  Else:
 *   submit each.
 * - the lock: threads:// against the same with the lock, per kind.
 * Tests: tests/cli_test.sh. */
#include "tour.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LOOP = 1, THREADS = 2, LOCKED = 3, PARTS_PER_WORKER = 64 };

static const char *const bound_name[] = { "CPU-bound", "mixed", "I/O-bound" };

__attribute__((format(printf, 2, 3))) static void say(struct finding *f,
                                                      const char *format, ...)
{
    for (int i = 0; i < FINDING_LINES - 1; i++) {
        if (f->lines[i])
            continue;
        va_list list;
        va_start(list, format);
        if (vasprintf(&f->lines[i], format, list) < 0)
            f->lines[i] = NULL;
        va_end(list);
        return;
    }
}

/* Rows of that kind of which all executors gave figures. */
static bool counts(const struct row *row, int bound)
{
    return row_complete(row) && (bound < 0 || row_bound(row) == bound);
}

static int rows_of(const struct matrix *m, int bound)
{
    int n = 0;
    for (int i = 0; i < m->count; i++)
        n += counts(&m->rows[i], bound);
    return n;
}

/* The median over rows of a kind of one figure of executor e. */
static double over_rows(const struct matrix *m, int bound, int e,
                        double (*figure)(const struct cell *))
{
    double values[ROUNDS_MAX];
    int n = 0;
    for (int i = 0; i < m->count && n < ROUNDS_MAX; i++)
        if (counts(&m->rows[i], bound))
            values[n++] = figure(&m->rows[i].cells[e]);
    return median_of(values, n);
}

static double ratio_of(const struct cell *c)
{
    return c->ratio;
}
static double cpus_of(const struct cell *c)
{
    return c->cpus;
}

static int advised(const struct matrix *m, int bound)
{
    double best = 0;
    for (int e = 0; e < EXECUTORS; e++)
        if (executors[e].candidate && over_rows(m, bound, e, ratio_of) > best)
            best = over_rows(m, bound, e, ratio_of);
    for (int e = 0; e < EXECUTORS; e++)
        if (executors[e].candidate &&
            over_rows(m, bound, e, ratio_of) * MATRIX_NEAR >= best)
            return e;
    return SERIAL;
}

static void cpu_or_io(struct finding *f, const struct matrix *m)
{
    int all = rows_of(m, -1);
    for (int bound = BOUND_CPU; bound <= BOUND_IO; bound++) {
        int n = rows_of(m, bound), e = advised(m, bound);
        double low = 1e9, high = 0;
        for (int i = 0; i < m->count; i++) {
            double cpus = m->rows[i].cells[SERIAL].wanted;
            if (!counts(&m->rows[i], bound))
                continue;
            low = cpus < low ? cpus : low;
            high = cpus > high ? cpus : high;
        }
        char range[48];
        snprintf(range, sizeof range, high - low < 0.005 ? "%.2f" : "%.2f to %.2f", low,
                 high);
        if (n)
            say(f,
                "%s: %d of %d (alone: %s CPUs wanted) -> %s, %.1fx; "
                "loop %.1fx, threads %.1fx",
                bound_name[bound], n, all, range, executors[e].key,
                over_rows(m, bound, e, ratio_of), over_rows(m, bound, LOOP, ratio_of),
                over_rows(m, bound, THREADS, ratio_of));
    }
}

static bool is_parts(const struct row *row)
{
    const struct cell *c = &row->cells[THREADS];
    return c->started <= (uint64_t)PARTS_PER_WORKER * (c->workers ? c->workers : 1);
}

/* "matmul (64 of 1.2 ms), ..." of the rows that are parts, or are not; allocated. */
static char *names_of(const struct matrix *m, bool parts)
{
    char *text = NULL, count[28], mean[16];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    const char *comma = "";
    for (int i = 0; f && i < m->count; i++) {
        const struct row *row = &m->rows[i];
        const struct cell *c = &row->cells[THREADS];
        if (!counts(row, -1) || is_parts(row) != parts)
            continue;
        fprintf(f, "%s%s (%s", comma, row->program->name,
                text_count(c->started, count));
        if (c->started)
            fprintf(f, " of %s", text_seconds(c->cpu / (double)c->started, mean));
        fputs(")", f);
        comma = ", ";
    }
    if (f)
        fclose(f);
    return text;
}

static void ad_hoc_or_one(struct finding *f, const struct matrix *m)
{
    static const char *const words[] = { "many ad-hoc tasks",
                                         "one task, cut in parts" };
    for (int parts = 1; parts >= 0; parts--) {
        char *names = names_of(m, parts);
        if (names && *names)
            say(f, "%s: %s", words[parts], names);
        free(names);
    }
}

enum { SLICES, SUBMIT, RIVALS };
/* Starting a task costs less than this many seconds on any machine. */
#define START_MOST 20e-6
/* CPU times further apart than this are those of different work. */
#define SAME_WORK 1.5

/* What the CPU time of loop:// and serial says about the tasks of a row.  A difference
 * that is neither the price of starting them nor other work is the machine's. */
static int tasks_are(const struct row *row, double *price)
{
    const struct cell *s = &row->cells[SERIAL], *l = &row->cells[LOOP];
    bool near = l->cpu <= s->cpu * MATRIX_NEAR || l->cpu_low <= s->cpu_high;
    *price = l->started ? (l->cpu - s->cpu) / (double)l->started : 0;
    if (l->cpu > s->cpu * SAME_WORK && *price > START_MOST)
        return RIVALS;
    if (l->cpu * SAME_WORK < s->cpu)
        return RIVALS;
    return !near && *price <= START_MOST ? SLICES : SUBMIT;
}

/* "maze (-12.1%, 5 ms a task), ..." of the rows of that kind; allocated. */
static char *tasks_of(const struct matrix *m, int kind)
{
    char *text = NULL, words[16];
    size_t size;
    double price;
    FILE *f = open_memstream(&text, &size);
    const char *comma = "";
    for (int i = 0; f && i < m->count; i++) {
        const struct row *row = &m->rows[i];
        if (!counts(row, -1) || tasks_are(row, &price) != kind)
            continue;
        double cpu = row->cells[SERIAL].cpu;
        double more = cpu > 0 ? row->cells[LOOP].cpu / cpu - 1 : 0;
        fprintf(f, "%s%s (%+.1f%%", comma, row->program->name, 100 * more);
        if (kind == SLICES)
            fprintf(f, ", %s a task", text_seconds(price, words));
        fputs(")", f);
        comma = ", ";
    }
    if (f)
        fclose(f);
    return text;
}

static void pool_or_executor(struct finding *f, const struct matrix *m)
{
    static const char *const words[] = { "pool, in slices (for, map, reduce)",
                                         "executor, a future each (submit, go)",
                                         "executor, rivals (race, best of)" };
    for (int kind = RIVALS; kind >= SLICES; kind--) {
        char *text = tasks_of(m, kind);
        if (text && *text)
            say(f, "%s: %s", words[kind], text);
        free(text);
    }
}

static void the_lock(struct finding *f, const struct matrix *m)
{
    for (int bound = BOUND_CPU; bound <= BOUND_IO; bound++) {
        double free_ratio = over_rows(m, bound, THREADS, ratio_of);
        double locked = over_rows(m, bound, LOCKED, ratio_of);
        if (!rows_of(m, bound))
            continue;
        if (locked * MATRIX_NEAR >= free_ratio)
            say(f, "it leaves %s work alone: %.2fx without, %.2fx with",
                bound_name[bound], free_ratio, locked);
        else
            say(f,
                "it takes %s work from %.2fx to %.2fx: %.2f CPUs busy instead of %.2f",
                bound_name[bound], free_ratio, locked,
                over_rows(m, bound, LOCKED, cpus_of),
                over_rows(m, bound, THREADS, cpus_of));
    }
}

void verdict_reach(struct verdict *v, const struct matrix *m)
{
    static const struct {
        struct finding about;
        void (*find)(struct finding *f, const struct matrix *m);
    } questions[FINDINGS] = {
        { { "cpu_or_io",
            "CPU or I/O?",
            "CPUs that the serial run wanted, had or not: 0.9 and more is CPU-bound, "
            "0.5 and less I/O-bound; then the executor with the best median ratio, of "
            "two within 5% the plainer",
            { NULL } },
          cpu_or_io },
        { { "ad_hoc_or_one",
            "ad hoc or one complex task?",
            "tasks started on threads, per worker: up to 64 is one task cut in parts",
            { NULL } },
          ad_hoc_or_one },
        { { "pool_or_executor",
            "pool or executor?",
            "CPU time of loop against serial, one thread each, so the difference is "
            "the "
            "price of tasks: over 5% more, beyond the spread of rounds and at most 20 "
            "us "
            "a task, hand out slices; 1.5 times apart, they do other work than serial: "
            "rivals; else submit each",
            { NULL } },
          pool_or_executor },
        { { "lock",
            "a lock over the interpreter?",
            "threads against threads with the lock, medians per kind of work; within "
            "5% "
            "it leaves them alone",
            { NULL } },
          the_lock },
    };
    for (int i = 0; i < FINDINGS; i++) {
        v->findings[i] = questions[i].about;
        questions[i].find(&v->findings[i], m);
        if (!v->findings[i].lines[0])
            say(&v->findings[i], "not known: no program gave all figures");
    }
}

void verdict_free(struct verdict *v)
{
    for (int i = 0; i < FINDINGS; i++)
        for (int k = 0; k < FINDING_LINES; k++)
            free(v->findings[i].lines[k]);
    *v = (struct verdict){ 0 };
}
