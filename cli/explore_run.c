/* explore_run.c - runs a program under libtutti-explore: says through TUTTI_EXPLORE
 * what is wanted, shows the progress that comes on one descriptor, and reads the
 * report from another.  The program stays in this process group, so that Ctrl-C
 * ends both.  Tests: tests/cc_test.sh. */
#include "explore.h"
#include "tour.h"
#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What grows as it is read.  Holds: text has size bytes and a zero byte, or is NULL. */
struct text {
    char *text;
    size_t size;
};

/* The value of TUTTI_EXPLORE, allocated. */
static char *settings(const struct explore_options *o, int progress, int report)
{
    char *all = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&all, &size);
    if (!f)
        abort();
    const struct {
        const char *key, *value;
    } given[] = { { "schedules", o->schedules }, { "seconds", o->seconds },
                  { "seed", o->seed },           { "strategy", o->strategy },
                  { "steps", o->steps },         { "model", o->model },
                  { "status", o->status },       { "replay", o->replay } };
    /* First, so that what is wrong with the others can be reported. */
    if (report >= 0)
        fprintf(f, "report-fd=%d,text=0,", report);
    if (progress >= 0)
        fprintf(f, "progress-fd=%d,", progress);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].value)
            fprintf(f, "%s=%s,", given[i].key, given[i].value);
    if (o->accesses)
        fputs("accesses=1,", f);
    if (o->fork)
        fputs("fork=1,", f);
    if (o->gdb)
        fputs("gdb=1,", f);
    fclose(f);
    if (size > 0)
        all[size - 1] = '\0';
    return all;
}

static void tell(const struct explore_options *o, int progress, int report)
{
    char *value = settings(o, progress, report);
    if (setenv("TUTTI_EXPLORE", value, 1) != 0)
        abort();
    free(value);
}

static bool read_more(int fd, struct text *t)
{
    char part[4096];
    ssize_t n = read(fd, part, sizeof part);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    char *more = realloc(t->text, t->size + (size_t)n + 1);
    if (!more)
        abort();
    memcpy(more + t->size, part, (size_t)n);
    t->text = more;
    t->size += (size_t)n;
    more[t->size] = '\0';
    return true;
}

/* The newest whole line of t in a reader's words; what comes after it is kept. */
static void show_progress(struct text *t)
{
    char *end = t->text ? strrchr(t->text, '\n') : NULL;
    unsigned long long schedules, behaviours;
    double rate, seconds;
    char count[28], each[28], ways[28];
    if (!end)
        return;
    *end = '\0';
    char *line = strrchr(t->text, '\n');
    if (sscanf(line ? line + 1 : t->text,
               "schedules %llu rate %lf behaviours %llu seconds %lf", &schedules, &rate,
               &behaviours, &seconds) == 4)
        fprintf(stderr, "\r\033[K%s schedules, %s/s, %s behaviours, %.0f s",
                text_count(schedules, count), text_count((uint64_t)rate, each),
                text_count(behaviours, ways), seconds);
    t->size -= (size_t)(end + 1 - t->text);
    memmove(t->text, end + 1, t->size + 1);
}

/* Read both until both are closed. */
static void listen_to(int progress, int report, bool shown, struct text *said)
{
    struct text lines = { NULL, 0 };
    struct pollfd fds[2] = { { progress, POLLIN, 0 }, { report, POLLIN, 0 } };
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++)
            if (fds[i].fd >= 0 && fds[i].revents &&
                !read_more(fds[i].fd, i ? said : &lines))
                fds[i].fd = -1;
        if (shown)
            show_progress(&lines);
    }
    if (shown)
        fputs("\r\033[K", stderr);
    free(lines.text);
}

static int start(const struct explore_options *o, const char *path, int progress,
                 int report, pid_t *pid)
{
    tell(o, progress, report);
    fflush(NULL);
    int rc = posix_spawn(pid, path, NULL, NULL, o->program, environ);
    if (rc != 0)
        fprintf(stderr, "tutti: cannot run '%s': %s\n", path, strerror(rc));
    return rc;
}

int explore_run(const struct explore_options *o, const char *path, json_t **report)
{
    int lines[2], json[2], status = 0;
    struct text said = { NULL, 0 };
    pid_t pid;
    *report = NULL;
    if (pipe(lines) != 0 || pipe(json) != 0) {
        fprintf(stderr, "tutti: cannot make a pipe: %s\n", strerror(errno));
        return -1;
    }
    int rc = start(o, path, lines[1], json[1], &pid);
    close(lines[1]);
    close(json[1]);
    if (rc == 0) {
        bool shown = isatty(STDERR_FILENO) && !o->json && !o->replay;
        listen_to(lines[0], json[0], shown, &said);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close(lines[0]);
    close(json[0]);
    if (said.text)
        *report = json_loads(said.text, 0, NULL);
    free(said.text);
    if (rc != 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_BY_SIGNAL + WTERMSIG(status);
}

/* What gdb does: run until the library stops the program, and go up to the frame that
 * called the library.  A descriptor to read it from. */
static int gdb_script(void)
{
    static const char script[] =
        "run\n"
        "if $_isvoid($_exitcode)\n"
        "  set $tutti_up = 0\n"
        "  while $pc != *(unsigned long *)&tutti_explore_stopped && $tutti_up < 40\n"
        "    up-silently\n"
        "    set $tutti_up = $tutti_up + 1\n"
        "  end\n"
        "  frame\n"
        "end\n";
    int fd = memfd_create("gdb", 0);
    ssize_t size = sizeof script - 1;
    return fd >= 0 && write(fd, script, (size_t)size) == size ? fd : -1;
}

int explore_gdb(const struct explore_options *o, const char *path)
{
    int count = 0, fd = gdb_script();
    while (o->program[count])
        count++;
    char **words = calloc((size_t)count + 8, sizeof *words), script[40];
    const char *const before[] = { "gdb", "-q", fd >= 0 ? "-x" : "-ex",
                                   fd >= 0 ? script : "run", "--args" };
    if (!words)
        abort();
    snprintf(script, sizeof script, "/proc/self/fd/%d", fd);
    for (int i = 0; i < 5; i++)
        words[i] = (char *)before[i];
    words[5] = (char *)path;
    for (int i = 1; i < count; i++)
        words[5 + i] = o->program[i];
    tell(o, -1, -1);
    execvp(words[0], words);
    fprintf(stderr, "tutti: cannot start gdb: %s%s\n", strerror(errno),
            errno == ENOENT ? "; 'apt-get install gdb' brings it" : "");
    free(words);
    return EXIT_USAGE;
}
