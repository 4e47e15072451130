/* options.h - what every subcommand shares: exit codes, usage errors, colour, numbers.
 * Tests: tests/cli_test.sh. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H
#include <stdbool.h>
#include <stdio.h>

/* Exit codes, as `tutti help` documents them.  NOT_RUNNABLE and NOT_FOUND are those of
 * env(1): the program of `tutti run` could not be executed. */
enum {
    EXIT_FINE = 0,
    EXIT_DIFFERED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_RUNNABLE = 126,
    EXIT_NOT_FOUND = 127,
    EXIT_BY_SIGNAL = 128 /* plus the number of the signal */
};

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* "tutti: sentence", a hint where help is, and EXIT_USAGE to return. */
int usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for what getopt_long rejected: c is what it returned, '?' or ':'. */
int option_error(const char *command, int c, char **argv);
/* word (NULL: always) into *out; false if it is none of auto, always, never. */
bool color_parse(const char *word, enum color_when *out);
/* Whether to colour what goes to f: as told, else a terminal that is not dumb, unless
 * NO_COLOR is set to anything but the empty string (no-color.org). */
bool color_wanted(enum color_when when, FILE *f);
/* A whole number from low to high in decimal; false if word is anything else. */
bool number_parse(const char *word, long low, long high, long *out);

int run_command(int argc, char **argv);
int tour_command(int argc, char **argv);
int help_command(int argc, char **argv);
/* The help of one command (NULL: of all) to stdout; false if there is none. */
bool help_print(const char *command);
/* Flush stdout; 1 and a sentence if what was printed could not be written. */
int output_finish(int code);
#endif
