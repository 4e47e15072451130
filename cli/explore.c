/* explore.c - `tutti explore PROGRAM`: what was asked for, what may be asked for, and
 * what is said at the end.  Tests: tests/cc_test.sh. */
#include "explore.h"
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    OPT_SCHEDULES = 256,
    OPT_SECONDS,
    OPT_SEED,
    OPT_STRATEGY,
    OPT_STEPS,
    OPT_MODEL,
    OPT_STATUS,
    OPT_REPLAY,
    OPT_ACCESSES,
    OPT_FORK,
    OPT_GDB,
    OPT_JSON,
    OPT_COLOR
};

static const struct option options[] = {
    { "schedules", required_argument, NULL, OPT_SCHEDULES },
    { "seconds", required_argument, NULL, OPT_SECONDS },
    { "seed", required_argument, NULL, OPT_SEED },
    { "strategy", required_argument, NULL, OPT_STRATEGY },
    { "steps", required_argument, NULL, OPT_STEPS },
    { "model", required_argument, NULL, OPT_MODEL },
    { "status", required_argument, NULL, OPT_STATUS },
    { "replay", required_argument, NULL, OPT_REPLAY },
    { "accesses", no_argument, NULL, OPT_ACCESSES },
    { "fork", no_argument, NULL, OPT_FORK },
    { "gdb", no_argument, NULL, OPT_GDB },
    { "json", no_argument, NULL, OPT_JSON },
    { "color", optional_argument, NULL, OPT_COLOR },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

/* word if it is a number that option may have, else NULL after a sentence. */
static const char *count_word(const char *option, const char *word)
{
    long n;
    if (number_parse(word, 1, LONG_MAX, &n))
        return word;
    usage_error("explore", "explore: --%s takes a whole number from 1, but got '%s'",
                option, word);
    return NULL;
}

static const char *status_word(const char *word)
{
    long n;
    if (number_parse(word, 0, 255, &n))
        return word;
    usage_error("explore", "explore: --status takes a number from 0 to 255, but got '%s'",
                word);
    return NULL;
}

static const char *seconds_word(const char *word)
{
    char *end;
    double n = strtod(word, &end);
    bool plain = strspn(word, "0123456789.") == strlen(word);
    if (plain && end > word && !*end && n > 0)
        return word;
    usage_error("explore", "explore: --seconds takes a number above 0, but got '%s'",
                word);
    return NULL;
}

/* A word that goes into TUTTI_EXPLORE, where commas part. */
static const char *plain_word(const char *option, const char *word)
{
    if (*word && !strpbrk(word, ", =\n"))
        return word;
    usage_error("explore", "explore: --%s got '%s', which cannot be one", option, word);
    return NULL;
}

static bool take_option(struct explore_options *o, int c, char **argv)
{
    switch (c) {
    case OPT_SCHEDULES:
        return (o->schedules = count_word("schedules", optarg)) != NULL;
    case OPT_SECONDS:
        return (o->seconds = seconds_word(optarg)) != NULL;
    case OPT_SEED:
        return (o->seed = count_word("seed", optarg)) != NULL;
    case OPT_STRATEGY:
        return (o->strategy = plain_word("strategy", optarg)) != NULL;
    case OPT_STEPS:
        return (o->steps = count_word("steps", optarg)) != NULL;
    case OPT_MODEL:
        return (o->model = plain_word("model", optarg)) != NULL;
    case OPT_STATUS:
        return (o->status = status_word(optarg)) != NULL;
    case OPT_REPLAY:
        return (o->replay = plain_word("replay", optarg)) != NULL;
    case OPT_ACCESSES:
        return o->accesses = true;
    case OPT_FORK:
        return o->fork = true;
    case OPT_GDB:
        return o->gdb = true;
    case OPT_JSON:
        return o->json = true;
    case OPT_COLOR:
        if (color_parse(optarg, &o->color))
            return true;
        usage_error("explore", "explore: --color is auto, always or never, not '%s'",
                    optarg);
        return false;
    default:
        option_error("explore", c, argv);
        if (optind > 1 && argv[optind - 1][0] == '-')
            fputs("Options of the program itself go behind '--'.\n", stderr);
        return false;
    }
}

static bool take_options(struct explore_options *o, int argc, char **argv)
{
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (c == 'h') {
            help_print("explore");
            exit(output_finish(EXIT_FINE));
        }
        if (!take_option(o, c, argv))
            return false;
    }
    if (optind >= argc) {
        usage_error("explore", "explore: the program to explore is missing");
        return false;
    }
    if (o->gdb && !o->replay) {
        usage_error("explore", "explore: --gdb needs the --replay SEED of a failure");
        return false;
    }
    if (o->gdb && o->json) {
        usage_error("explore", "explore: --gdb and --json exclude each other");
        return false;
    }
    if (o->seconds && !o->schedules)
        o->schedules = "1000000000000"; /* the time decides */
    o->program = argv + optind;
    return true;
}

static int columns(FILE *f)
{
    struct winsize size;
    const char *said = getenv("COLUMNS");
    long n;
    if (said && number_parse(said, 40, 1000, &n))
        return (int)n;
    if (ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 100;
}

/* Whether the command's own options ask for JSON, also where another of them is wrong. */
static bool json_asked(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--json"))
            return true;
    return false;
}

/* The sentence that was said, without the command's name and the hint behind it, as the
 * report of a run that could not begin. */
static void show_error(const char *said)
{
    int skip = !strncmp(said, "tutti: ", 7) ? 7 : 0;
    json_t *report = json_pack("{s:s#}", "error", said + skip,
                               (int)strcspn(said + skip, "\n"));
    if (report)
        json_dumpf(report, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(report);
}

static int explore_asked(int argc, char **argv)
{
    struct explore_options o = { 0 };
    char path[PATH_MAX];
    if (!take_options(&o, argc, argv))
        return EXIT_USAGE;
    int code = explore_find(o.program[0], path, sizeof path);
    if (code == EXIT_FINE)
        code = explore_check(path);
    if (code != EXIT_FINE)
        return code;
    if (o.gdb)
        return explore_gdb(&o, path);
    json_t *report;
    code = explore_run(&o, path, &report);
    if (code < 0)
        return EXIT_USAGE;
    if (!report) {
        explore_unstarted(path, code);
        return EXIT_USAGE;
    }
    const char *error = json_string_value(json_object_get(report, "error"));
    if (error) { /* it has said so itself, too */
        if (o.json)
            show_error(error);
        json_decref(report);
        return EXIT_USAGE;
    }
    struct painter p = { stdout, color_wanted(o.color, stdout), columns(stdout) };
    if (o.json) {
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
    } else {
        explore_show(&p, &o, report);
    }
    json_decref(report);
    int finished = output_finish(EXIT_FINE);
    return finished ? EXIT_USAGE : code;
}

int explore_command(int argc, char **argv)
{
    char *said = NULL;
    size_t size = 0;
    FILE *errors = stderr, *kept = NULL;
    if (json_asked(argc, argv))
        kept = open_memstream(&said, &size);
    if (kept)
        stderr = kept; /* what is said is to be the report, too */
    int code = explore_asked(argc, argv);
    stderr = errors;
    if (kept) {
        fclose(kept);
        fputs(said, stderr);
        if (size > 0 && code != EXIT_FINE && code != EXIT_DIFFERED)
            show_error(said), output_finish(EXIT_FINE);
        free(said);
    }
    return code;
}
