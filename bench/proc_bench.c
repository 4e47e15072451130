/* proc_bench.c - what worker processes cost: a round trip, a start, bytes, a death.
 *
 *     proc_bench [-w WORKERS] [-r ROUNDS] [NAME...]      without names: all
 *
 * proc-start-floor is this program executed twice, until one is in its main: beside
 * proc-start, which does as much before it does anything of its own.
 * proc-parked-floor is two processes that wake each other by eventfd, a thousand times a
 * second: what the kernel takes for two wakes, beside proc-parked. */
#include "measure.h"
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int tiny; /* BENCH_TINY: everything as small as a test wants it */
static tutti_executor *ex;

static size_t pick(size_t usual, size_t small)
{
    return tiny ? small : usual;
}

TUTTI_TASK(nothing, "bench.nothing", int, int);
static int nothing(const int *in, int *out)
{
    *out = *in;
    return 0;
}
TUTTI_TASK(busy, "bench.busy", int64_t, int);
static int busy(const int64_t *in, int *out)
{
    tutti_time end = tutti_now() + *in;
    while (tutti_now() < end)
        ;
    *out = 1;
    return 0;
}
TUTTI_TASK_BYTES(echo, "bench.echo");
static int echo(tutti_bytes in, tutti_out *out)
{
    return tutti_put(out, in.data, in.size);
}
TUTTI_TASK(look, "bench.look", tutti_ref, char);
static int look(const tutti_ref *in, char *out)
{
    const char *at = tutti_ref_view(in);
    *out = at ? at[in->count - 1] : 1;
    return at ? 0 : -EFAULT;
}
TUTTI_TASK(die, "bench.die", tutti_none, tutti_time);
static int die(const tutti_none *in, tutti_time *out)
{
    (void)in;
    (void)out;
    return raise(SIGKILL);
}

static int open_workers(unsigned n)
{
    char url[40];
    snprintf(url, sizeof url, "processes://%u", n);
    int rc = tutti_executor_open(&ex, url);
    int i = 0, out;
    for (unsigned k = 0; rc == 0 && k < 50 * n; k++) { /* all are there, and awake */
        tutti_scope s;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        nothing_call(&s, &i, &out);
        rc = tutti_scope_close(&s);
    }
    return rc;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double median(int64_t *took, size_t n)
{
    qsort(took, n, sizeof *took, by_size);
    return (double)took[n / 2];
}

/* The median of n calls, `pause` ns apart, on one worker. */
static double calls(size_t n, tutti_time pause)
{
    static int64_t took[20000];
    tutti_scope s;
    int rc = open_workers(1), out;
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct timespec nap = { 0, pause };
        if (pause)
            nanosleep(&nap, NULL);
        tutti_time began = tutti_now();
        int in = (int)i;
        rc = nothing_call(&s, &in, &out);
        took[i] = tutti_now() - began;
    }
    tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : median(took, n);
}

static double roundtrip(void)
{
    return calls(pick(20000, 20), 0);
}

static double parked(void)
{
    return calls(pick(300, 3), TUTTI_MS);
}

static double parked_floor(void)
{
    static int64_t took[300];
    int there = eventfd(0, 0), back = eventfd(0, 0);
    size_t n = pick(300, 3);
    uint64_t one = 1, got;
    pid_t pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i < n; i++)
            if (read(there, &got, 8) != 8 || write(back, &one, 8) != 8)
                _exit(1);
        _exit(0);
    }
    int good = 1;
    for (size_t i = 0; i < n; i++) {
        struct timespec nap = { 0, TUTTI_MS };
        nanosleep(&nap, NULL);
        tutti_time began = tutti_now();
        good &= write(there, &one, 8) == 8 && read(back, &got, 8) == 8;
        took[i] = tutti_now() - began;
    }
    waitpid(pid, NULL, 0);
    close(there);
    close(back);
    return good ? median(took, n) : -EIO;
}

