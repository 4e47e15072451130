/* main.c - the command `tutti`: finds the subcommand and hands over to it.  What each
 * prints as help is in help.c.  Tests: tests/cli_test.sh. */
#include "explore.h"
#include <stdio.h>
#include <string.h>
#include <tutti.h>

static int version_command(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--help"))
        return help_print("version"), output_finish(EXIT_FINE);
    if (argc > 1)
        return usage_error("version", "version takes no argument, but got '%s'",
                           argv[1]);
    unsigned v = tutti_version();
    printf("tutti %u.%u.%u\n", v >> 16, v >> 8 & 255u, v & 255u);
    puts("License MIT: free to use, change and pass on; no warranty.");
    return output_finish(EXIT_FINE);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "tour", tour_command }, { "run", run_command },
    { "cc", cc_command },     { "explore", explore_command },
    { "help", help_command }, { "version", version_command },
};

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage_error(NULL, "a command is missing");
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h"))
        return help_print(NULL), output_finish(EXIT_FINE);
    if (!strcmp(word, "--version") || !strcmp(word, "-V"))
        return version_command(1, argv + 1);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(word, commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    if (word[0] == '-')
        return usage_error(NULL, "unknown option '%s'", word);
    return usage_error(NULL,
                       "unknown command '%s'; there are tour, run, cc, explore, help, "
                       "version",
                       word);
}
