/* examples/common/example.c - the command line, the clock and the printed line of every
 * example; see example.h.  Tests: tests/examples_test.sh. */
#include "example.h"
#include "clock.h"
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print_help(const struct example_about *about)
{
    printf("usage: %s [--executor URL|serial] [--json] [--size N]%s%s%s\n\n%s\n\n"
           "  --executor URL    where the work runs: loop://, threads://4, ...\n"
           "                    default: $TUTTI_EXECUTOR, else threads://\n"
           "  --executor serial a plain loop in C, to compare with\n"
           "  --json            print one line of JSON\n"
           "  --size N          %s; default %llu\n",
           about->name, about->draws ? " [--picture FILE]" : "",
           about->arguments ? " " : "", about->arguments ? about->arguments : "",
           about->summary, about->size_means, (unsigned long long)about->size);
    if (about->draws)
        printf("  --picture FILE    write the picture there, as %s\n",
               about->draws == EXAMPLE_SVG ? "SVG" : "PNG");
}

__attribute__((format(printf, 2, 0))) static void
say(const struct example *e, const char *format, va_list list)
{
    fprintf(stderr, "%s: ", e->about->name);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
}

void example_refuse(const struct example *e, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(e, format, list);
    va_end(list);
    exit(2);
}

void example_lacks(const struct example *e, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(e, format, list);
    va_end(list);
    exit(EXAMPLE_LACKS);
}

uint64_t example_number(const struct example *e, const char *what, const char *text,
                        uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || n < least || n > most)
        example_refuse(e, "%s wants a number from %llu to %llu, not \"%s\"", what,
                       (unsigned long long)least, (unsigned long long)most, text);
    return n;
}

/* Without a URL: the executor of a scope that names none, the process's own. */
static void open_executor(struct example *e, const char *url)
{
    int rc;
    if (url) {
        rc = tutti_executor_open(&e->executor, url);
        e->owns_executor = rc >= 0;
    } else {
        tutti_scope s;
        tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
        e->executor = tutti_scope_executor(&s);
        rc = tutti_scope_close(&s);
    }
    if (rc < 0)
        example_refuse(e, "no executor: %s", *tutti_why() ? tutti_why()
                                                          : tutti_strerror(rc));
}

void example_open(struct example *e, const struct example_about *about, int argc,
                  char **argv)
{
    static const struct option options[] = {
        { "executor", required_argument, NULL, 'e' },
        { "help", no_argument, NULL, 'h' },
        { "json", no_argument, NULL, 'j' },
        { "picture", required_argument, NULL, 'p' },
        { "size", required_argument, NULL, 's' },
        { NULL, 0, NULL, 0 },
    };
    const char *url = NULL;
    *e = (struct example){ .about = about, .size = about->size };
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'h') {
            print_help(about);
            exit(0);
        } else if (c == 'e') {
            url = optarg;
        } else if (c == 'j') {
            e->json = 1;
        } else if (c == 's') {
            e->size = example_number(e, "--size", optarg, about->size_least,
                                     about->size_most);
        } else if (c == 'p' && about->draws) {
            e->picture = optarg;
        } else if (c == ':') {
            example_refuse(e, "\"%s\" wants a value; see --help", argv[optind - 1]);
        } else {
            example_refuse(e, "there is no option \"%s\" here; see --help",
                           c == 'p' ? "--picture" : argv[optind - 1]);
        }
    }
    e->arguments = argv + optind;
    e->argument_count = argc - optind;
    if (e->argument_count > about->arguments_most)
        example_refuse(e, "\"%s\" is one argument too many; see --help",
                       argv[optind + about->arguments_most]);
    e->serial = url && !strcmp(url, "serial");
    if (!e->serial)
        open_executor(e, url);
}

const char *example_data(const char *name, char *path)
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n > 0 && (size_t)n + strlen(name) < PATH_MAX) {
        strcpy(path + n, name);
        if (!access(path, R_OK))
            return path;
    }
    snprintf(path, PATH_MAX, "%s/%s", EXAMPLES_DATA, name);
    return path;
}

/* Workers that are processes have CPU time of their own. */
static double read_cpu(const struct example *e)
{
    return clock_cpu(!e->serial &&
                     !strncmp(tutti_executor_url(e->executor), "processes:", 10));
}

static tutti_executor_stats read_stats(const struct example *e)
{
    tutti_executor_stats stats = { .size = sizeof stats };
    if (!e->serial)
        tutti_executor_stat(e->executor, &stats);
    return stats;
}

void example_start(struct example *e)
{
    tutti_executor_stats stats = read_stats(e);
    e->switches = stats.switches;
    e->started = stats.started;
    e->cpu_seconds = read_cpu(e);
    e->seconds = clock_now();
}

void example_stop(struct example *e)
{
    e->seconds = clock_now() - e->seconds;
    e->cpu_seconds = read_cpu(e) - e->cpu_seconds;
    tutti_executor_stats stats = read_stats(e);
    e->switches = stats.switches - e->switches;
    e->started = stats.started - e->started;
}

static void print_quoted(const char *key, const char *text, const char *behind)
{
    printf("\"%s\":\"", key);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ' || *c == 0x7f)
            printf("\\u%04x", *c);
        else
            printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    printf("\"%s", behind);
}

static void print_result(const struct example *e, const char *what, const char *answer)
{
    unsigned workers = e->serial ? 1 : tutti_executor_workers(e->executor);
    if (!e->json) {
        printf("%s: %s\n  %s, %.3f s on %s, %.3f s of CPU time\n", e->about->name,
               answer, what, e->seconds,
               e->serial ? "serial" : tutti_executor_url(e->executor), e->cpu_seconds);
        if (!e->serial)
            printf("  %llu tasks started, %llu switches between them\n",
                   (unsigned long long)e->started, (unsigned long long)e->switches);
        if (e->note[0])
            printf("  %s\n", e->note);
        if (e->picture)
            printf("  picture: %s\n", e->picture);
        return;
    }
    printf("{");
    print_quoted("program", e->about->name, ",");
    print_quoted("kind", e->about->kind, ",");
    print_quoted("what", what, ",");
    print_quoted("answer", answer, ",");
    printf("\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"workers\":%u,\"switches\":%llu,"
           "\"started\":%llu,",
           e->seconds, e->cpu_seconds, workers, (unsigned long long)e->switches,
           (unsigned long long)e->started);
    if (e->note[0])
        print_quoted("note", e->note, ",");
    print_quoted("picture", e->picture ? e->picture : "", "}\n");
}

int example_close(struct example *e, int code, const char *what, const char *format,
                  ...)
{
    char answer[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(answer, sizeof answer, format, list);
    va_end(list);
    if (code >= 0)
        print_result(e, what, answer);
    else
        fprintf(stderr, "%s: %s%s%s\n", e->about->name, tutti_strerror(code),
                *tutti_why() ? ": " : "", tutti_why());
    if (e->owns_executor) {
        int rc = tutti_executor_close(e->executor);
        if (rc < 0 && code >= 0) {
            fprintf(stderr, "%s: closing: %s\n", e->about->name, tutti_strerror(rc));
            code = rc;
        }
    }
    if (fflush(stdout) || ferror(stdout))
        code = -EIO;
    return code < 0;
}