/* n starts of which each is a request, and the close that waits for all. */
static double many(size_t n, int64_t each)
{
    tutti_scope s;
    int rc = open_workers(2);
    if (rc < 0)
        return rc;
    tutti_time began = tutti_now();
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (size_t i = 0; i < n && rc == 0; i++) {
        int in = (int)i;
        rc = each ? busy_submit(&s, &each, NULL) : nothing_submit(&s, &in, NULL);
    }
    rc = tutti_scope_close(&s);
    double took = bench_ns(began, (double)n);
    tutti_executor_close(ex);
    return rc < 0 ? rc : took;
}

static double tasks(void)
{
    return many(pick(500000, 100), 0);
}

static double shared_cpus(void)
{
    return many(pick(20000, 10), 20000);
}

/* 100 MB there and back, warm: ns for a byte of in plus out. */
static double bulk(void)
{
    size_t size = pick(100 << 20, 100000);
    char *in = malloc(size);
    int rc = open_workers(1);
    double took = -ENOMEM;
    if (rc < 0 || !in)
        return rc;
    memset(in, 1, size);
    for (int i = 0; i < 4 && rc >= 0; i++) { /* the last is warm */
        tutti_scope s;
        tutti_future f;
        tutti_bytes out;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        tutti_time began = tutti_now();
        tutti_submit(&s, &echo_task, (tutti_bytes){ in, size }, &f);
        rc = tutti_future_await(f, &out);
        took = bench_ns(began, 2.0 * (double)size);
        rc = rc < 0 ? rc : out.size == size ? 0 : -EIO;
        tutti_scope_close(&s);
    }
    tutti_executor_close(ex);
    free(in);
    return rc < 0 ? rc : took;
}

/* A ref to 1 GiB to four workers, each of which looks at its end. */
static double pass(void)
{
    tutti_scope s;
    tutti_ref ref;
    int rc = open_workers(4);
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    char *at = tutti_share(&s, pick(1 << 30, 4096), 1, TUTTI_READ, &ref);
    if (at)
        at[ref.count - 1] = 7;
    tutti_time began = tutti_now();
    tutti_future f[4];
    for (int i = 0; i < 4; i++)
        look_submit(&s, &ref, &f[i]);
    for (int i = 0; i < 4; i++)
        tutti_future_await(f[i], NULL);
    double took = bench_ns(began, 1);
    rc = tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : took;
}

static double start(void)
{
    tutti_scope s;
    tutti_time began = tutti_now();
    int rc = tutti_executor_open(&ex, "processes://2"), in = 1, out;
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    rc = nothing_call(&s, &in, &out);
    double took = bench_ns(began, 1);
    tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : took;
}

/* This program executed twice, until the first tells a pipe that it has come to its main: what
 * the kernel and the loader take of the start, whatever a worker does. */
#define FLOOR "BENCH_FLOOR"
static double start_floor(void)
{
    extern char **environ;
    char *argv[] = { (char[]){ "floor" }, NULL }, byte;
    int ends[2];
    pid_t pid[2];
    if (pipe(ends) < 0)
        return -EMFILE;
    char number[16];
    snprintf(number, sizeof number, "%d", ends[1]);
    setenv(FLOOR, number, 1);
    tutti_time began = tutti_now();
    for (int i = 0; i < 2; i++)
        if (posix_spawn(&pid[i], "/proc/self/exe", NULL, NULL, argv, environ))
            return -EIO;
    bool came = read(ends[0], &byte, 1) == 1;
    double took = bench_ns(began, 1);
    unsetenv(FLOOR);
    close(ends[1]);
    close(ends[0]);
    for (int i = 0; i < 2; i++)
        waitpid(pid[i], NULL, 0);
    return came ? took : -EIO;
}

/* From the start of a task that kills its worker to its failure: the median. */
static double deaths(void)
{
    static int64_t took[200];
    size_t n = pick(100, 2);
    tutti_scope s;
    tutti_none none = { 0 };
    tutti_time out;
    int rc = open_workers(2);
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (size_t i = 0; i < n; i++) {
        tutti_time began = tutti_now();
        if (die_call(&s, &none, &out) != -TUTTI_ECRASH)
            rc = -EIO;
        took[i] = tutti_now() - began;
    }
    tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : median(took, n);
}

