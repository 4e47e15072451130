/* explore/report.c - a failure in words: what, where each thread stood, the shrunk
 * schedule step by step, the seed, and what the model left out.
 * Tests: tests/explore_test.py, tests/cc_test.sh. */
#include "engine.h"
#include "options.h"
#include "report.h"
#include "run.h"
#include "scarce.h"
#include "symbol.h"
#include "trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[FAILURES][2] = {
    { "none", "nothing" },
    { "race", "data race" },
    { "deadlock", "deadlock" },
    { "lost-wakeup", "lost wake-up" },
    { "livelock", "livelock" },
    { "assert", "assertion" },
    { "abort", "abort" },
    { "crash", "crash" },
    { "exit", "exit status" },
    { "lock-leak", "lock never given back" },
    { "heap", "misuse of heap memory" },
    { "dead-stack", "use of a stack frame that is gone" },
    { "misuse", "misuse" },
    { "unmodelled", "not modelled" },
    { "stuck", "stuck" },
    { "cannot", "could not run" },
};

static const char *const ops[OPS] = {
    "", "reads", "writes", "loads", "stores", "updates", "compares and swaps",
    "fence", "starts thread", "joins thread", "detaches", "ends", "cancels thread",
    "once", "locks", "tries to lock", "unlocks", "locks for reading",
    "locks for writing", "waits on condition", "signals", "broadcasts",
    "meets at barrier", "waits for semaphore", "posts", "waits on futex",
    "wakes futex", "sleeps", "reads the clock", "yields", "destroys", "frees",
    "calls", "spins for", "ends", "returns",
};

static const char *const orders[] = { "relaxed", "consume", "acquire", "release",
                                      "acq_rel", "seq_cst" };

const char *report_kind(enum failure kind)
{
    return kinds[kind][0];
}

const char *report_kind_words(enum failure kind)
{
    return kinds[kind][1];
}

static bool plain(const struct step *s)
{
    return s->op == OP_READ || s->op == OP_WRITE;
}

