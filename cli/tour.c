/* tour.c - `tutti tour`: runs every program on every executor in turn, several rounds,
 * and has the outcome printed and written.  The rounds of one program are interleaved
 * (serial, loop, threads, lock, serial, ...), so that a slow moment of the machine
 * falls on all of them.  Tests: tests/cli_test.sh. */
#include "tour.h"
#include "tour_options.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tour {
    const struct tour_options *options;
    const char *folder, *out;
    struct matrix matrix;
    struct machine machine;
    struct progress progress;
    double row_began, rows_cost; /* for the expected end */
    int runs_of_row;             /* done of the row that runs now */
    int interrupted;             /* signal, or 0 */
};

static int runs_each(const struct tour *t)
{
    return 1 + EXECUTORS * t->matrix.rounds; /* the first is a warm-up */
}

/* Runs of one program cost about the same, those of another do not: one that has not
 * run yet is expected to cost what the others did on average. */
static void expect(struct tour *t, int index)
{
    double now = seconds_now();
    double spent = now - t->row_began;
    double row = t->runs_of_row ? spent * runs_each(t) / t->runs_of_row
                 : index        ? t->rows_cost / index
                                : 0;
    double mean = (t->rows_cost + row) / (index + 1);
    t->progress.rest = row > 0 ? row - spent + mean * (t->matrix.count - index - 1) : 0;
    t->progress.rest_when = now;
}

