/* sched/verdict.c - what a worker whose tick does not move is at: the clocks of its thread
 * tell.  One that sleeps in the kernel uses no time and waits for no CPU; one that computes
 * uses it; one that is ready but has no CPU waits, says the kernel's run delay, and is
 * neither blocked nor busy.  Tests: tests/monitor_test.c. */
#include "base/memory.h"
#include "sched/culprit.h"
#include "sched/monitor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HOG_AFTER INT64_C(2000000)  /* ns of CPU time without a turn */
#define WINDOW_LEAST INT64_C(100000) /* ns; shorter ones measure the clocks */

static int64_t cpu_time(const struct worker *w)
{
    struct timespec t;
    if (clock_gettime(w->cpu_clock, &t))
        return 0; /* its thread is ending */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What the kernel says of w's thread, as text; "" if it does not. */
static void thread_file(const struct worker *w, const char *name, char *text, size_t room)
{
    char path[64];
    text[0] = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", w->tid, name);
    int fd = fault_now() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, text, room - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
}

/* How long it has waited for a CPU in its life, but for the wait that it is in. */
static int64_t run_delay(const struct worker *w)
{
    char text[128], *end;
    thread_file(w, "schedstat", text, sizeof text);
    strtoll(text, &end, 10);
    return strtoll(end, NULL, 10);
}

/* Is it in such a wait? */
static bool is_runnable(const struct worker *w)
{
    char text[512];
    thread_file(w, "stat", text, sizeof text);
    const char *name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] == 'R';
}

static void window_begin(struct watch *v, int64_t now, int64_t cpu, int64_t delay)
{
    v->at = now;
    v->cpu = cpu;
    v->delay = delay;
}

/* Two windows at least: the first tells busy from not busy by a cheap clock, and only for
 * one that is not is the run delay read, at both ends of the next. */
static void worker_measure(struct worker *w, struct watch *v, int64_t now, bool cares)
{
    int64_t span = now - v->at;
    if (span < WINDOW_LEAST)
        return;
    int64_t cpu = cpu_time(w), used = cpu - v->cpu;
    v->ran = cpu - v->cpu_first;
    v->still = used * 2 < span;
    if (v->ran >= HOG_AFTER && used * 2 >= span)
        v->verdict = BUSY;
    /* Files are opened seldom, since each takes a descriptor for a moment, which the program
     * may miss. */
    if (!v->still || !cares || v->verdict == BLOCKED) {
        window_begin(v, now, cpu, -1);
        return;
    }
    int64_t delay = run_delay(w);
    if (v->delay >= 0) {
        bool wants = (used + delay - v->delay) * 2 >= span || is_runnable(w);
        if (!wants)
            v->verdict = BLOCKED;
        else if (v->ran >= HOG_AFTER)
            v->verdict = BUSY; /* and others compete for its CPU */
    }
    window_begin(v, now, cpu, delay);
}

int worker_judge(struct worker *w, int64_t now, bool cares)
{
    struct watch *v = &w->watch;
    uint32_t tick = load_relaxed(&w->tick); /* hints, both: the next look sees more */
    bool rests = load_relaxed(&w->sleeping) != AWAKE;
    if (tick != v->tick || rests) {
        culprit_back(w, now);
        v->tick = tick;
        v->stale = 0;
        v->still = false;
        v->ran = 0;
        store_relaxed(&w->share, SHARE_NONE); /* a late answer does no harm */
        v->since = now;
        v->verdict = rests ? RESTS : MOVES;
        return v->verdict;
    }
    v->stale++;
    if (v->stale == 1) {
        v->verdict = MOVES;
        v->cpu_first = cpu_time(w);
        window_begin(v, now, v->cpu_first, -1);
    } else {
        worker_measure(w, v, now, cares);
    }
    return v->verdict;
}
