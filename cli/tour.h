/* tour.h - what the files of `tutti tour` share: the programs and executors there are,
 * what was measured, and who prints it.
 *
 *   catalog.c  programs, executors, where the programs lie
 *   program.c  runs one program, with a limit
 *   sample.c   reads the line of JSON that a program prints
 *   tour.c     the order of it all
 *   matrix.c   medians, ratios, which executor is best
 *   verdict.c  the three questions, answered from the matrix
 *   machine.c  facts about this machine
 *   print.c, json.c, report.c, chart.c, progress.c   what is shown
 *
 * Tests: tests/cli_test.sh. */
#ifndef CLI_TOUR_H
#define CLI_TOUR_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- catalog.c ----------------------------------------------------------- */

enum { EXECUTORS = 5, SERIAL = 0, ROUNDS_MAX = 99 };

struct executor_kind {
    const char *key;   /* in JSON and in the column "best"               */
    const char *title; /* what a reader sees                             */
    const char *url;   /* what --executor gets                           */
    const char *words; /* what it is, for the report                     */
    bool candidate;    /* may be called best; a lock is shown, not advised */
};
extern const struct executor_kind executors[EXECUTORS];

struct tour_program {
    const char *name;    /* of the row                                   */
    const char *file;    /* of the executable                            */
    const char *small;   /* what --size gets for a small tour            */
    const char *args[4]; /* further arguments, NULL after the last; "@x" is
                          * x beside the programs, left out if not there  */
    const char *picture; /* ending of the picture it can write, or NULL  */
    const char *words;   /* what it does, for the report                 */
    const char *needs;   /* libraries without which it is not built, or NULL */
};
extern const struct tour_program catalog[];
extern const int catalog_count;

/* Marks in wanted[catalog_count] what list ("a,b"; NULL: all) names, by row or by file.
 * NULL, or the first word that names nothing, allocated. */
char *catalog_select(const char *list, bool *wanted);
/* The folder of the programs, allocated: $TUTTI_EXAMPLES, else beside the CLI.  NULL if
 * there is none; *tried then has the places looked at, allocated. */
char *catalog_folder(char **tried);
/* Where results go when --out is not given, allocated. */
char *catalog_out(void);

/* ---- program.c, sample.c ------------------------------------------------- */

struct sample { /* one run of one program */
    double seconds, cpu_seconds;
    double crowded; /* seconds that its first thread waited for a CPU that others had,
                     * for each second that it had one; measured by program_run */
    unsigned workers;
    uint64_t switches, started;
};

enum program_end {
    PROGRAM_EXITED,     /* code has its exit code                          */
    PROGRAM_KILLED,     /* code has the signal that ended it               */
    PROGRAM_LATE,       /* it did not end within the limit and was killed  */
    PROGRAM_LOUD,       /* it printed more than an answer can be; killed   */
    PROGRAM_UNSTARTED,  /* code has the errno of starting it               */
    PROGRAM_INTERRUPTED /* code has the signal that the tour itself got    */
};
/* Holds: out and err are allocated and end with a zero byte, or are NULL. */
struct program_result {
    enum program_end end;
    int code;
    char *out, *err; /* stdout; the last of stderr */
    size_t out_size, err_size;
    double crowded; /* as in struct sample */
};
typedef void program_tick(void *arg);
/* Signals that end a tour are held back from here on, and seen by program_run. */
int program_prepare(void);
/* Run argv[0] in a process group of its own and wait until it ends; nothing of that
 * group lives when this returns.  tick is called a few times a second. */
void program_run(char *const argv[], double limit, program_tick *tick, void *arg,
                 struct program_result *result);
void program_result_free(struct program_result *result);

struct spoken { /* what a program said about itself */
    struct sample sample;
    char *kind, *what, *answer; /* allocated */
    char *note; /* allocated, or NULL: what else it measured, in words */
};
/* 0, or -1 and *error, allocated, says what is wrong with the text. */
int sample_parse(const char *text, size_t size, struct spoken *out, char **error);
void spoken_free(struct spoken *s);

/* ---- matrix.c ------------------------------------------------------------ */

/* Holds: count <= rounds; failure, once set, stays; the figures below it are of all
 * runs, and are set (count > 0) by row_finish. */
struct cell {
    struct sample *runs;
    int count;
    char *failure;                 /* a sentence, or NULL */
    char *note;                    /* of its last run; allocated, or NULL */
    bool differed;                 /* ... and it is that the answer was another one */
    double seconds, low, high;     /* median, least and most */
    double ratio;                  /* serial median by this one; 0: unknown */
    double cpus;                   /* median of CPU time by time: CPUs kept busy */
    double cpu, cpu_low, cpu_high; /* CPU seconds: median, least and most */
    double wanted;                 /* the same and what it wanted but others had */
    uint64_t switches, started;    /* medians */
    unsigned workers;
};
struct row {
    const struct tour_program *program;
    char *kind, *what, *answer; /* as the serial run gave them; NULL before it did */
    char *picture;              /* path, or NULL */
    char *lacks;                /* what its program lacks here, or NULL */
    struct cell cells[EXECUTORS];
    int best; /* index, or -1 */
};
struct matrix {
    struct row *rows;
    int count, rounds;
    const char *size; /* "full" or "small" */
};
enum { BOUND_CPU, BOUND_MIXED, BOUND_IO };

