/* explore/report.h - what report.c gathers and report_json.c writes too. */
#ifndef EXPLORE_REPORT_H
#define EXPLORE_REPORT_H
#include "symbol.h"
#include "trace.h"
#include <stdio.h>

enum { LINES = 64, TEXT = 200 };

/* A line of the interleaving. */
struct line {
    const struct step *step;
    struct site site;
    char what[TEXT];
    unsigned times;
};

struct report {
    const struct result *result;
    struct site where[PLACES];
    struct line line[LINES];
    size_t lines;
    uint64_t hidden_steps; /* before the first line */
    unsigned switches;     /* in the shrunk schedule */
    size_t recorded, shrunk; /* decisions */
    bool sure;             /* it was seen to fail again */
    const char *why;       /* what was missing to show it; "" */
    char seed[64], data[100];
};

const char *report_kind(enum failure kind);       /* one word, for programs */
const char *report_kind_words(enum failure kind); /* for people */
void report_seen_text(void); /* report_seen.c: what was not seen */
void report_seen_json(FILE *f);
void json_text(FILE *f, const char *name, const char *s);
void report_error(const char *words);             /* in the place of a report */
void report_json(const struct report *r);         /* r NULL: nothing failed */
#endif
