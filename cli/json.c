/* json.c - the tour as one JSON document.  Its keys are a promise, documented in
 * `tutti help tour`: add, but do not rename; "format" counts the breaks.
 * Tests: tests/cli_test.sh. */
#include "tour.h"
#include <jansson.h>
#include <tutti.h>

/* null for NULL, and for what is not UTF-8 and so cannot stand in JSON. */
static json_t *text(const char *s)
{
    json_t *value = s ? json_string(s) : NULL;
    return value ? value : json_null();
}

static json_t *machine_json(const struct machine *k)
{
    return json_pack("{s:i, s:i, s:o, s:s, s:s, s:s, s:f, s:f, s:f, s:b}", "cpus",
                     k->cpus, "cpus_online", k->cpus_online, "quota",
                     k->quota > 0 ? json_real(k->quota) : json_null(), "kernel",
                     k->kernel, "arch", k->arch, "model", k->model, "memory_gib",
                     k->memory, "load", k->load, "others", k->others, "io_uring",
                     k->io_uring);
}

static json_t *cell_json(const struct cell *c)
{
    if (c->failure)
        return json_pack("{s:o, s:b}", "failure", text(c->failure), "differed",
                         c->differed);
    if (!c->count)
        return json_null();
    json_t *runs = json_array();
    for (int i = 0; i < c->count; i++)
        json_array_append_new(runs, json_real(c->runs[i].seconds));
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:I, s:I, s:b, s:o, s:o}",
                     "seconds", c->seconds, "low", c->low, "high", c->high, "ratio",
                     c->ratio, "cpu_seconds", c->cpu, "cpus_busy", c->cpus,
                     "cpus_wanted", c->wanted, "workers", (int)c->workers, "switches",
                     (json_int_t)c->switches, "started", (json_int_t)c->started,
                     "shaky", cell_shaky(c), "note", text(c->note), "runs", runs);
}

static json_t *row_json(const struct row *row)
{
    static const char *const bound[] = { "CPU", "mixed", "I/O" };
    json_t *cells = json_object();
    for (int e = 0; e < EXECUTORS; e++)
        json_object_set_new(cells, executors[e].key, cell_json(&row->cells[e]));
    bool known = row->cells[SERIAL].count;
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     row->program->name, "program", row->program->file, "kind",
                     text(row->kind), "bound",
                     text(known ? bound[row_bound(row)] : NULL), "what",
                     text(row->what), "answer", text(row->answer), "best",
                     text(row->best >= 0 ? executors[row->best].key : NULL), "picture",
                     text(row->picture), "cells", cells);
}

static json_t *finding_json(const struct finding *f)
{
    json_t *lines = json_array();
    for (int i = 0; f->lines[i]; i++)
        json_array_append_new(lines, json_string(f->lines[i]));
    return json_pack("{s:s, s:s, s:s, s:o}", "key", f->key, "question", f->question,
                     "rule", f->rule, "answer", lines);
}

int json_write(FILE *f, const struct machine *machine, const struct matrix *m,
               const struct verdict *v, const char *report)
{
    json_t *kinds = json_array(), *rows = json_array(), *findings = json_array();
    unsigned n = tutti_version();
    char version[32];
    snprintf(version, sizeof version, "%u.%u.%u", n >> 16, n >> 8 & 255u, n & 255u);
    for (int e = 0; e < EXECUTORS; e++)
        json_array_append_new(kinds, json_pack("{s:s, s:s}", "key", executors[e].key,
                                               "url", executors[e].url));
    for (int i = 0; i < m->count; i++)
        json_array_append_new(rows, row_json(&m->rows[i]));
    for (int i = 0; i < FINDINGS; i++)
        json_array_append_new(findings, finding_json(&v->findings[i]));
    json_t *all =
        json_pack("{s:i, s:s, s:o, s:i, s:s, s:o, s:o, s:b, s:i, s:i, s:f, s:o, s:o}",
                  "format", 1, "tutti", version, "machine", machine_json(machine),
                  "rounds", m->rounds, "size", m->size, "executors", kinds, "rows",
                  rows, "every_answer_equal", matrix_failures(m) == 0, "failures",
                  matrix_failures(m), "differences", matrix_differences(m), "crowded",
                  matrix_crowded(m), "questions", findings, "report", text(report));
    int rc = all ? json_dumpf(all, f, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : -1;
    fputc('\n', f);
    json_decref(all);
    return rc;
}
