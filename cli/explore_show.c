/* explore_show.c - what an exploration came to, as a person reads it: the failure,
 * the interleaving with a column for each thread and the text of each line, and how
 * to see it again; or how much was tried, and what was not seen.  Tests:
 * tests/cc_test.sh. */
#include "explore.h"
#include "tour.h"
#include <stdlib.h>
#include <string.h>

enum { COLUMN_LEAST = 22, COLUMN_MOST = 64, THREADS = 64, NOTE = 600 };

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[1;31m"
#define GREEN "\033[32m"

static const char *paint(const struct painter *p, const char *code)
{
    return p->color ? code : "";
}

/* A thread's own colour. */
static const char *paint_thread(const struct painter *p, int thread)
{
    static const char *const paints[] = { "\033[34m", "\033[36m", "\033[33m",
                                          "\033[35m", "\033[32m" };
    return paint(p, paints[(size_t)thread % (sizeof paints / sizeof *paints)]);
}

static const char *plain(const struct painter *p)
{
    return paint(p, "\033[0m");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int int_of(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

static bool op_is(const json_t *step, const char *op)
{
    return !strcmp(text_of(step, "op"), op);
}

/* Whether the failure is that nobody can go on. */
static bool is_blocked(const json_t *failure)
{
    const char *kind = text_of(failure, "kind");
    return !strcmp(kind, "deadlock") || !strcmp(kind, "lost-wakeup");
}

/* ---- the interleaving ---------------------------------------------------- */

/* What is shown of the steps: all from the first thread's start on, but that threads
 * start, end and are joined; a join that waits for ever is shown.
 * Holds: steps [from, to) are looked at; column[t] is -1 or below count. */
struct table {
    const struct painter *p;
    const json_t *steps;
    size_t from, to;
    bool blocked; /* the failure is that nobody can go on */
    int column[THREADS], thread[THREADS], count;
    int gutter, width; /* of the places on the left, and of a column */
};

static const json_t *step_at(const struct table *t, size_t i)
{
    return json_array_get(t->steps, i);
}

static bool shown(const struct table *t, const json_t *step)
{
    int thread = int_of(step, "thread");
    if (thread < 0 || thread >= THREADS || op_is(step, "create") ||
        op_is(step, "exit") || op_is(step, "end"))
        return false;
    return !op_is(step, "join") ||
           (t->blocked && strstr(text_of(step, "what"), "(waits)"));
}

static void where_of(const json_t *place, char *out, size_t size)
{
    const char *file = text_of(place, "file");
    if (*file)
        snprintf(out, size, "%s:%d", source_name(file), int_of(place, "line"));
    else
        snprintf(out, size, "%s", text_of(place, "function"));
}

/* Main's steps before it started a thread meet nobody. */
static void table_begin(struct table *t)
{
    t->to = json_array_size(t->steps);
    for (size_t i = 0; i < t->to; i++)
        if (op_is(step_at(t, i), "create")) {
            t->from = i;
            return;
        }
}

static void table_lay(struct table *t)
{
    bool there[THREADS] = { false };
    table_begin(t);
    for (size_t i = t->from; i < t->to; i++) {
        const json_t *step = step_at(t, i);
        char where[300];
        if (!shown(t, step))
            continue;
        there[int_of(step, "thread")] = true;
        where_of(step, where, sizeof where);
        if ((int)strlen(where) > t->gutter)
            t->gutter = (int)strlen(where);
    }
    for (int i = 0; i < THREADS; i++) {
        t->column[i] = there[i] ? t->count : -1;
        if (there[i])
            t->thread[t->count++] = i;
    }
    if (!t->count)
        return;
    t->width = (t->p->width - t->gutter - 4) / t->count;
    if (t->width < COLUMN_LEAST)
        t->width = COLUMN_LEAST;
    if (t->width > COLUMN_MOST)
        t->width = COLUMN_MOST;
}

static void show_heads(const struct table *t)
{
    fprintf(t->p->out, "\n%*s", t->gutter + 4, "");
    for (int i = 0; i < t->count; i++) {
        char name[32];
        snprintf(name, sizeof name, "thread %d", t->thread[i]);
        fprintf(t->p->out, "%s%s%s%s%*s", paint(t->p, BOLD),
                paint_thread(t->p, t->thread[i]), name, plain(t->p),
                i + 1 < t->count ? t->width - (int)strlen(name) : 0, "");
    }
    fputc('\n', t->p->out);
}

/* How many bytes of text go into a line of n: up to a blank if there is one. */
static int line_fit(const char *text, int n)
{
    int length = (int)strlen(text), cut;
    if (length <= n)
        return length;
    for (cut = n; cut > n / 2 && text[cut] != ' ';)
        cut--;
    if (text[cut] != ' ')
        for (cut = n; cut > 1 && (text[cut] & 0xc0) == 0x80;)
            cut--;
    return cut;
}

/* text in the column of a thread, in as many lines as it takes; where stands at the
 * left of the first. */
static void show_cell(const struct table *t, int thread, const char *where,
                      const char *style, const char *text)
{
    const struct painter *p = t->p;
    int indent = t->column[thread] * t->width;
    do {
        int n = line_fit(text, t->width - 2);
        fprintf(p->out, "  %s%-*s%s  %*s%s%.*s%s\n", paint(p, DIM), t->gutter, where,
                plain(p), indent, "", style, n, text, plain(p));
        where = "";
        text += n + (text[n] == ' ');
    } while (*text);
}

/* Steps [i, end) are of one thread and line. */
static void show_steps(const struct table *t, size_t i, size_t end)
{
    const json_t *first = step_at(t, i);
    const char *source = source_line(text_of(first, "file"), int_of(first, "line"));
    int thread = int_of(first, "thread");
    char where[300], note[NOTE] = "";
    where_of(first, where, sizeof where);
    for (size_t used = 0; i < end; i++) {
        const json_t *step = step_at(t, i);
        int times = int_of(step, "times");
        if (!shown(t, step) || used >= sizeof note - 1)
            continue;
        used += (size_t)snprintf(note + used, sizeof note - used, "%s%s",
                                 used ? ", " : "", text_of(step, "what"));
        if (times > 1 && used < sizeof note - 1)
            used +=
                (size_t)snprintf(note + used, sizeof note - used, " (%d times)", times);
    }
    if (*source)
        show_cell(t, thread, where, paint_thread(t->p, thread), source);
    show_cell(t, thread, *source ? "" : where, paint(t->p, DIM), note);
}

static bool same_place(const json_t *a, const json_t *b)
{
    return int_of(a, "thread") == int_of(b, "thread") &&
           int_of(a, "line") == int_of(b, "line") &&
           !strcmp(text_of(a, "file"), text_of(b, "file")) && int_of(a, "line") > 0;
}

static void show_interleaving(const struct painter *p, const json_t *failure)
{
    struct table t = { .p = p, .steps = json_object_get(failure, "steps") };
    t.blocked = is_blocked(failure);
    table_lay(&t);
    if (!t.count)
        return;
    show_heads(&t);
    if (int_of(failure, "hidden") > 0)
        fprintf(p->out, "  %s... %d steps before%s\n", paint(p, DIM),
                int_of(failure, "hidden"), plain(p));
    for (size_t i = t.from, end; i < t.to; i = end) {
        for (end = i + 1; end < t.to; end++)
            if (shown(&t, step_at(&t, end)) &&
                !same_place(step_at(&t, i), step_at(&t, end)))
                break;
        if (shown(&t, step_at(&t, i)))
            show_steps(&t, i, end);
        else
            end = i + 1;
    }
}

/* ---- around it ----------------------------------------------------------- */

static const char *kind_words(const char *kind)
{
    static const char *const words[][2] = {
        { "race", "data race: " },
        { "deadlock", "deadlock: " },
        { "lost-wakeup", "lost wake-up: " },
        { "livelock", "livelock: " },
        { "lock-leak", "lock never given back: " },
        { "misuse", "misuse: " },
        { "heap", "misuse of heap memory: " },
        { "dead-stack", "use of a stack frame that is gone: " },
        { "unmodelled", "not modelled: " },
        { NULL, NULL },
    };
    for (int i = 0; words[i][0]; i++)
        if (!strcmp(kind, words[i][0]))
            return words[i][1];
    return ""; /* its words say it */
}

static void show_where(const struct painter *p, const json_t *failure)
{
    size_t i;
    json_t *place;
    if (*text_of(failure, "data"))
        fprintf(p->out, "  at %s\n", text_of(failure, "data"));
    json_array_foreach(json_object_get(failure, "where"), i, place)
    {
        int thread = int_of(place, "thread");
        if (op_is(place, "join") && !is_blocked(failure))
            continue; /* it waits for the others, as it should */
        const char *source = source_line(text_of(place, "file"), int_of(place, "line"));
        char where[300];
        where_of(place, where, sizeof where);
        bool known = *text_of(place, "function");
        fprintf(p->out, "  %sthread %d%s in %s, %s%s%s\n", paint_thread(p, thread),
                thread, plain(p), known ? text_of(place, "function") : "unnamed code",
                known ? where : "a library that main has loaded",
                *source ? ":  " : "", source);
    }
}

static void show_again(const struct painter *p, const struct explore_options *o,
                       const json_t *failure)
{
    fprintf(p->out, "replay: %stutti explore --replay %s", paint(p, BOLD),
            text_of(failure, "seed"));
    for (int i = 0; o->program[i]; i++)
        fprintf(p->out, "%s %s", i == 1 ? " --" : "", o->program[i]);
    fprintf(p->out, "%s, and with --gdb in the debugger\n", plain(p));
}

static void show_failure(const struct painter *p, const struct explore_options *o,
                         const json_t *failure)
{
    const json_t *sure = json_object_get(failure, "sure");
    fprintf(p->out, "%sFAILED%s  %s%s%s%s\n", paint(p, RED), plain(p), paint(p, BOLD),
            kind_words(text_of(failure, "kind")), text_of(failure, "words"), plain(p));
    show_where(p, failure);
    show_interleaving(p, failure);
    fputc('\n', p->out);
    if (*text_of(failure, "why")) {
        fprintf(p->out, "The schedule is not shown: %s.\n", text_of(failure, "why"));
        show_again(p, o, failure);
        return;
    }
    if (json_is_false(sure)) {
        fputs("This schedule did not fail in the same way from the start: the program "
              "depends on\nsomething that is not put back. --fork searches with a "
              "process "
              "for each schedule.\n",
              p->out);
        return;
    }
    int switches = int_of(failure, "switches"), all = int_of(failure, "recorded");
    fprintf(p->out, "%d switch%s", switches, switches == 1 ? "" : "es");
    if (all > 0)
        fprintf(p->out, "; %d of the %d decisions of this schedule are needed",
                int_of(failure, "decisions"), all);
    fputc('\n', p->out);
    show_again(p, o, failure);
}

static void show_count(const struct painter *p, const json_t *report, bool failed,
                       bool replay)
{
    char schedules[28], rate[28], behaviours[28], time[16];
    text_count((uint64_t)json_integer_value(json_object_get(report, "schedules")),
               schedules);
    text_count((uint64_t)json_number_value(json_object_get(report, "rate")), rate);
    text_count((uint64_t)json_integer_value(json_object_get(report, "behaviours")),
               behaviours);
    text_seconds(json_number_value(json_object_get(report, "seconds")), time);
    if (replay && !failed)
        fputs("the schedule ran to its end; nothing failed\n", p->out);
    else if (failed && !replay)
        fprintf(p->out, "found after %s schedule%s, %s\n", schedules,
                strcmp(schedules, "1") ? "s" : "", time);
    else if (!failed)
        fprintf(p->out,
                "%snothing failed%s in %s schedule%s: %s behaviour%s, %s, %s a "
                "second\n",
                paint(p, GREEN), plain(p), schedules,
                strcmp(schedules, "1") ? "s" : "", behaviours,
                strcmp(behaviours, "1") ? "s" : "", time, rate);
}

/* What no hook saw, with the functions where. */
static void show_unseen(const struct painter *p, const json_t *report)
{
    size_t i;
    json_t *in;
    double share = json_number_value(json_object_get(report, "unseen"));
    double changes = json_number_value(json_object_get(report, "unseen_changes"));
    if (share >= 0.0005)
        fprintf(
            p->out,
            "unseen: %.1f%% of the accesses to memory that threads may share, by inline\n"
            "assembly or by code that 'tutti cc' did not compile (say it in C, or compile "
            "that, too):\n",
            100 * share);
    json_array_foreach(json_object_get(report, "unseen_in"), i, in)
        fprintf(p->out, "  %d in %s, %s\n", int_of(in, "count"),
                text_of(in, "function"), text_of(in, "file"));
    if (changes >= 0.0005)
        fprintf(p->out,
                "unseen: the change of %.1f%% of the variables that changed, such "
                "as %s\n",
                100 * changes, text_of(report, "unseen_data"));
}

/* What the model of memory leaves out, whatever the program. */
static void show_never(const struct painter *p, const json_t *never)
{
    size_t i, n = json_array_size(never);
    json_t *words;
    fputs("never shown: ", p->out);
    json_array_foreach(never, i, words)
        fprintf(p->out, "%s%s", json_string_value(words),
                i + 1 == n ? "\n" : ",\n  ");
}

/* What the model did not see or does not know. */
static void show_gaps(const struct painter *p, const json_t *report)
{
    size_t i;
    json_t *gap;
    if (int_of(report, "accesses") == 0)
        fputs("no access was seen at all: is all of it compiled with 'tutti cc'?\n",
              p->out);
    json_array_foreach(json_object_get(report, "gaps"), i, gap)
        fprintf(p->out, "not modelled: %s\n", text_of(gap, "words"));
    show_unseen(p, report);
    if (!json_is_object(json_object_get(report, "failure")))
        show_never(p, json_object_get(report, "never"));
}

void explore_show(const struct painter *p, const struct explore_options *o,
                  const json_t *report)
{
    const json_t *failure = json_object_get(report, "failure");
    bool failed = json_is_object(failure);
    if (failed)
        show_failure(p, o, failure);
    show_count(p, report, failed, o->replay != NULL);
    show_gaps(p, report);
}