/* What a program complained about last, in plain ASCII; allocated. */
static char *last_line(const char *text)
{
    size_t end = text ? strlen(text) : 0;
    while (end && (text[end - 1] == '\n' || text[end - 1] == ' '))
        end--;
    size_t from = end;
    while (from && text[from - 1] != '\n')
        from--;
    if (end - from > 200)
        from = end - 200;
    char *line = strndup(text ? text + from : "", end - from);
    for (char *c = line; c && *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?'; /* it goes to a terminal, to JSON and to HTML */
    return line;
}

/* What went wrong in a run that gave no answer, allocated; NULL if it ended well. */
static char *complaint(const struct program_result *r, double limit)
{
    char *text = NULL, *said = last_line(r->err);
    const char *colon = said && *said ? ": " : "", *words = said ? said : "";
    int n = 0;
    switch (r->end) {
    case PROGRAM_EXITED:
        if (r->code)
            n = asprintf(&text, "exit code %d%s%s", r->code, colon, words);
        break;
    case PROGRAM_KILLED:
        n = asprintf(&text, "killed by SIG%s (%s)%s%s", sigabbrev_np(r->code),
                     strsignal(r->code), colon, words);
        break;
    case PROGRAM_LATE:
        n = asprintf(&text, "no answer within %g s; killed%s%s", limit, colon, words);
        break;
    case PROGRAM_LOUD:
        n = asprintf(&text, "printed more than an answer can be; killed");
        break;
    case PROGRAM_UNSTARTED:
        n = asprintf(&text, "cannot be started: %s", strerror(r->code));
        break;
    case PROGRAM_INTERRUPTED:
        break;
    }
    free(said);
    return n < 0 ? NULL : text;
}

/* Installed programs have their data beside them, others know where it is. */
static bool beside(const struct tour *t, const char *name, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/%s", t->folder, name);
    return n < PATH_MAX && access(path, R_OK) == 0;
}

/* argv for one run, whose strings must live as long as it; paths has room for those
 * that are made here. */
static void arguments(const struct tour *t, const struct row *row, int e, char *path,
                      char *picture, char paths[4][PATH_MAX], char *argv[16])
{
    int n = 0;
    argv[n++] = path;
    argv[n++] = "--executor";
    argv[n++] = (char *)executors[e].url;
    argv[n++] = "--json";
    if (t->options->small) {
        argv[n++] = "--size";
        argv[n++] = (char *)row->program->small;
    }
    for (int i = 0; i < 4 && row->program->args[i]; i++)
        if (row->program->args[i][0] != '@')
            argv[n++] = (char *)row->program->args[i];
        else if (beside(t, row->program->args[i] + 1, paths[i]))
            argv[n++] = paths[i];
    if (picture) {
        argv[n++] = "--picture";
        argv[n++] = picture;
    }
    argv[n] = NULL;
}

/* Keep what a run said, or why it counts as failed.  The first is the reference. */
static void judge(struct row *row, struct cell *cell, struct spoken *spoken,
                  bool warm_up)
{
    if (!row->answer) {
        row->kind = spoken->kind;
        row->what = spoken->what;
        row->answer = spoken->answer;
        spoken->kind = spoken->what = spoken->answer = NULL;
    } else if (strcmp(row->answer, spoken->answer) != 0) {
        cell->differed = true;
        if (asprintf(&cell->failure,
                     "the answer is \"%.200s\", but serial gave \"%.200s\"",
                     spoken->answer, row->answer) < 0)
            cell->failure = NULL;
        return;
    }
    if (warm_up)
        return;
    cell->runs[cell->count++] = spoken->sample;
    free(cell->note);
    cell->note = spoken->note;
    spoken->note = NULL;
}

enum { PROGRAM_LACKS = 77 }; /* what a program exits with that cannot run here */

/* Has it ended because something is not installed?  Only before the first answer. */
static bool lacking(struct row *row, const struct program_result *r)
{
    if (row->answer || r->end != PROGRAM_EXITED || r->code != PROGRAM_LACKS)
        return false;
    char *said = last_line(r->err);
    const char *words = said ? strstr(said, ": ") : NULL; /* after its name */
    row->lacks = strdup(words ? words + 2 : "it lacks something here");
    free(said);
    return true;
}

/* One run of one program on one executor; the warm-up is serial, draws the picture and
 * gives the answer that the others must equal. */
static void run_once(struct tour *t, struct row *row, int e, char *picture)
{
    struct cell *cell = &row->cells[e];
    struct program_result result;
    struct spoken spoken = { 0 };
    char path[PATH_MAX], paths[4][PATH_MAX], *argv[16], *error = NULL;
    snprintf(path, sizeof path, "%s/%s", t->folder, row->program->file);
    arguments(t, row, e, path, picture, paths, argv);
    snprintf(t->progress.what, sizeof t->progress.what, "%s on %s", row->program->name,
             executors[e].key);
    progress_show(&t->progress);
    program_run(argv, t->options->limit, progress_show, &t->progress, &result);
    if (result.end == PROGRAM_INTERRUPTED) {
        t->interrupted = result.code;
        t->progress.done--;
    } else if (!lacking(row, &result)) {
        error = complaint(&result, t->options->limit);
        if (!error && sample_parse(result.out, result.out_size, &spoken, &error) == 0) {
            spoken.sample.crowded = result.crowded;
            judge(row, cell, &spoken, !row->answer);
        } else {
            cell->failure = error ? error : strdup("no memory to read its answer");
        }
    }
    spoken_free(&spoken);
    program_result_free(&result);
    t->progress.done++;
    t->runs_of_row++;
}

static char *picture_path(const struct tour *t, const struct row *row)
{
    char *path = NULL;
    const struct tour_program *p = row->program;
    if (!p->picture || asprintf(&path, "%s/%s.%s", t->out, p->name, p->picture) < 0)
        return NULL;
    remove(path); /* an old one must not pass for this tour's */
    return path;
}

static void run_row(struct tour *t, int index)
{
    struct row *row = &t->matrix.rows[index];
    int end = (index + 1) * runs_each(t);
    char *picture = picture_path(t, row), program[PATH_MAX];
    snprintf(program, sizeof program, "%s/%s", t->folder, row->program->file);
    if (row->program->needs && access(program, X_OK) != 0) {
        if (asprintf(&row->lacks, "built without %s", row->program->needs) < 0)
            row->lacks = NULL;
        free(picture);
        return;
    }
    t->row_began = seconds_now();
    t->runs_of_row = 0;
    expect(t, index);
    run_once(t, row, SERIAL, picture);
    struct stat st;
    if (picture && stat(picture, &st) == 0 && st.st_size > 0)
        row->picture = picture;
    else
        free(picture);
    for (int i = 0; i < t->matrix.rounds * EXECUTORS && !t->interrupted; i++) {
        if (row->cells[SERIAL].failure || row->lacks)
            break; /* nothing to compare the others with */
        expect(t, index);
        if (!row->cells[i % EXECUTORS].failure)
            run_once(t, row, i % EXECUTORS, NULL);
        else
            t->progress.done++, t->runs_of_row++;
    }
    if (!t->interrupted)
        t->progress.done = end; /* also when runs were left out */
    t->rows_cost += seconds_now() - t->row_began;
    row_finish(row);
}

/* Make every folder on the way to path.  0 or -errno. */
static int folder_make(const char *path)
{
    char part[PATH_MAX];
    if (!*path || strlen(path) >= sizeof part)
        return *path ? -ENAMETOOLONG : -ENOENT;
    for (size_t i = 1;; i++) {
        if (path[i] && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return -errno;
        if (!path[i])
            break;
    }
    struct stat st;
    return stat(path, &st) != 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static int complain(const char *path, int code)
{
    if (code < 0)
        fprintf(stderr, "tutti: cannot write %s: %s\n", path, strerror(-code));
    return code < 0;
}

/* Write and print what was found; the exit code. */
static int conclude(struct tour *t)
{
    char report[PATH_MAX];
    struct verdict verdict;
    const struct tour_options *o = t->options;
    struct printer printer = { stdout, color_wanted(o->color, stdout) };
    int bad = 0;
    verdict_reach(&verdict, &t->matrix);
    snprintf(report, sizeof report, "%s/report.html", t->out);
    int saved = report_save(report, &t->machine, &t->matrix, &verdict, o->command);
    bad |= complain(report, saved);
    const char *seen = saved < 0 ? NULL : report; /* do not send anybody to look for it */
    if (o->svg)
        bad |= complain(o->svg, chart_save(o->svg, &t->machine, &t->matrix));
    if (o->json && json_write(stdout, &t->machine, &t->matrix, &verdict, seen) < 0)
        bad |= complain("the JSON document", -EIO);
    if (!o->json)
        print_end(&printer, &t->machine, &t->matrix, &verdict, seen);
    verdict_free(&verdict);
    return output_finish(bad || matrix_failures(&t->matrix) ? EXIT_DIFFERED
                                                            : EXIT_FINE);
}

/* Row i cannot run here: say so, and go on as if it had not been asked for. */
static void leave_out(struct tour *t, int i)
{
    const struct row *row = &t->matrix.rows[i];
    FILE *out = t->options->json ? stderr : stdout;
    fprintf(out, "%s%-17sskipped: %s\n", t->options->json ? "tutti: " : "",
            row->program->name, row->lacks);
    fflush(out);
    matrix_drop(&t->matrix, i);
    t->progress.all = t->matrix.count * runs_each(t);
    t->progress.done = i * runs_each(t);
}

static int travel(struct tour *t)
{
    const struct tour_options *o = t->options;
    struct printer printer = { stdout, color_wanted(o->color, stdout) };
    machine_look(&t->machine);
    int rc = program_prepare();
    if (rc < 0) {
        fprintf(stderr, "tutti: cannot watch for signals: %s\n", strerror(-rc));
        return EXIT_DIFFERED;
    }
    if (!o->json)
        print_head(&printer, &t->machine, &t->matrix);
    machine_watch_begin(&t->machine);
    progress_begin(&t->progress, t->matrix.count * runs_each(t));
    for (int i = 0; i < t->matrix.count && !t->interrupted; i++) {
        run_row(t, i);
        progress_clear(&t->progress);
        if (t->matrix.rows[i].lacks && !t->interrupted)
            leave_out(t, i--);
        else if (!t->interrupted && !o->json)
            print_row(&printer, &t->matrix.rows[i]);
    }
    if (t->interrupted) {
        fflush(stdout);
        fprintf(stderr, "tutti: tour ended by SIG%s after %d of %d runs\n",
                sigabbrev_np(t->interrupted), t->progress.done, t->progress.all);
        return EXIT_BY_SIGNAL + t->interrupted;
    }
    machine_watch_end(&t->machine);
    return conclude(t);
}

static int tour_start(const struct tour_options *o)
{
    struct tour t = { .options = o };
    char *tried = NULL, *folder = catalog_folder(&tried);
    char *out = o->out ? strdup(o->out) : catalog_out();
    int code = EXIT_DIFFERED, rc = 0;
    t.folder = folder;
    t.out = out;
    if (!folder)
        fprintf(stderr,
                "tutti: the example programs are not here: %s\n"
                "tutti: $TUTTI_EXAMPLES can name their folder\n",
                tried ? tried : "?");
    else if (!out || (rc = folder_make(out)) < 0)
        fprintf(stderr, "tutti: cannot make the folder '%s': %s\n", out ? out : "?",
                strerror(rc ? -rc : ENOMEM));
    else if (!matrix_init(&t.matrix, o->wanted, (int)o->rounds,
                          o->small ? "small" : "full"))
        fputs("tutti: no memory\n", stderr);
    else
        code = travel(&t);
    matrix_free(&t.matrix);
    free(folder);
    free(tried);
    free(out);
    return code;
}

int tour_command(int argc, char **argv)
{
    struct tour_options options;
    int code = EXIT_FINE;
    if (!tour_options_parse(argc, argv, &options, &code))
        return code;
    code = tour_start(&options);
    tour_options_free(&options);
    return code;
}