/* Two times nearer than this are the same: the plainer executor is preferred. */
#define MATRIX_NEAR 1.05
/* A cell whose runs lie further apart than this share of the median is marked. */
#define MATRIX_SPREAD 0.20

bool matrix_init(struct matrix *m, const bool *wanted, int rounds, const char *size);
void matrix_free(struct matrix *m);
/* Take row i out; the following move up. */
void matrix_drop(struct matrix *m, int i);
/* Figures of a row whose runs are all there. */
void row_finish(struct row *row);
/* What the serial run did, measured: 0.9 CPUs wanted or more, 0.5 or less, between.
 * Wanted, since a CPU-bound program on a crowded machine has only part of a CPU. */
int row_bound(const struct row *row);
/* Whether the runs of a cell lay so far apart that the figure says little. */
bool cell_shaky(const struct cell *cell);
/* Whether all executors gave figures, and of how many rows they did. */
bool row_complete(const struct row *row);
int matrix_figures(const struct matrix *m);
/* Which part of the time serial runs waited for a CPU that others had; the median. */
double matrix_crowded(const struct matrix *m);
/* How many cells failed. */
int matrix_failures(const struct matrix *m);
/* How many of these gave another answer than the serial run. */
int matrix_differences(const struct matrix *m);
/* Of at most ROUNDS_MAX values; 0 if there is none. */
double median_of(const double *values, int count);

/* ---- verdict.c ----------------------------------------------------------- */

enum { FINDINGS = 4, FINDING_LINES = 4 };
struct finding {
    const char *key, *question, *rule;
    char *lines[FINDING_LINES]; /* allocated; NULL after the last */
};
/* Holds: findings[0..FINDINGS) are set, each with at least one line. */
struct verdict {
    struct finding findings[FINDINGS];
};
void verdict_reach(struct verdict *v, const struct matrix *m);
void verdict_free(struct verdict *v);

/* ---- machine.c ----------------------------------------------------------- */

struct machine {
    int cpus;        /* granted: what threads:// would use                 */
    int cpus_online; /* of the whole machine                               */
    double quota;    /* CPUs that the tightest cgroup grants; 0: none      */
    double load;     /* of other work, when the tour began                 */
    double memory;   /* GiB                                                */
    double others;   /* part of the CPUs that other work had; 0: unknown too   */
    double watch[3]; /* while watching: time, CPU seconds of all, and of ours   */
    bool io_uring;
    char kernel[136], arch[72], model[96];
};
void machine_look(struct machine *machine);
/* To be called before and after the programs ran: how much of the CPUs other work had.
 */
void machine_watch_begin(struct machine *machine);
void machine_watch_end(struct machine *machine);
/* One sentence if other work had enough of the CPUs to spoil the figures, else NULL;
 * serial_waited is matrix_crowded(). */
const char *machine_disturbed(const struct machine *machine, double serial_waited,
                              char out[128]);
/* "2 CPUs (quota none), Linux 6.18.4, io_uring yes" */
void machine_describe(const struct machine *machine, char *out, size_t size);

/* ---- what is shown ------------------------------------------------------- */

/* "61.0 ms", "1.94 s": three figures and a unit, in 16 bytes at out. */
const char *text_seconds(double seconds, char *out);
/* 1,234,567 */
const char *text_count(uint64_t n, char out[28]);

struct printer {
    FILE *out;
    bool color;
};
void print_head(const struct printer *p, const struct machine *machine,
                const struct matrix *m);
void print_row(const struct printer *p, const struct row *row);
void print_end(const struct printer *p, const struct machine *machine,
               const struct matrix *m, const struct verdict *v, const char *report);

struct progress {
    bool shown;             /* stderr is a terminal                               */
    int done, all;          /* runs                                               */
    double began;           /* seconds_now() then                           */
    double rest, rest_when; /* seconds expected to be left, as of when; 0: unknown */
    char what[64];
};
void progress_begin(struct progress *p, int all);
void progress_show(void *progress); /* a program_tick */
void progress_clear(const struct progress *p);
double seconds_now(void);

int json_write(FILE *f, const struct machine *machine, const struct matrix *m,
               const struct verdict *v, const char *report);
/* The chart alone, as a picture for a README: 0 or -errno. */
int chart_save(const char *path, const struct machine *machine, const struct matrix *m);
/* The bars, as an <svg> element that takes its colours from the page around it. */
void chart_write(FILE *f, const struct matrix *m);
int report_save(const char *path, const struct machine *machine, const struct matrix *m,
                const struct verdict *v, const char *command);
/* text with <, >, & and quotes written so that HTML and SVG show them. */
void html_text(FILE *f, const char *text);
extern const char report_style[];
#endif
