/* explore/report_json.c - the report as one JSON object on the descriptor that was
 * asked for:
 *   {"schedules", "behaviours", "rate", "seconds", "threads", what report_seen.c adds,
 *    "failure": null or {"kind", "words", "data", "where":
 *    [{"thread", "function", "file", "line", "what"}], "seed", "switches", "decisions",
 * "recorded", "sure", "why" (not shown), "steps": [the same, with "times"], "hidden"}}
 * or, where nothing could be explored, {"error": the sentence}.
 * Tests: tests/cc_test.sh, tests/explore/suite.py. */
#include "fail.h"
#include "options.h"
#include "report.h"
#include "scarce.h"
#include "trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const op_names[OPS] = {
    "none",     "read",       "write",      "load",      "store",   "rmw",
    "cas",      "fence",      "create",     "join",      "detach",  "exit",
    "cancel",   "once",       "lock",       "trylock",   "unlock",  "rdlock",
    "wrlock",   "cond-wait",  "signal",     "broadcast", "barrier", "sem-wait",
    "sem-post", "futex-wait", "futex-wake", "sleep",     "clock",   "yield",
    "destroy",  "free",       "blocking",   "spin",      "end",     "return",
};

void json_text(FILE *f, const char *name, const char *s)
{
    fprintf(f, "\"%s\":\"", name);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c < 32)
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

static void site(FILE *f, int thread, const struct site *s, enum op op)
{
    fprintf(f, "{\"thread\":%d,", thread);
    json_text(f, "function", s->function);
    fputc(',', f);
    json_text(f, "file", s->file);
    fprintf(f, ",\"line\":%d,\"op\":\"%s\"", s->line, op_names[op]);
}

static void failure(FILE *f, const struct report *r)
{
    const struct result *x = r->result;
    fprintf(f, "{\"kind\":\"%s\",", report_kind(x->kind));
    json_text(f, "words", x->words);
    fputc(',', f);
    json_text(f, "data", r->data);
    fprintf(f, ",\"where\":[");
    for (int i = 0; i < x->places; i++) {
        fputs(i ? "," : "", f);
        site(f, x->place[i].thread, &r->where[i], x->place[i].op);
        fputc('}', f);
    }
    fprintf(f, "],");
    json_text(f, "seed", r->seed);
    fprintf(f, ",\"switches\":%u,\"decisions\":%zu,\"recorded\":%zu,\"sure\":%s,"
            "\"hidden\":%llu,", r->switches, r->shrunk, r->recorded,
            r->sure ? "true" : "false", (unsigned long long)r->hidden_steps);
    json_text(f, "why", r->why);
    fprintf(f, ",\"steps\":[");
    for (size_t i = 0; i < r->lines; i++) {
        const struct line *l = &r->line[i];
        fputs(i ? "," : "", f);
        site(f, l->step->thread, &l->site, l->step->op);
        fputc(',', f);
        json_text(f, "what", l->what);
        fprintf(f, ",\"times\":%u}", l->times);
    }
    fprintf(f, "]}");
}

void report_error(const char *words)
{
    static bool told; /* what goes wrong here is not told again */
    FILE *f = options.report_fd < 0 || told ? NULL : scarce_stream(options.report_fd);
    told = true;
    if (!f)
        return;
    fputc('{', f);
    json_text(f, "error", words);
    fputs("}\n", f);
    fclose(f);
}

void report_json(const struct report *r)
{
    if (options.report_fd < 0)
        return;
    FILE *f = scarce_stream(options.report_fd);
    if (!f)
        cannot("cannot write the report to descriptor %d", options.report_fd);
    double s = shared->seconds;
    fprintf(f,
            "{\"schedules\":%llu,\"behaviours\":%llu,\"seconds\":%.6f,\"rate\":%.0f,"
            "\"threads\":%llu,\"accesses\":%llu,",
            (unsigned long long)shared->schedules,
            (unsigned long long)shared->behaviours, s,
            s > 0 ? (double)shared->schedules / s : 0,
            (unsigned long long)shared->threads, (unsigned long long)shared->accesses);
    report_seen_json(f);
    if (options.orders) {
        fprintf(f, ",\"orders\":[");
        for (int i = 0; i < shared->sites; i++)
            fprintf(f, "%s[\"%lx\",\"%s\",%d]", i ? "," : "", shared->site[i].pc,
                    op_names[shared->site[i].op], shared->site[i].order);
        fprintf(f, "]");
    }
    fprintf(f, ",\"failure\":");
    if (r)
        failure(f, r);
    else
        fprintf(f, "null");
    fprintf(f, "}\n");
    fclose(f);
}