static int by_granule(const void *a, const void *b)
{
    const struct step *x = *(const struct step *const *)a,
                      *y = *(const struct step *const *)b;
    if (x->address / 8 != y->address / 8)
        return x->address / 8 < y->address / 8 ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Mark plain accesses to what several threads touch: the others are left out. */
static void mark_shared(struct step **all, size_t n)
{
    qsort(all, n, sizeof *all, by_granule);
    for (size_t i = 0; i < n;) {
        size_t k = i;
        bool several = false, written = false;
        while (k < n && all[k]->address / 8 == all[i]->address / 8) {
            several |= all[k]->thread != all[i]->thread;
            written |= all[k]->op != OP_READ && all[k]->op != OP_LOAD;
            k++;
        }
        for (; i < k; i++)
            if (several && written)
                all[i]->flags |= 1u << 31;
    }
}

static bool shown(const struct step *s)
{
    return !plain(s) || s->flags >> 31;
}

/* The value of a step, or what was there before it; of 16 bytes the two halves. */
static int say_value(const struct step *s, const char *sign, bool before, char *to,
                     size_t room)
{
    long long low = (long long)(before ? s->before : s->value);
    long long high = (long long)(before ? s->high_before : s->high);
    if (s->flags & STEP_WIDE)
        return snprintf(to, room, "%s{%lld, %lld}", sign, low, high);
    return snprintf(to, room, "%s%lld", sign, low);
}

static void say_step(const struct step *s, char *to, size_t room)
{
    char data[100] = "";
    bool valued = s->flags & STEP_VALUE;
    bool of_thread = s->op == OP_CREATE || s->op == OP_JOIN || s->op == OP_CANCEL;
    if (s->address)
        symbol_data(s->address, data, sizeof data);
    int n = snprintf(to, room, "%s", ops[s->op]);
    if (of_thread && valued)
        n += snprintf(to + n, room - (size_t)n, " %lld", (long long)s->value);
    else if (!of_thread && data[0])
        n += snprintf(to + n, room - (size_t)n, " %s", data);
    if (valued && (s->op == OP_LOAD || s->op == OP_CAS))
        n += say_value(s, " = ", false, to + n, room - (size_t)n);
    else if (valued && s->op == OP_STORE)
        n += say_value(s, " := ", false, to + n, room - (size_t)n);
    else if (valued && s->op == OP_RMW) {
        n += say_value(s, " ", true, to + n, room - (size_t)n);
        n += say_value(s, " -> ", false, to + n, room - (size_t)n);
    }
    if (s->op >= OP_LOAD && s->op <= OP_FENCE && s->order <= 5)
        n += snprintf(to + n, room - (size_t)n, " %s", orders[s->order]);
    static const struct { unsigned flag; const char *words; } notes[] = {
        { STEP_STALE, " (an older value)" }, { STEP_FAILED, " (fails)" },
        { STEP_TIMEOUT, " (its time is up)" }, { STEP_SPURIOUS, " (wakes by itself)" },
        { STEP_BLOCKED, " (waits)" },
    };
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (s->flags & notes[i].flag && n < (int)room)
            n += snprintf(to + n, room - (size_t)n, "%s", notes[i].words);
}

static bool same_line(const struct line *l, const struct step *s)
{
    const struct step *o = l->step;
    return o->thread == s->thread && o->op == s->op && o->pc == s->pc &&
           o->address == s->address && o->value == s->value && o->flags == s->flags;
}

/* Of the n steps in `order`, oldest first, leave those that are shown; how many.  all: room
 * for as many. */
static size_t keep_shown(struct report *r, struct step **order, struct step **all, size_t n)
{
    size_t touching = 0, shows = 0;
    for (size_t i = 0; i < n; i++)
        if (order[i]->address)
            all[touching++] = order[i];
    mark_shared(all, touching);
    int last = -1;
    for (size_t i = 0; i < n; i++) {
        if (last >= 0 && order[i]->thread != last)
            r->switches++;
        last = order[i]->thread;
        if (shown(order[i]))
            order[shows++] = order[i];
    }
    return shows;
}

/* The newest lines of what is shown, repeats in one. */
static void keep_newest(struct report *r, struct step **order, size_t shows)
{
    static struct line line[LINES];
    size_t kept = 0;
    for (size_t i = shows; i > 0; i--) {
        if (kept && same_line(&line[kept - 1], order[i - 1])) {
            line[kept - 1].times++;
            continue;
        }
        if (kept == LINES) {
            r->hidden_steps = i;
            break;
        }
        line[kept++] = (struct line){ .step = order[i - 1], .times = 1 };
    }
    for (size_t i = 0; i < kept; i++)
        r->line[i] = line[kept - 1 - i];
    r->lines = kept;
}

static void gather_lines(struct report *r)
{
    struct trace *t = &shared->trace;
    size_t n = t->count < TRACE_STEPS ? t->count : TRACE_STEPS;
    struct step **all = scarce_bytes((n + 1) * sizeof *all), **order = NULL;
    if (all)
        order = scarce_bytes((n + 1) * sizeof *all);
    if (!order) {
        free(all);
        r->why = "no memory for its steps";
        return;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = &t->step[(t->count - n + i) % TRACE_STEPS];
    keep_newest(r, order, keep_shown(r, order, all, n));
    r->hidden_steps += t->count - n;
    free(all);
    free(order);
}

static void gather_sites(struct report *r)
{
    static struct site site[PLACES + LINES];
    size_t n = 0;
    for (int i = 0; i < r->result->places; i++)
        site[n++] = (struct site){ .pc = r->result->place[i].pc };
    for (size_t i = 0; i < r->lines; i++)
        site[n++] = (struct site){ .pc = r->line[i].step->pc };
    symbol_sites(site, n);
    n = 0;
    for (int i = 0; i < r->result->places; i++)
        r->where[i] = site[n++];
    for (size_t i = 0; i < r->lines; i++) {
        r->line[i].site = site[n++];
        say_step(r->line[i].step, r->line[i].what, sizeof r->line[i].what);
    }
}

static void say_site(const struct site *s, char *to, size_t room)
{
    if (s->line)
        snprintf(to, room, "%.40s %.60s:%d", s->function, s->file, s->line);
    else if (s->function[0] && s->function[0] != '?')
        snprintf(to, room, "%.40s", s->function);
    else if (s->pc)
        snprintf(to, room, "%#lx", s->pc);
    else
        to[0] = 0;
}

static void print_report(const struct report *r)
{
    char at[160];
    const struct result *f = r->result;
    fprintf(stderr, "FAILED  %s: %s\n", report_kind_words(f->kind), f->words);
    if (r->data[0])
        fprintf(stderr, "  at %s\n", r->data);
    for (int i = 0; i < f->places; i++) {
        say_site(&r->where[i], at, sizeof at);
        fprintf(stderr, "  thread %d  %-32s %s\n", f->place[i].thread, at,
                ops[f->place[i].op]);
    }
    if (r->lines)
        fprintf(stderr,
                "the schedule, %u switches (shrunk from %zu decisions to %zu):\n",
                r->switches, r->recorded, r->shrunk);
    if (r->hidden_steps)
        fprintf(stderr, "  ... %llu steps before\n",
                (unsigned long long)r->hidden_steps);
    for (size_t i = 0; i < r->lines; i++) {
        const struct line *l = &r->line[i];
        say_site(&l->site, at, sizeof at);
        fprintf(stderr, "  thread %d  %-32s %s", l->step->thread, at, l->what);
        if (l->times > 1)
            fprintf(stderr, " (%u times)", l->times);
        fprintf(stderr, "\n");
    }
    if (r->why[0])
        fprintf(stderr, "The schedule is not shown: %s. Its seed brings it back.\n",
                r->why);
    else if (!r->sure)
        fprintf(
            stderr,
            "This schedule did not fail in the same way when it was run again "
            "from the start: the program depends on something that is not put back. "
            "fork=1 searches with a process for each schedule.\n");
    report_seen_text();
    fprintf(stderr, "seed: %s\n", r->seed);
}

void report_failure(const struct result *result, size_t recorded, size_t shrunk,
                    bool sure, const char *why)
{
    static struct report r;
    r.result = result;
    r.recorded = recorded;
    r.shrunk = shrunk;
    r.sure = sure;
    r.why = why;
    seed_print(r.seed, sizeof r.seed, result->seed);
    if (result->address)
        symbol_data(result->address, r.data, sizeof r.data);
    if (sure)
        gather_lines(&r);
    gather_sites(&r);
    if (options.text)
        print_report(&r);
    report_json(&r);
}

static void print_good(void)
{
    double s = shared->seconds;
    if (options.replay)
        fprintf(stderr, "the schedule ran to its end; nothing failed\n");
    else
        fprintf(stderr, "nothing failed in %llu schedules (%llu behaviours, %.2f s, "
                "%.0f a second)\n", (unsigned long long)shared->schedules,
                (unsigned long long)shared->behaviours, s,
                s > 0 ? (double)shared->schedules / s : 0);
    report_seen_text();
}

void report_good(void)
{
    if (options.text)
        print_good();
    report_json(NULL);
}
