/* exec/url.c - see url.h.  Tests: tests/url_test.c, tests/fuzz/url_fuzz.c. */
#include "exec/url.h"
#include "base/calls.h"
#include "base/memory.h"
#include "core/context.h"
#include "io/poll.h"
#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

/* A piece of the text.  Holds: at[0..size) lies in it. */
struct word {
    const char *at;
    size_t size;
};

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.size && !memcmp(w.at, text, w.size);
}

/* For messages: at most 60 bytes of it. */
static int word_shown(struct word w)
{
    return w.size < 60 ? (int)w.size : 60;
}

/* A whole decimal number up to most. */
static bool word_number(struct word w, unsigned long most, unsigned long *out)
{
    unsigned long n = 0;
    for (size_t i = 0; i < w.size; i++) {
        if (w.at[i] < '0' || w.at[i] > '9')
            return false;
        n = n * 10 + (unsigned long)(w.at[i] - '0');
        if (n > most)
            return false;
    }
    *out = n;
    return w.size > 0;
}

static int parse_scheme(struct url *u, struct word w, const char *text)
{
    static const struct {
        const char *name;
        int scheme; /* -1: a later release has it */
    } known[] = { { "loop", URL_LOOP },     { "threads", URL_THREADS },
                  { "auto", URL_AUTO },     { "processes", URL_PROCESSES },
                  { "celery+amqp", -1 },    { "celery+redis", -1 },
                  { "sim", URL_SIM } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (word_is(w, known[i].name)) {
            if (known[i].scheme < 0)
                return why_set(-ENOTSUP, "\"%.60s\": this build of tutti has no %s://; it "
                               "has loop://, threads://, processes:// and auto://",
                               text, known[i].name);
            u->scheme = (enum url_scheme)known[i].scheme;
            return 0;
        }
    return why_set(-EINVAL, "\"%.60s\": unknown scheme \"%.*s\"; there are loop://, "
                   "threads://, processes://, auto:// and sim://", text, word_shown(w), w.at);
}

static int parse_workers(struct url *u, struct word w, const char *text)
{
    unsigned long n;
    unsigned most = u->scheme == URL_PROCESSES ? URL_PROCESSES_MOST : URL_WORKERS_MOST;
    if (!word_number(w, most, &n) || n == 0)
        return why_set(-EINVAL, "\"%.60s\": \"%.*s\" is no number of workers; give 1 to %u",
                       text, word_shown(w), w.at, most);
    if (u->workers && u->workers != n)
        return why_set(-EINVAL, "\"%.60s\": two numbers of workers, %u and %lu", text,
                       u->workers, n);
    if (u->scheme == URL_LOOP && n != 1)
        return why_set(-EINVAL, "\"%.60s\": a loop has one worker, not %lu", text, n);
    u->workers = (unsigned)n;
    return 0;
}

static int parse_spares(struct url *u, struct word w, const char *text)
{
    unsigned long n;
    if (!word_number(w, URL_SPARES_MOST, &n))
        return why_set(-EINVAL, "\"%.60s\": \"%.*s\" is no number of spares; give 0 to %d",
                       text, word_shown(w), w.at, URL_SPARES_MOST);
    u->spares = (unsigned)n;
    return 0;
}

static int parse_seed(struct url *u, struct word w, const char *text)
{
    if (!word_number(w, UINT32_MAX, &u->seed))
        return why_set(-EINVAL, "\"%.60s\": \"%.*s\" is no seed; give a number below 2^32",
                       text, word_shown(w), w.at);
    return 0;
}

/* A number with k, m or g behind it, up to 2^50. */
static bool word_size(struct word w, uint64_t *out)
{
    unsigned long n;
    unsigned shift = 0;
    char last = w.size ? (char)(w.at[w.size - 1] | 32) : 0;
    if (last == 'k' || last == 'm' || last == 'g') {
        w.size--;
        shift = last == 'k' ? 10 : last == 'm' ? 20 : 30;
    }
    if (!word_number(w, (1ul << 50) >> shift, &n))
        return false;
    *out = (uint64_t)n << shift;
    return true;
}

static int parse_stack(struct url *u, struct word w, const char *text)
{
    uint64_t n;
    if (!word_size(w, &n) || n < 16 << 10 || n > 1 << 30)
        return why_set(-EINVAL, "\"%.60s\": \"%.*s\" is no size of a stack; give 16k to 1g",
                       text, word_shown(w), w.at);
    u->stack = n;
    return 0;
}

/* --- what processes:// takes ------------------------------------------------------ */

static int parse_inner(struct url *u, struct word w, const char *text)
{
    bool known = (w.size >= 7 && !memcmp(w.at, "loop://", 7))
                 || (w.size >= 10 && !memcmp(w.at, "threads://", 10));
    if (!known || w.size >= sizeof u->inner)
        return why_set(-EINVAL, "\"%.60s\": inside a worker there can be loop:// or "
                       "threads://N, not \"%.*s\"", text, word_shown(w), w.at);
    struct url parsed; /* what is wrong with it is said here, not by each worker */
    memcpy(u->inner, w.at, w.size);
    u->inner[w.size] = 0;
    return url_parse(&parsed, u->inner);
}

static int parse_spill(struct url *u, struct word w, const char *text)
{
    if (!w.size || w.size >= sizeof u->spill)
        return why_set(-EINVAL, "\"%.60s\": spill is a folder, of less than %d bytes", text,
                       URL_SPILL);
    memcpy(u->spill, w.at, w.size);
    u->spill[w.size] = 0;
    return 0;
}

static int parse_output(struct url *u, struct word w, const char *text)
{
    static const char *const known[] = { "lines", "tagged", "inherit" };
    for (int i = 0; i < 3; i++)
        if (word_is(w, known[i])) {
            u->output = (enum url_output)i;
            return 0;
        }
    return why_set(-EINVAL, "\"%.60s\": output is lines, tagged or inherit, not \"%.*s\"",
                   text, word_shown(w), w.at);
}

static const struct {
    const char *name;
    unsigned kinds;
} sandboxes[] = { { "readonly", CALL_CHANGES },
                  { "nofiles", CALL_CHANGES | CALL_OPENS },
                  { "nonet", CALL_NETS },
                  { "noexec", CALL_STARTS },
                  { "all", CALL_CHANGES | CALL_OPENS | CALL_NETS | CALL_STARTS },
                  { "landlock", URL_LANDLOCK } };

/* Words with commas between them. */
static int parse_sandbox(struct url *u, struct word w, const char *text)
{
    do {
        const char *comma = memchr(w.at, ',', w.size);
        struct word one = { w.at, comma ? (size_t)(comma - w.at) : w.size };
        size_t i = 0, n = sizeof sandboxes / sizeof *sandboxes;
        while (i < n && !word_is(one, sandboxes[i].name))
            i++;
        if (i == n)
            return why_set(-EINVAL, "\"%.60s\": a sandbox is made of readonly, nofiles, nonet, "
                           "noexec, all and landlock, with commas between; not of \"%.*s\"",
                           text, word_shown(one), one.at);
        u->sandbox |= sandboxes[i].kinds;
        w.at += one.size + 1;
        w.size -= comma ? one.size + 1 : one.size;
        if (!comma)
            break;
    } while (true);
    if (u->sandbox == URL_LANDLOCK)
        return why_set(-EINVAL, "\"%.60s\": sandbox=landlock refuses nothing by itself; add "
                       "readonly or nofiles", text);
    return 0;
}

/* 1: taken; 0: no option of processes://; or negative. */
static int parse_processes(struct url *u, struct word name, struct word value,
                           const char *text)
{
    const struct {
        const char *name;
        uint64_t *to;
        uint64_t least, unit;
    } sizes[] = { { "arena", &u->arena, 1 << 20, 1 },
                  { "recycle", &u->recycle, 1, 1 },
                  { "recycle-memory", &u->recycle_bytes, 1 << 20, 1 },
                  { "grace-ms", &u->grace, 0, 1000000 },
                  { "memory", &u->memory, 1 << 20, 1 },
                  { "file-size", &u->file, 1, 1 },
                  { "cpu-seconds", &u->cpu_seconds, 1, 1 },
                  { "quarantine", &u->quarantine, 1, 1 } };
    int rc = word_is(name, "inner")     ? parse_inner(u, value, text)
             : word_is(name, "output")  ? parse_output(u, value, text)
             : word_is(name, "sandbox") ? parse_sandbox(u, value, text)
             : word_is(name, "spill")   ? parse_spill(u, value, text)
                                        : 1;
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (!word_is(name, sizes[i].name))
            continue;
        uint64_t n;
        if (!word_size(value, &n) || n < sizes[i].least || n > UINT32_MAX * UINT64_C(1024))
            return why_set(-EINVAL, "\"%.60s\": \"%.*s\" is no value for %s; the least is "
                           "%llu", text, word_shown(value), value.at, sizes[i].name,
                           (unsigned long long)sizes[i].least);
        *sizes[i].to = n * sizes[i].unit;
        return 1;
    }
    return 0;
}

