/* explore/shrink.c - from a schedule that fails to one with the fewest decisions that
 * fails in the same way: ranges of decisions are left out, halves first, then ever
 * smaller ones.  Each trial has a process of its own, forked where main has not begun.
 * No clock decides anything, so a seed shrinks to the same schedule every time.
 * Tests: tests/explore_test.py, tests/explore/suite.py (replays). */
#include "engine.h"
#include "fail.h"
#include "real.h"
#include "run.h"
#include "scarce.h"
#include "script.h"
#include "trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { TRIALS = 600, ALARM = 20 /* seconds */ };

static bool alike(const struct result *a, const struct result *b)
{
    if (!b)
        return a->kind != FAIL_NONE;
    if (a->kind != b->kind)
        return false;
    if (a->kind == FAIL_ASSERT || a->kind == FAIL_EXIT)
        return !strcmp(a->words, b->words);
    if (a->kind == FAIL_RACE && a->places > 1 && b->places > 1) {
        uintptr_t a1 = a->place[0].pc, a2 = a->place[1].pc, b1 = b->place[0].pc,
                  b2 = b->place[1].pc;
        return (a1 == b1 && a2 == b2) || (a1 == b2 && a2 == b1);
    }
    return true;
}

static void child(const struct event *events, size_t n, uint64_t seed)
    __attribute__((noreturn));
static void child(const struct event *events, size_t n, uint64_t seed)
{
    fail_watched = true;
    run_quietly();
    real_syscall(SYS_alarm, ALARM, 0, 0, 0, 0, 0);
    ex.tracing = true;
    trace = &shared->trace;
    if (events) {
        ex.mode = MODE_SCRIPT;
        script_load(events, n);
    } else {
        ex.mode = seed ? MODE_RECORD : MODE_SCRIPT;
        script_load(NULL, 0);
        script_events = shared->event;
        script_room = EVENTS;
    }
    run_schedule(seed);
    if (!events)
        shared->events = script_count;
    shared->done = true;
    for (;;)
        real_syscall(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

bool shrink_try(const struct event *events, size_t n, uint64_t seed,
                const struct result *like)
{
    int status;
    shared->done = false;
    shared->trace.count = 0;
    shared->result.kind = FAIL_NONE;
    long pid = scarce_fork();
    if (pid == 0)
        child(events, n, seed);
    if (pid < 0) {
        shared->result.kind = FAIL_CANNOT;
        snprintf(shared->result.words, WORDS, "no process: %s", strerror((int)-pid));
        return false;
    }
    if (waitpid((pid_t)pid, &status, 0) != pid || !shared->done)
        return false;
    return alike(&shared->result, like);
}

size_t shrink(struct event *events, size_t n, uint64_t seed, const struct result *r)
{
    struct event *best = scarce_bytes((n + 1) * sizeof *best);
    struct event *less = best ? scarce_bytes((n + 1) * sizeof *less) : NULL;
    if (!less) {
        free(best);
        return n;
    }
    memcpy(best, events, n * sizeof *best);
    int trials = 0;
    for (size_t part = n; part >= 1 && trials < TRIALS;) {
        bool shorter = false;
        for (size_t at = n; at > 0 && trials < TRIALS;) { /* the last ones first */
            size_t from = at > part ? at - part : 0;
            memcpy(less, best, from * sizeof *less);
            memcpy(less + from, best + at, (n - at) * sizeof *less);
            trials++;
            if (shrink_try(less, n - (at - from), seed, r)) {
                n -= at - from;
                memcpy(best, less, n * sizeof *best);
                shorter = true;
            }
            at = from;
        }
        if (part == 1 && !shorter)
            break;
        part = part > 1 ? part / 2 : 1;
    }
    memcpy(events, best, n * sizeof *best);
    free(best);
    free(less);
    return n;
}
