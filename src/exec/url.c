/* exec/url.c - see url.h.  Tests: tests/url_test.c, tests/fuzz/url_fuzz.c. */
#include "exec/url.h"
#include "base/memory.h"
#include "core/context.h"
#include "io/poll.h"
#include <stdio.h>

/* A piece of the text. */
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
                  { "auto", URL_AUTO },     { "processes", -1 },
                  { "celery+amqp", -1 },    { "celery+redis", -1 },
                  { "sim", -1 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (word_is(w, known[i].name)) {
            if (known[i].scheme < 0)
                return why_set(-ENOTSUP, "\"%.60s\": this build of tutti has no %s://; it "
                               "has loop://, threads:// and auto://", text, known[i].name);
            u->scheme = (enum url_scheme)known[i].scheme;
            return 0;
        }
    return why_set(-EINVAL, "\"%.60s\": unknown scheme \"%.*s\"; there are loop://, "
                   "threads:// and auto://", text, word_shown(w), w.at);
}

static int parse_workers(struct url *u, struct word w, const char *text)
{
    unsigned long n;
    if (!word_number(w, URL_WORKERS_MOST, &n) || n == 0)
        return why_set(-EINVAL, "\"%.60s\": \"%.*s\" is no number of workers; give 1 to %d",
                       text, word_shown(w), w.at, URL_WORKERS_MOST);
    if (u->workers && u->workers != n)
        return why_set(-EINVAL, "\"%.60s\": two numbers of workers, %u and %lu", text,
                       u->workers, n);
    if (u->scheme == URL_LOOP && n != 1)
        return why_set(-EINVAL, "\"%.60s\": a loop has one worker, not %lu", text, n);
    u->workers = (unsigned)n;
    return 0;
}

static int parse_stack(struct url *u, struct word w, const char *text)
{
    unsigned long n, unit = 1;
    struct word digits = w;
    char last = w.size ? (char)(w.at[w.size - 1] | 32) : 0;
    if (last == 'k' || last == 'm' || last == 'g') {
        digits.size--;
        unit = last == 'k' ? 1ul << 10 : last == 'm' ? 1ul << 20 : 1ul << 30;
    }
    if (!word_number(digits, (1ul << 30) / unit, &n) || n * unit < 16 << 10)
        return why_set(-EINVAL, "\"%.60s\": \"%.*s\" is no size of a stack; give 16k to 1g",
                       text, word_shown(w), w.at);
    u->stack = n * unit;
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
    if (word_is(name, "workers"))
        return parse_workers(u, value, text);
    if (word_is(name, "stack"))
        return parse_stack(u, value, text);
    if (word_is(name, "io"))
        return parse_io(u, value, text);
    if (word_is(name, "lock") && u->scheme != URL_LOOP) {
        if (!word_is(value, "interpreter"))
            return why_set(-EINVAL, "\"%.60s\": unknown lock \"%.*s\"; there is "
                           "lock=interpreter", text, word_shown(value), value.at);
        u->lock = true;
        return 0;
    }
    return why_set(-EINVAL, "\"%.60s\": unknown option \"%.*s\"; %s", text,
                   word_shown(name), name.at,
                   u->scheme == URL_LOOP ? "a loop takes stack and io"
                                         : "there are workers, stack, io and lock");
}

int url_parse(struct url *u, const char *text)
{
    *u = (struct url){ .stack = URL_STACK };
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
    if (host && (rc = parse_workers(u, (struct word){ at, host }, text)) < 0)
        return rc;
    at += host;
    while (*at) { /* at a '?' or '&' */
        size_t size = strcspn(++at, "&");
        rc = parse_option(u, (struct word){ at, size }, text);
        if (rc < 0)
            return rc;
        at += size;
    }
    return 0;
}

char *url_print(const struct url *u)
{
    char text[120], number[16] = "";
    if (u->scheme == URL_THREADS)
        snprintf(number, sizeof number, "%u", u->workers);
    int n = snprintf(text, sizeof text, "%s://%s",
                     u->scheme == URL_LOOP ? "loop" : "threads", number);
    char mark = '?';
    if (u->stack != URL_STACK) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%cstack=%zuk", mark,
                      u->stack >> 10);
        mark = '&';
    }
    if (u->io != IO_ANY) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%cio=%s", mark, io_names[u->io]);
        mark = '&';
    }
    if (u->lock)
        snprintf(text + n, sizeof text - (size_t)n, "%clock=interpreter", mark);
    return memory_strdup(text);
}