static const char *const io_names[IO_KINDS] = { "", "epoll", "uring", "uring-defer" };

static int parse_io(struct url *u, struct word w, const char *text)
{
    for (int kind = IO_EPOLL; kind < IO_KINDS; kind++)
        if (word_is(w, io_names[kind])) {
            u->io = kind;
            return 0;
        }
    return why_set(-EINVAL, "\"%.60s\": unknown io \"%.*s\"; there are io=epoll, io=uring "
                   "and io=uring-defer", text, word_shown(w), w.at);
}

static int parse_option(struct url *u, struct word option, const char *text)
{
    const char *equals = memchr(option.at, '=', option.size);
    struct word name = { option.at, equals ? (size_t)(equals - option.at) : option.size };
    struct word value = { equals ? equals + 1 : option.at + option.size,
                          equals ? option.size - name.size - 1 : 0 };
    if (u->scheme == URL_SIM && !word_is(name, "stack"))
        return why_set(-EINVAL, "\"%.60s\": unknown option \"%.*s\"; a simulation takes "
                       "stack", text, word_shown(name), name.at);
    if (word_is(name, "workers"))
        return parse_workers(u, value, text);
    if (word_is(name, "stack"))
        return parse_stack(u, value, text);
    if (word_is(name, "io"))
        return parse_io(u, value, text);
    if (word_is(name, "spares") && (u->scheme == URL_THREADS || u->scheme == URL_AUTO))
        return parse_spares(u, value, text);
    if (u->scheme == URL_PROCESSES) {
        int rc = parse_processes(u, name, value, text);
        if (rc)
            return rc < 0 ? rc : 0;
    }
    if (word_is(name, "lock") && (u->scheme == URL_THREADS || u->scheme == URL_AUTO)) {
        if (!word_is(value, "interpreter"))
            return why_set(-EINVAL, "\"%.60s\": unknown lock \"%.*s\"; there is "
                           "lock=interpreter", text, word_shown(value), value.at);
        u->lock = true;
        return 0;
    }
    return why_set(-EINVAL, "\"%.60s\": unknown option \"%.*s\"; %s", text,
                   word_shown(name), name.at,
                   u->scheme == URL_LOOP        ? "a loop takes stack and io"
                   : u->scheme == URL_PROCESSES ? "there are workers, stack, io, inner, arena, "
                                                  "spill, recycle, recycle-memory, grace-ms, "
                                                  "quarantine, output, sandbox, memory, "
                                                  "file-size and cpu-seconds"
                                                : "there are workers, stack, io, lock "
                                                   "and spares");
}

