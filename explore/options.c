/* explore/options.c - what the environment variable TUTTI_EXPLORE asks for: words with
 * commas between them.
 *
 *   schedules=N     stop after so many (default 10000)
 *   seconds=S       or after so long (default: no limit)
 *   seed=K          the first schedule's number (default 1)
 *   strategy=NAME   random, sticky, pct, focus, round; default portfolio, all of them
 *   accesses=1      a thread may be interrupted at plain accesses too
 *   model=sc        loads are never stale (default c11)
 *   steps=N         a schedule of more steps than this is a livelock (default 100000)
 *   status=N        the exit status with which the program ends well (default 0)
 *   fork=1          a process for each schedule
 *   replay=SEED     run this schedule again, as a report has named it
 *   gdb=1           with replay: raise SIGTRAP where the shrunk schedule fails
 *   orders=1        list the memory orders met in the report on report-fd
 *   weaken=PC+..:O  make the orders at these addresses weaker: orders.c
 *   text=0          the report is not printed on standard error (with report-fd)
 *   json=1          progress as JSON objects
 *   refuse=N        fail the N-th request for memory, a process or a file: for tests
 *   progress-fd=N   a line of progress now and then on this descriptor
 *   report-fd=N     the report as one JSON object on this descriptor
 *
 * An unknown word, a number that is none, a seed of another build: a sentence, status
 * 2.
 * Tests: tests/explore_test.py (what is said of wrong ones), tests/cc_test.sh. */
#include "base/memory.h"
#include "engine.h"
#include "fail.h"
#include "options.h"
#include "orders.h"
#include "scarce.h"
#include "strategy.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options;
enum { STEPS = 100000 };

static uint64_t number(const char *name, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (end == text || *end || errno || *text == '-')
        cannot("%s=%s: that is not a number", name, text);
    return n;
}

static double seconds(const char *text)
{
    char *end;
    double s = strtod(text, &end);
    if (end == text || *end || !(s >= 0))
        cannot("seconds=%s: that is not a time", text);
    return s;
}

static int descriptor(const char *name, const char *text)
{
    int fd = (int)number(name, text);
    if (fcntl(fd, F_GETFD) < 0)
        cannot("%s=%s: that descriptor is not open", name, text);
    return fd;
}

/* The number behind a letter of a seed; *at is its last digit then. */
static uint64_t seed_number(char **at, bool *good)
{
    char *end;
    errno = 0;
    uint64_t n = strtoull(*at + 1, &end, 10);
    *good = end > *at + 1 && !errno && (*at)[1] >= '0' && (*at)[1] <= '9';
    *at = end - 1;
    return n;
}

/* SEED is the schedule's number, then what changes its meaning, then the build. */
static void seed(const char *text)
{
    char *end;
    errno = 0;
    options.replay = true;
    options.replay_seed = strtoull(text, &end, 10);
    bool good = end != text && !errno && *text != '-';
    for (; *end && *end != '.' && good; end++) {
        if (*end == 'a')
            options.accesses = true;
        else if (*end == 's')
            options.sc = true;
        else if (*end == 'n')
            options.steps = seed_number(&end, &good);
        else if (*end == 'e')
            options.status = (int)seed_number(&end, &good);
        else if (*end >= 'A' && *end < 'A' + 20)
            options.strategy = *end - 'A';
        else
            good = false;
    }
    if (*end == '.') {
        const char *print = end + 1;
        options.replay_print = (uint32_t)strtoul(print, &end, 16);
        good = good && end == print + 8;
    }
    if (!good || *end)
        cannot("replay=%s: that is not a seed; a report ends with one, such as "
               "94.1f0c22d7", text);
}

void seed_print(char *to, size_t room, uint64_t n)
{
    char strategy[2] = { options.strategy >= 0 ? (char)('A' + options.strategy) : 0,
                         0 };
    char steps[24] = "", status[16] = "";
    if (options.steps != STEPS)
        snprintf(steps, sizeof steps, "n%llu", (unsigned long long)options.steps);
    if (options.status)
        snprintf(status, sizeof status, "e%d", options.status);
    snprintf(to, room, "%llu%s%s%s%s%s.%08x", (unsigned long long)n,
             options.accesses ? "a" : "", options.sc ? "s" : "", strategy, steps, status,
             options_fingerprint());
}

static void model(const char *text)
{
    if (strcmp(text, "sc") && strcmp(text, "c11"))
        cannot("model=%s: there are c11 and sc", text);
    options.sc = text[0] == 's';
}

static void word(char *name)
{
    char *value = strchr(name, '=');
    if (value)
        *value++ = 0;
    else
        value = "1";
    if (!strcmp(name, "schedules")) options.schedules = number(name, value);
    else if (!strcmp(name, "seconds")) options.seconds = seconds(value);
    else if (!strcmp(name, "seed")) options.seed = number(name, value);
    else if (!strcmp(name, "steps")) options.steps = number(name, value);
    else if (!strcmp(name, "status")) options.status = (int)number(name, value);
    else if (!strcmp(name, "accesses")) options.accesses = number(name, value);
    else if (!strcmp(name, "text")) options.text = number(name, value);
    else if (!strcmp(name, "json")) options.json = number(name, value);
    else if (!strcmp(name, "fork")) options.fork = number(name, value);
    else if (!strcmp(name, "gdb")) options.gdb = number(name, value);
    else if (!strcmp(name, "orders")) ex.orders = options.orders = number(name, value);
    else if (!strcmp(name, "weaken")) {
        if (!orders_weaken(value))
            cannot("weaken=%s: that is not PC+PC:ORDER", value);
    } else if (!strcmp(name, "replay")) seed(value);
    else if (!strcmp(name, "refuse")) fault_arm((long)number(name, value), false);
    else if (!strcmp(name, "model")) model(value);
    else if (!strcmp(name, "progress-fd"))
        options.progress_fd = descriptor(name, value);
    else if (!strcmp(name, "report-fd")) options.report_fd = descriptor(name, value);
    else if (!strcmp(name, "strategy")) {
        options.strategy = strategy_find(value);
        if (options.strategy < -1)
            cannot("strategy=%s: there are random, sticky, pct, focus, round and "
                   "portfolio", value);
    } else {
        cannot("%s: no such option in TUTTI_EXPLORE", name);
    }
}

void options_read(void)
{
    const char *text = getenv("TUTTI_EXPLORE");
    options = (struct options){ .text = true,
                                .schedules = 10000,
                                .seed = 1,
                                .steps = STEPS,
                                .strategy = -1,
                                .progress_fd = -1,
                                .report_fd = -1 };
    if (!text)
        return;
    options.explore = true;
    char *copy = scarce_bytes(strlen(text) + 1), *rest = copy, *one;
    if (!copy)
        cannot("no memory for TUTTI_EXPLORE");
    memcpy(copy, text, strlen(text));
    while ((one = strsep(&rest, ",")) != NULL)
        if (*one)
            word(one);
    free(copy);
    if (options.gdb && !options.replay)
        cannot("gdb=1 goes with replay=SEED");
    if (options.steps < 100)
        options.steps = 100;
}
