/* explore/report_seen.c - what the report says about the limits of what was seen: calls
 * that were not modelled, the share of accesses that no hook saw and where they were,
 * and what the model of memory leaves out whatever the program.  In JSON:
 * "gaps": [{"words"}], "stepped" (accesses looked at by single steps, 0: none),
 * "unseen"
 *   (their share that no hook saw), "unseen_in": [{"function", "file", "count"}],
 *   "unseen_changes" (share of the variables that changed which no hook saw written),
 *   "unseen_data" (such a variable, or ""), "never": [words]
 * Tests: tests/explore_seen_test.py. */
#include "gaps.h"
#include "objects.h"
#include "report.h"
#include "shadow.h"
#include "symbol.h"
#include "trace.h"
#include <stdio.h>
#include <string.h>

enum { NAMED = 4 };

/* What the model of memory never shows, whatever the program. */
static const char *const limits[] = {
    "loads ahead of later stores (load buffering)",
    "stores to one place in another order than the schedule's (2+2W, S)",
    "values that 16 newer ones have replaced",
    "seq_cst operations in an order against happens-before",
};

static const char *where(const struct site *s)
{
    return s->file[0] ? s->file : s->object;
}

/* The functions with the most unseen accesses, most first. */
static int gather(struct site *to, uint64_t *counts)
{
    static struct site site[UNSEEN_SITES];
    int n = shared->unseen_sites, kept = 0;
    for (int i = 0; i < n; i++)
        site[i] = (struct site){ .pc = shared->unseen_site[i].pc };
    symbol_sites(site, (size_t)n);
    static uint64_t count[UNSEEN_SITES];
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < kept && (strcmp(site[k].function, site[i].function) ||
                            strcmp(where(&site[k]), where(&site[i]))))
            k++;
        if (k == kept) {
            site[kept] = site[i];
            count[kept++] = 0;
        }
        count[k] += shared->unseen_site[i].count;
    }
    int named = 0;
    for (; named < NAMED && named < kept; named++) {
        int most = 0;
        for (int i = 1; i < kept; i++)
            most = count[i] > count[most] ? i : most;
        if (!count[most])
            break;
        to[named] = site[most];
        counts[named] = count[most];
        count[most] = 0;
    }
    return named;
}

static double share(void)
{
    return shared->stepped ? (double)shared->stepped_unseen / (double)shared->stepped
                           : 0;
}

static double share_of_changes(void)
{
    return shared->changed ? (double)shared->changed_unseen / (double)shared->changed
                           : 0;
}

void report_seen_text(void)
{
    struct site site[NAMED];
    uint64_t count[NAMED];
    char name[100];
    for (int i = 0; i < shared->gaps; i++)
        fprintf(stderr, "not modelled: %s\n", shared->gap[i]);
    if (shared->stepped_unseen) {
        fprintf(stderr,
                "unseen: %.1f%% of the accesses to memory that threads may share\n",
                100 * share());
        int n = gather(site, count);
        for (int i = 0; i < n; i++)
            fprintf(stderr, "  %llu in %s, %s\n", (unsigned long long)count[i],
                    site[i].function, where(&site[i]));
    }
    if (shared->changed_unseen)
        fprintf(stderr, "unseen: the change of %.1f%% of the variables that changed\n",
                100 * share_of_changes());
    if (shared->unseen_at) {
        symbol_data(shared->unseen_at, name, sizeof name);
        fprintf(
            stderr,
            "  such as %s: by a function of libc, an object that was not built "
            "with -fsanitize=thread, or inline asm (write such asm with <stdatomic.h>, "
            "or its races stay unseen)\n",
            name);
    }
    _Static_assert(HISTORY == 16, "the words above say so");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        fprintf(stderr, "never shown: %s\n", limits[i]);
}

void report_seen_json(FILE *f)
{
    struct site site[NAMED];
    uint64_t count[NAMED];
    char name[100] = "";
    fprintf(f, "\"gaps\":[");
    for (int i = 0; i < shared->gaps; i++) {
        fputs(i ? ",{" : "{", f);
        json_text(f, "words", shared->gap[i]);
        fputc('}', f);
    }
    fprintf(f, "],\"stepped\":%llu,\"unseen\":%.4f,\"unseen_in\":[",
            (unsigned long long)shared->stepped, share());
    int n = gather(site, count);
    for (int i = 0; i < n; i++) {
        fputs(i ? ",{" : "{", f);
        json_text(f, "function", site[i].function);
        fputc(',', f);
        json_text(f, "file", where(&site[i]));
        fprintf(f, ",\"count\":%llu}", (unsigned long long)count[i]);
    }
    if (shared->unseen_at)
        symbol_data(shared->unseen_at, name, sizeof name);
    fprintf(f, "],\"unseen_changes\":%.4f,", share_of_changes());
    json_text(f, "unseen_data", name);
    fprintf(f, ",\"never\":[");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        fprintf(f, "%s\"%s\"", i ? "," : "", limits[i]);
    fprintf(f, "]");
}
