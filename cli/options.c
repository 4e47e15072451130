/* options.c - what every subcommand shares: usage errors, colour, numbers.
 * Tests: tests/cli_test.sh. */
#include "options.h"
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int usage_error(const char *command, const char *format, ...)
{
    va_list list;
    fputs("tutti: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\nTry 'tutti %s%s--help' for more information.\n",
            command ? command : "", command ? " " : "");
    return EXIT_USAGE;
}

int option_error(const char *command, int c, char **argv)
{
    const char *last = argv[optind - 1];
    bool is_long = last[0] == '-' && last[1] == '-';
    if (c == ':' && is_long)
        return usage_error(command, "%s: option '%s' needs a value", command, last);
    if (c == ':')
        return usage_error(command, "%s: option '-%c' needs a value", command, optopt);
    if (is_long && optopt && strchr(last, '='))
        return usage_error(command, "%s: option '%.*s' takes no value", command,
                           (int)strcspn(last, "="), last);
    if (is_long && !optopt)
        return usage_error(command, "%s: unknown option '%s'", command, last);
    return usage_error(command, "%s: unknown option '-%c'", command, optopt);
}

bool color_parse(const char *word, enum color_when *out)
{
    if (!word || !strcmp(word, "always"))
        *out = COLOR_ALWAYS;
    else if (!strcmp(word, "never"))
        *out = COLOR_NEVER;
    else if (!strcmp(word, "auto"))
        *out = COLOR_AUTO;
    else
        return false;
    return true;
}

bool color_wanted(enum color_when when, FILE *f)
{
    if (when != COLOR_AUTO)
        return when == COLOR_ALWAYS;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (no && *no)
        return false;
    return isatty(fileno(f)) && term && strcmp(term, "dumb") != 0;
}

bool number_parse(const char *word, long low, long high, long *out)
{
    char *end;
    if (*word < '0' || *word > '9') /* strtol would take blanks and signs */
        return false;
    errno = 0;
    long n = strtol(word, &end, 10);
    if (errno || *end || n < low || n > high)
        return false;
    *out = n;
    return true;
}

int output_finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "tutti: cannot write to standard output: %s\n", strerror(errno));
    return EXIT_DIFFERED;
}