int url_parse(struct url *u, const char *text)
{
    *u = (struct url){ .stack = URL_STACK, .spares = UINT_MAX, .grace = URL_GRACE,
                       .quarantine = URL_QUARANTINE };
    if (!text)
        return why_set(-EINVAL, "the executor's URL is NULL; give one such as threads://");
    const char *colon = strstr(text, "://");
    if (!colon)
        return why_set(-EINVAL, "\"%.60s\" is no executor's URL; give one such as "
                       "threads:// or loop://", text);
    int rc = parse_scheme(u, (struct word){ text, (size_t)(colon - text) }, text);
    if (rc < 0)
        return rc;
    const char *at = colon + 3;
    size_t host = strcspn(at, "?");
    struct word where = { at, host };
    if (u->scheme == URL_SIM)
        rc = parse_seed(u, where, text);
    else if (host)
        rc = parse_workers(u, where, text);
    if (rc < 0)
        return rc;
    at += host;
    while (*at) { /* at a '?' or '&' */
        size_t size = strcspn(++at, "&");
        rc = parse_option(u, (struct word){ at, size }, text);
        if (rc < 0)
            return rc;
        at += size;
    }
    if (u->spares == UINT_MAX)
        u->spares = url_spares(u);
    else if (u->lock && u->spares)
        return why_set(-EINVAL, "\"%.60s\": there are no spares under a lock", text);
    return 0;
}

