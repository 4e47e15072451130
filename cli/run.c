/* run.c - `tutti run URL|auto -- PROGRAM`: names the executor that the program's
 * default opens, then becomes the program.  It owns nothing afterwards: exec keeps the
 * process, so signals, exit code and job control are the program's own.  Tests:
 * tests/cli_test.sh. */
#include "options.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <tutti.h>
#include <unistd.h>

/* Open and close url, so that the library's own sentence names a bad word.  The number
 * of workers it would have, or a negative code after a sentence on stderr. */
static int url_workers(const char *url)
{
    tutti_executor *ex;
    int rc = tutti_executor_open(&ex, url);
    if (rc < 0) {
        const char *why = *tutti_why() ? tutti_why() : tutti_strerror(rc);
        if (*why == '"') /* it begins with the URL */
            fprintf(stderr, "tutti: cannot open %s\n", why);
        else
            fprintf(stderr, "tutti: cannot open %s: %s\n", url, why);
        return rc;
    }
    int workers = (int)tutti_executor_workers(ex);
    tutti_executor_close(ex);
    return workers;
}

/* What can be known before the program runs is how many CPUs it would get: with one,
 * threads can only take turns, which a loop does without locks and wake-ups. */
static const char *auto_resolve(bool quiet)
{
    int cpus = url_workers("threads://");
    if (cpus < 0)
        return NULL;
    const char *url = cpus > 1 ? "threads://" : "loop://";
    if (!quiet)
        fprintf(stderr, "tutti: auto is %s here: %d CPU%s granted\n", url, cpus,
                cpus == 1 ? "" : "s");
    return url;
}

static int become(char **argv)
{
    execvp(argv[0], argv);
    int code = errno;
    fprintf(stderr, "tutti: cannot run '%s': %s\n", argv[0], strerror(code));
    return code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
}

int run_command(int argc, char **argv)
{
    static const struct option options[] = { { "quiet", no_argument, NULL, 'q' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    bool quiet = false;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "+:qh", options, NULL)) != -1;) {
        if (c == 'q')
            quiet = true;
        else if (c == 'h')
            return help_print("run"), output_finish(EXIT_FINE);
        else
            return option_error("run", c, argv);
    }
    if (optind >= argc)
        return usage_error("run", "run: the URL of an executor is missing");
    const char *url = argv[optind++];
    if (optind < argc && !strcmp(argv[optind], "--"))
        optind++;
    if (optind >= argc)
        return usage_error("run", "run: the program to run is missing");
    if (!strcmp(url, "auto") || !strcmp(url, "auto://")) {
        url = auto_resolve(quiet);
        if (!url)
            return EXIT_DIFFERED;
    } else {
        int rc = url_workers(url);
        /* a wrong word is the caller's, too few threads are the machine's */
        if (rc < 0)
            return rc == -EINVAL || rc == -ENOTSUP ? EXIT_USAGE : EXIT_DIFFERED;
    }
    if (setenv("TUTTI_EXECUTOR", url, 1) != 0) {
        fprintf(stderr, "tutti: cannot set TUTTI_EXECUTOR: %s\n", strerror(errno));
        return EXIT_DIFFERED;
    }
    return become(argv + optind);
}
