/* explore/search.c - the process that runs schedules, one seed after the other, until
 * one fails or enough have passed.  What it finds lies in shared memory; the watching
 * process (monitor.c) reads it.
 * Tests: tests/explore_test.py, tests/cc_test.sh. */
#include "engine.h"
#include "fail.h"
#include "gaps.h"
#include "options.h"
#include "real.h"
#include "restore.h"
#include "run.h"
#include "scarce.h"
#include "trace.h"
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Distinct behaviours: a set of hashes that stops growing when it is full. */
enum { BEHAVIOURS = 1 << 21 };
static uint64_t *behaviours;

static void behaviour(uint64_t hash)
{
    if (!behaviours || shared->behaviours >= BEHAVIOURS / 2)
        return;
    hash |= 1;
    for (uint64_t i = hash >> 20;; i++) {
        uint64_t *slot = &behaviours[i % BEHAVIOURS];
        if (*slot == hash)
            return;
        if (!*slot) {
            *slot = hash;
            shared->behaviours++;
            return;
        }
    }
}

static double now(void)
{
    struct timespec at;
    real_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&at, 0, 0, 0, 0);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

/* counted: as one of those that were asked for. */
static void account(bool counted)
{
    shared->schedules += counted;
    shared->beat++;
    shared->steps += ex.steps;
    shared->accesses = ex.accesses;
    shared->unseen = ex.unseen;
    if ((uint64_t)ex.threads > shared->threads)
        shared->threads = (uint64_t)ex.threads;
    shared->lanes = ex.lanes;
    if (counted)
        behaviour(ex.hash);
}

static void end(double since) __attribute__((noreturn));
static void end(double since)
{
    shared->seconds = now() - since;
    shared->done = true;
    for (;;)
        real_syscall(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* The schedule in a process of its own; false if that died. */
static bool in_child(uint64_t seed)
{
    long pid = scarce_fork();
    if (pid < 0)
        cannot("no process for a schedule: %s", strerror((int)-pid));
    if (pid == 0) {
        shared->runner = (int)real_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
        run_schedule(seed);
        account(true);
        real_syscall(SYS_exit_group, 0, 0, 0, 0, 0, 0);
    }
    int status = 0;
    if (real_syscall(SYS_wait4, pid, (long)&status, 0, 0, 0, 0) != pid)
        return false;
    return status == 0;
}

static void one(uint64_t seed, double since)
{
    shared->at_seed = seed;
    if (options.fork) {
        if (!in_child(seed) && shared->result.kind != FAIL_CANNOT) {
            shared->result.kind = FAIL_CRASH;
            shared->result.seed = seed;
            strcpy(shared->result.words, "the process of this schedule died");
        }
    } else {
        run_schedule(seed);
        account(true);
    }
    if (shared->result.kind)
        end(since);
}

/* Twice the same schedule: if it behaves in two ways, something of the program lies
 * where it is not put back, and each schedule gets a process. */
static void calibrate(double since)
{
    run_calibrating();
    restore_changes(&shared->changed, &shared->changed_unseen);
    shared->length = ex.length;
    shared->lanes = ex.lanes;
    if (options.replay && options.replay_seed)
        return;
    account(shared->result.kind != FAIL_NONE);
    if (shared->result.kind)
        end(since);
    if (options.fork)
        return;
    uint64_t hash = ex.hash;
    run_calibrating();
    if (ex.hash != hash || shared->result.kind) {
        shared->result.kind = FAIL_NONE;
        options.fork = true;
        gap("state outside of the program's own variables and heap: a process for each "
            "schedule");
    }
}

void search_run(void)
{
    double since = now();
    ex.mode = MODE_SEARCH;
    ex.result = &shared->result;
    shared->runner = (int)real_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
    run_quietly();
    behaviours = scarce_shared(BEHAVIOURS * sizeof *behaviours); /* with --fork's children */
    if (!behaviours)
        gap("no memory to count behaviours");
    calibrate(since);
    if (options.replay) {
        if (options.replay_seed)
            one(options.replay_seed, since);
        end(since);
    }
    for (uint64_t i = 0; i < options.schedules; i++) {
        one(options.seed + i, since);
        if (options.seconds > 0 && (i & 63) == 0 && now() - since > options.seconds)
            break;
    }
    end(since);
}
