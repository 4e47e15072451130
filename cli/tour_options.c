/* tour_options.c - reads the options of `tutti tour`, and lists the programs there are.
 * Tests: tests/cli_test.sh. */
#include "tour_options.h"
#include "tour.h"
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPT_JSON = 256,
    OPT_ONLY,
    OPT_ROUNDS,
    OPT_SIZE,
    OPT_OUT,
    OPT_LIST,
    OPT_SVG,
    OPT_COLOR,
    OPT_LIMIT,
    OPT_HELP
};

static const struct option long_options[] = {
    { "json", no_argument, NULL, OPT_JSON },
    { "only", required_argument, NULL, OPT_ONLY },
    { "rounds", required_argument, NULL, OPT_ROUNDS },
    { "size", required_argument, NULL, OPT_SIZE },
    { "out", required_argument, NULL, OPT_OUT },
    { "list", no_argument, NULL, OPT_LIST },
    { "svg", required_argument, NULL, OPT_SVG },
    { "color", optional_argument, NULL, OPT_COLOR },
    { "limit", required_argument, NULL, OPT_LIMIT },
    { "help", no_argument, NULL, OPT_HELP },
    { 0 },
};

static void list_programs(FILE *f)
{
    for (int i = 0; i < catalog_count; i++)
        fprintf(f, "  %-17s %s\n", catalog[i].name, catalog[i].words);
}

static int list_all(void)
{
    char *tried = NULL, *folder = catalog_folder(&tried), path[PATH_MAX];
    for (int i = 0; i < catalog_count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder ? folder : "", catalog[i].file);
        printf("%-17s %s%s\n", catalog[i].name, catalog[i].words,
               folder && access(path, X_OK) == 0 ? "" : " (not built)");
    }
    free(folder);
    free(tried);
    return output_finish(EXIT_FINE);
}

static int select_only(struct tour_options *o, const char *list)
{
    char *nonsense = catalog_select(list, o->wanted);
    if (!nonsense)
        return EXIT_FINE;
    fprintf(stderr, "tutti: tour: there is no program '%s'; there are:\n", nonsense);
    list_programs(stderr);
    free(nonsense);
    return EXIT_USAGE;
}

/* One option; EXIT_FINE, or the code of the usage error that was printed. */
static int take(struct tour_options *o, int c, const char *value)
{
    long n;
    switch (c) {
    case OPT_JSON:
        o->json = true;
        return EXIT_FINE;
    case OPT_ONLY:
        return select_only(o, value);
    case OPT_ROUNDS:
        return number_parse(value, 1, ROUNDS_MAX, &o->rounds)
                   ? EXIT_FINE
                   : usage_error("tour",
                                 "tour: --rounds is a number from 1 to 99, not '%s'",
                                 value);
    case OPT_LIMIT:
        if (!number_parse(value, 1, 86400, &n))
            return usage_error(
                "tour", "tour: --limit is seconds from 1 to 86400, not '%s'", value);
        o->limit = (double)n;
        return EXIT_FINE;
    case OPT_SIZE:
        o->small = !strcmp(value, "small");
        return o->small || !strcmp(value, "full")
                   ? EXIT_FINE
                   : usage_error("tour", "tour: --size is small or full, not '%s'",
                                 value);
    case OPT_COLOR:
        return color_parse(value, &o->color)
                   ? EXIT_FINE
                   : usage_error("tour",
                                 "tour: --color is auto, always or never, not '%s'",
                                 value);
    case OPT_OUT:
        o->out = value;
        return *value ? EXIT_FINE : usage_error("tour", "tour: --out is empty");
    default:
        o->svg = value;
        return *value ? EXIT_FINE : usage_error("tour", "tour: --svg is empty");
    }
}

/* A word as a shell would have to be given it. */
static void quote(FILE *f, const char *word)
{
    if (*word && !word[strcspn(word, " \t\n'\"\\$`*?&;|<>()[]{}!#~")]) {
        fputs(word, f);
        return;
    }
    fputc('\'', f);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", f);
        else
            fputc(*word, f);
    fputc('\'', f);
}

/* What was typed, for "how to run again". */
static char *join(int argc, char **argv)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fputs("tutti", f);
    for (int i = 0; i < argc; i++) {
        fputc(' ', f);
        quote(f, argv[i]);
    }
    fclose(f);
    return text;
}

bool tour_options_parse(int argc, char **argv, struct tour_options *o, int *code)
{
    bool list = false;
    *o = (struct tour_options){ .rounds = 3, .limit = 120 };
    o->command = join(argc, argv);
    o->wanted = calloc((size_t)catalog_count, sizeof *o->wanted);
    *code = EXIT_FINE;
    if (!o->wanted) {
        fputs("tutti: no memory\n", stderr);
        *code = EXIT_DIFFERED;
    } else {
        catalog_select(NULL, o->wanted);
    }
    opterr = 0;
    for (int c = 0; !*code && c != -1;) {
        c = getopt_long(argc, argv, ":h", long_options, NULL);
        if (c == '?' || c == ':')
            *code = option_error("tour", c, argv);
        else if (c == OPT_LIST)
            list = true;
        else if (c == OPT_HELP || c == 'h') {
            help_print("tour");
            *code = output_finish(EXIT_FINE);
            tour_options_free(o);
            return false;
        } else if (c != -1)
            *code = take(o, c, optarg);
    }
    if (!*code && optind < argc)
        *code = usage_error("tour", "tour: unexpected word '%s'; --only %s?",
                            argv[optind], argv[optind]);
    if (!*code && list)
        *code = list_all();
    else if (!*code)
        return true;
    tour_options_free(o);
    return false;
}

void tour_options_free(struct tour_options *o)
{
    free(o->wanted);
    free(o->command);
    *o = (struct tour_options){ 0 };
}
