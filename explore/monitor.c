/* explore/monitor.c - the process that was started: it forks one that searches, tells
 * its progress, notices when it hangs or dies, and then has the failure recorded,
 * shrunk and told.  It runs no schedule itself, so nothing that a failure spoils is
 * here.
 * Tests: tests/cells/hang.c, ends.c; tests/cc_test.sh. */
#include "calls.h"
#include "engine.h"
#include "fail.h"
#include "gaps.h"
#include "options.h"
#include "real.h"
#include "run.h"
#include "scarce.h"
#include "script.h"
#include "trace.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared *shared;
enum { LOOK_EVERY = 100 /* ms */ };

static double now(void)
{
    struct timespec at;
    real_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&at, 0, 0, 0, 0);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void progress(double since)
{
    char line[200];
    double t = now() - since;
    uint64_t n = shared->schedules;
    int k = snprintf(line, sizeof line,
                     options.json ? "{\"schedules\":%llu,\"rate\":%.0f,"
                                    "\"behaviours\":%llu,\"seconds\":%.2f}\n"
                                  : "schedules %llu rate %.0f behaviours %llu "
                                    "seconds %.2f\n",
                     (unsigned long long)n, t > 0 ? (double)n / t : 0,
                     (unsigned long long)shared->behaviours, t);
    if (options.progress_fd >= 0 && write(options.progress_fd, line, (size_t)k) < 0)
        options.progress_fd = -1; /* nobody reads it any more */
}

static bool ended(pid_t pid, int *status)
{
    return waitpid(pid, status, WNOHANG) == pid;
}

/* What the process that runs the schedule is doing in the kernel: the number of a call,
 * -1 if it is not there. */
static int call_of(pid_t pid)
{
    char path[64], line[200] = "";
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    if (!fgets(line, sizeof line, f))
        line[0] = 0;
    fclose(f);
    return line[0] >= '0' && line[0] <= '9' ? atoi(line) : -1;
}

/* It makes no progress: let it say where it is, or say it here. */
static void stuck(pid_t pid)
{
    enum { PATIENCE = 20 }; /* of 50 ms */
    struct result *r = &shared->result;
    pid_t runner = shared->runner;
    int call = call_of(runner), status;
    if (call < 0) {
        kill(runner, SIGXCPU); /* fail.c has its place */
        for (int i = 0; i < PATIENCE; i++) {
            if (ended(pid, &status))
                return;
            usleep(50000);
        }
    }
    kill(runner, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    const char *name = call >= 0 ? syscall_name(call) : NULL;
    r->seed = shared->at_seed;
    r->places = 0;
    r->kind = call >= 0 ? FAIL_UNMODELLED : FAIL_STUCK;
    if (call >= 0)
        snprintf(r->words, sizeof r->words, "system call %d (%s) blocks, from within a "
                 "library, and is not modelled: take it out of the test", call,
                 name ? name : "see its number in asm/unistd.h");
    else
        snprintf(r->words, sizeof r->words, STUCK_WORDS, "a thread");
}

/* The time is up in the middle of a schedule that still moves. */
static void give_up(pid_t pid, double since)
{
    int status;
    kill(shared->runner, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    gap("the last schedule, which was not at its end when the time was up");
    shared->seconds = now() - since;
    shared->done = true;
}

/* Wait for the searching process.  True: it ended in good order or was stuck. */
static bool watch(pid_t pid, double since)
{
    uint64_t beat = 0, steps = 0;
    double moved = now(), began = moved, told = since;
    int status;
    for (;;) {
        struct timespec pause = { 0, LOOK_EVERY * 1000000l };
        sigset_t child;
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigtimedwait(&child, NULL, &pause);
        if (ended(pid, &status))
            break;
        double at = now(), late = options.seconds > 0 ? at - since - options.seconds : 0;
        if (at - told > 0.5) {
            progress(since);
            told = at;
        }
        if (shared->beat != beat)
            began = at;
        if (shared->beat != beat || ex.result->steps != steps) {
            beat = shared->beat;
            steps = ex.result->steps;
            moved = at;
        } else if (at - moved > (late > 1 ? 1 : STUCK_AFTER)) {
            stuck(pid);
            return true;
        }
        if (late > STUCK_AFTER && at - began > STUCK_AFTER) {
            give_up(pid, since);
            return true;
        }
    }
    if (shared->done)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        _exit(2); /* it has said why */
    struct result *r = &shared->result;
    r->kind = FAIL_CRASH;
    r->seed = shared->at_seed;
    snprintf(r->words, sizeof r->words,
             "the process that ran the schedules died of SIG%s",
             WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "?");
    return false;
}

static void check_replay(void)
{
    uint32_t mine = options_fingerprint();
    if (options.replay_print && options.replay_print != mine)
        cannot("the seed belongs to another build (%08x; this one is %08x): build the "
               "program as it was then, or search again", options.replay_print, mine);
}

/* Under gdb: the shrunk schedule in this very process, which stops where it fails. */
static void run_for_gdb(size_t n)
{
    static struct result result;
    ex.result = &result;
    ex.mode = MODE_SCRIPT;
    ex.length = shared->length;
    ex.lanes = shared->lanes;
    fail_stops = true;
    script_load(shared->event, n);
    fail_watch();
    run_schedule(shared->result.seed);
}

static int failed(bool good_order)
{
    struct result found = shared->result;
    size_t recorded = 0, shrunk = 0;
    ex.length = shared->length;
    ex.lanes = shared->lanes;
    shared->trace.count = 0;
    bool sure = good_order && found.kind != FAIL_STUCK &&
                shrink_try(NULL, 0, found.seed, &found);
    if (sure) {
        recorded = shared->events;
        shrunk = shrink(shared->event, recorded, found.seed, &found);
        shared->trace.count = 0;
        sure = shrink_try(shared->event, shrunk, found.seed, &found);
    }
    static char why[WORDS];
    if (!sure && shared->result.kind == FAIL_CANNOT)
        memcpy(why, shared->result.words, sizeof why);
    if (!sure && !why[0] && found.kind == FAIL_STUCK)
        strcpy(why, "it does not come to an end");
    if (!sure)
        shared->result = found;
    shared->result.seed = found.seed;
    if (sure && options.gdb)
        run_for_gdb(shrunk);
    report_failure(&shared->result, recorded, shrunk, sure, why);
    return 1;
}

int search_main(int (*program)(int, char **, char **), int argc, char **argv,
                char **env)
{
    if (!ex.instrumented)
        cannot("no part of this program was built with -fsanitize=thread, so nothing "
               "can be "
               "seen of it: compile each file with that flag (tutti cc does)");
    check_replay();
    shared = scarce_shared(sizeof *shared);
    if (!shared)
        cannot("no memory to share");
    ex.result = &shared->result;
    run_open(program, argc, argv, env);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    double since = now();
    fflush(NULL);
    step_start();
    pid_t pid = (pid_t)scarce_fork();
    if (pid < 0)
        cannot("no process for the search: %s", strerror((int)-pid));
    if (pid == 0) {
        fail_watched = true;
        search_run();
    }
    bool good = watch(pid, since);
    progress(since);
    step_end(!shared->result.kind);
    int rc = 0;
    if (shared->result.kind == FAIL_CANNOT)
        cannot("%s", shared->result.words);
    if (shared->result.kind)
        rc = failed(good);
    else
        report_good();
    fflush(NULL);
    _exit(rc);
}
