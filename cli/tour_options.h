/* tour_options.h - what was asked of `tutti tour`.  Tests: tests/cli_test.sh. */
#ifndef CLI_TOUR_OPTIONS_H
#define CLI_TOUR_OPTIONS_H
#include "options.h"

struct tour_options {
    bool *wanted; /* of the catalog; allocated */
    bool json, small;
    long rounds;
    double limit; /* seconds for one run of one program */
    enum color_when color;
    const char *out, *svg; /* or NULL */
    char *command;         /* as typed, to be repeated; allocated */
};
/* True: go on.  False: *code is the exit code, all is said, nothing is to be freed. */
bool tour_options_parse(int argc, char **argv, struct tour_options *o, int *code);
void tour_options_free(struct tour_options *o);
#endif