/* Tasks of 100 us of which one in a hundred dies, each in the next of all ways. */
enum { SEGV = 1, ABORT, KILL, OVERFLOW, EXIT, QUIT, FPE, BUS, FSIZE, WAYS };
struct mortal {
    int way, value;
};
static volatile int deep = 1, *volatile nowhere = (int *)8;

__attribute__((noinline)) static int eat_stack(volatile char *above)
{
    volatile char mine[4096];
    mine[0] = above ? above[0] : 1;
    return deep ? eat_stack(mine) + mine[0] : 0;
}

static void write_too_much(void)
{
    struct rlimit one = { 1, RLIM_INFINITY };
    FILE *f = tmpfile();
    setrlimit(RLIMIT_FSIZE, &one);
    for (int i = 0; f && i < 3; i++)
        fprintf(f, "too much"), fflush(f);
}

TUTTI_TASK(mortal, "bench.mortal", struct mortal, int);
static int mortal(const struct mortal *in, int *out)
{
    tutti_time end = tutti_now() + 100000;
    while (tutti_now() < end)
        ;
    switch (in->way) {
    case SEGV: *nowhere = 1; break;
    case ABORT: abort();
    case KILL: raise(SIGKILL); break;
    case OVERFLOW: eat_stack(NULL); break;
    case EXIT: exit(3);
    case QUIT: _exit(4);
    case FPE: raise(SIGFPE); break;
    case BUS: raise(SIGBUS); break;
    case FSIZE: write_too_much(); break;
    default: break;
    }
    *out = in->value + 1;
    return 0;
}

/* ns for a task; each has its right outcome, or -EIO. */
static double mortals(size_t n, size_t each)
{
    static tutti_future f[10000];
    tutti_scope s;
    int rc = open_workers(2), out, wrong = 0;
    if (rc < 0)
        return rc;
    tutti_time began = tutti_now();
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (size_t i = 0; i < n; i++) {
        int way = each && i % each == each / 2 ? 1 + (int)(i / each % (WAYS - 1)) : 0;
        struct mortal in = { way, (int)i };
        mortal_submit(&s, &in, &f[i]);
    }
    for (size_t i = 0; i < n; i++) {
        tutti_outcome o = { .size = sizeof o };
        rc = tutti_future_await(f[i], NULL);
        tutti_future_outcome(f[i], &o);
        if (each && i % each == each / 2)
            wrong += rc != -TUTTI_ECRASH || o.end != TUTTI_CRASHED || o.index != i;
        else
            wrong += mortal_take(f[i], &out) != 0 || out != (int)i + 1;
    }
    tutti_scope_close(&s);
    double took = bench_ns(began, (double)n);
    tutti_executor_close(ex);
    return wrong ? -EIO : took;
}

static double crashes(void)
{
    return mortals(pick(10000, 20), pick(100, 10));
}

static double crash_free(void)
{
    return mortals(pick(10000, 20), 0);
}

int main(int argc, char **argv)
{
    static const struct bench benches[] = {
        { "proc-roundtrip", roundtrip, 1 }, { "proc-parked", parked, 1 },
        { "proc-parked-floor", parked_floor, 1 }, { "proc-tasks", tasks, 2 },
        { "proc-share", shared_cpus, 2 }, { "proc-bulk", bulk, 1 },
        { "proc-pass", pass, 4 }, { "proc-start", start, 2 },
        { "proc-start-floor", start_floor, 2 }, { "proc-kill", deaths, 2 },
        { "proc-crashes", crashes, 2 }, { "proc-crash-free", crash_free, 2 }
    };
    if (getenv(FLOOR))
        return write(atoi(getenv(FLOOR)), "", 1) != 1;
    tiny = getenv("BENCH_TINY") != NULL;
    return bench_main(argc, argv, benches, sizeof benches / sizeof *benches);
}