/* Text that grows, cut off at its end.  Holds: used < sizeof text, and a 0 is there. */
struct shown {
    char text[680]; /* the longest has some 630 */
    size_t used;
    char mark; /* before the next option */
};

__attribute__((format(printf, 2, 3))) static void show(struct shown *s, const char *format,
                                                       ...)
{
    va_list list;
    va_start(list, format);
    assert(s->used < sizeof s->text);
    int n = vsnprintf(s->text + s->used, sizeof s->text - s->used, format, list);
    va_end(list);
    s->used += (size_t)n < sizeof s->text - s->used ? (size_t)n : sizeof s->text - s->used - 1;
}

static void show_option(struct shown *s, const char *name, uint64_t n, const char *unit)
{
    show(s, "%c%s=%llu%s", s->mark, name, (unsigned long long)n, unit);
    s->mark = '&';
}

static void show_limits(struct shown *s, const struct url *u)
{
    unsigned shown = 0;
    if (u->memory)
        show_option(s, "memory", u->memory, "");
    if (u->file)
        show_option(s, "file-size", u->file, "");
    if (u->cpu_seconds)
        show_option(s, "cpu-seconds", u->cpu_seconds, "");
    for (size_t n = sizeof sandboxes / sizeof *sandboxes; n-- > 0;) {
        if ((u->sandbox & sandboxes[n].kinds) != sandboxes[n].kinds
            || !(sandboxes[n].kinds & ~shown))
            continue; /* not whole, or said already by a word for more */
        if (!shown)
            show(s, "%csandbox=", s->mark);
        show(s, "%s%s", shown ? "," : "", sandboxes[n].name);
        shown |= sandboxes[n].kinds;
    }
}

static void show_processes(struct shown *s, const struct url *u)
{
    static const char *const output[] = { "lines", "tagged", "inherit" };
    if (*u->inner)
        show(s, "%cinner=%s", s->mark, u->inner);
    s->mark = *u->inner ? '&' : s->mark;
    if (u->arena)
        show_option(s, "arena", u->arena, "");
    if (*u->spill) {
        show(s, "%cspill=%s", s->mark, u->spill);
        s->mark = '&';
    }
    if (u->recycle)
        show_option(s, "recycle", u->recycle, "");
    if (u->recycle_bytes)
        show_option(s, "recycle-memory", u->recycle_bytes, "");
    if (u->grace != URL_GRACE)
        show_option(s, "grace-ms", u->grace / 1000000, "");
    if (u->quarantine != URL_QUARANTINE)
        show_option(s, "quarantine", u->quarantine, "");
    if (u->output) {
        show(s, "%coutput=%s", s->mark, output[u->output]);
        s->mark = '&';
    }
    show_limits(s, u);
}

char *url_print(const struct url *u)
{
    static const char *const scheme[] = { "loop", "threads", "auto", "processes", "sim" };
    struct shown s = { .mark = '?' };
    show(&s, "%s://", scheme[u->scheme]);
    if (u->scheme == URL_SIM)
        show(&s, "%lu", u->seed);
    else if (u->scheme != URL_LOOP)
        show(&s, "%u", u->workers);
    if (u->stack != URL_STACK)
        show_option(&s, "stack", u->stack >> 10, "k");
    if (u->scheme == URL_THREADS && u->spares != url_spares(u))
        show_option(&s, "spares", u->spares, "");
    if (u->io != IO_ANY) {
        show(&s, "%cio=%s", s.mark, io_names[u->io]);
        s.mark = '&';
    }
    if (u->lock)
        show(&s, "%clock=interpreter", s.mark);
    if (u->scheme == URL_PROCESSES)
        show_processes(&s, u);
    return memory_strdup(s.text);
}
