/* exec/processes/death.c - a worker is gone: its finished requests count, those it had not
 * begun go elsewhere, the one that ran has crashed, and a new worker takes its place.  All
 * under procs.latch, by the keeper.  Tests: tests/processes_crash_test.c. */
#include "base/clock.h"
#include "base/memory.h"
#include "exec/processes/between.h"
#include "exec/processes/procs.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /* Workers in a row that somebody kills before they serve: replaced at once, then with
     * pauses, and for some time at least. */
    KILLED_QUICK = 10,
    KILLED_UNBORN = 50,
    /* Deaths with the same request as the next one: a worker gone mad may have wiped out that
     * it had begun, and so would be its successors' end for ever. */
    FIRST_MOST = 10
};
#define KILLED_PAUSE INT64_C(10000000)      /* ns */
#define KILLED_PATIENCE INT64_C(10000000000)
#define RETRY INT64_C(100000000) /* ns until a worker that could not be started is again */

/* --- the one that ran ------------------------------------------------------------------- */

/* j goes on without its first n runs; false: none are left. */
static bool job_cut_front(struct job *j, struct procs *p, uint32_t n)
{
    if (j->input) { /* the rest is copied again from where it came */
        arena_give(&p->arena, j->input, j->input_size);
        j->input = NULL;
    }
    j->from += n;
    j->runs -= n;
    return j->runs > 0;
}

static void job_crashed(struct procs *p, struct lane *l, struct job *j, uint64_t number,
                        const siginfo_t *how)
{
    unsigned i = (unsigned)(l - p->lane);
    struct own *own = head_own(p->arena.head, i);
    const struct answer *a = &own->answer[number % RING];
    uint32_t done = load_acquire(&((struct answer *)(uintptr_t)a)->done); /* run_batch */
    int signal, code = j->asked ? j->ask_code : -TUTTI_ECRASH;
    tutti_end end = j->asked ? TUTTI_CUT : TUTTI_CRASHED;
    j->kills += !job_is_bystander(p, l, j, number);
    done = done < j->runs ? done : 0; /* a mad worker's word */
    if (j->split && done && !l->mad) {
        job_take_part(p, l, j, a, own->side[number % RING], done);
        job_cut_front(j, p, done);
    }
    bool again = j->task->type->flags & TUTTI_IDEMPOTENT && !j->asked
                 && j->kills < p->url->quarantine && j->first < FIRST_MOST;
    if (again) {
        queue_push_front(p, j);
        return;
    }
    char *words = crash_words(p, l, j, number, how, &signal);
    if (!j->split) {
        job_end(p, j, end, code, signal, words);
        return;
    }
    job_run_failed(j, end, code, signal, words);
    if (job_cut_front(j, p, 1)) {
        j->kills = 0;
        queue_push_front(p, j);
    } else {
        job_finish(p, j);
    }
}

/* --- all it had -------------------------------------------------------------------------- */

static void lane_empty(struct procs *p, struct lane *l, const siginfo_t *how)
{
    struct own *own = head_own(p->arena.head, (unsigned)(l - p->lane));
    bool served = load_acquire(&own->up); /* serve: else it has seen none of them */
    uint64_t first = l->tail; /* what was, or would have been, its next */
    while (first != l->head && !l->job[first % RING])
        first++;
    bool later = false; /* one after it had begun, so it had, whatever its tag says */
    for (uint64_t at = l->head; at-- > l->tail;) {
        uint64_t number = l->number[at % RING];
        struct job *j = l->job[at % RING];
        if (!j) {
            later |= l->collected[at % RING];
            continue;
        }
        l->job[number % RING] = NULL;
        l->queued--;
        uint64_t tag = load_acquire(&own->answer[number % RING].tag); /* run_in_scope */
        unsigned state = tag & ((1 << ANSWER_BITS) - 1);
        bool ran = tag >> ANSWER_BITS == number
                   && (state == ANSWER_RUNNING || state == ANSWER_DONE);
        j->first += at == first && served;
        if (!*p->url->inner && !l->mad)
            later = ran = ran || later;
        if (ran || (l->mad && at == first) || j->first >= FIRST_MOST)
            job_crashed(p, l, j, number, how);
        else
            queue_push_front(p, j);
    }
    l->tail = l->head;
    l->out = 0;
}

void procs_break(struct procs *p, const char *why)
{
    p->broken = why;
    while (p->queue) {
        struct job *j = queue_pop(p);
        job_end(p, j, TUTTI_LOST, -TUTTI_ELOST, 0, memory_strdup(why));
    }
}

static bool any_lives(const struct procs *p)
{
    for (unsigned i = 0; i < procs_lanes(p); i++)
        if (lane_lives(&p->lane[i]))
            return true;
    return false;
}

/* --- the next one ------------------------------------------------------------------------ */

static void lane_start(struct procs *p, unsigned i, bool forked)
{
    struct lane *l = &p->lane[i];
    l->retry = 0;
    if (worker_start(p, i, forked) == 0)
        return;
    l->retry = clock_now() + RETRY;
    if (!any_lives(p))
        procs_break(p, "no worker process is left, and none could be started");
}

void lane_restart(struct procs *p, unsigned i)
{
    siginfo_t how = { .si_code = CLD_KILLED };
    how.si_status = SIGKILL;
    lane_collect(p, &p->lane[i]); /* requests were posted while it was to come */
    lane_empty(p, &p->lane[i], &how);
    output_close(&p->lane[i]);
    lane_start(p, i, false);
}

/* One that died before it served was perhaps the zygote's fault. */
static void lane_replace(struct procs *p, unsigned i)
{
    p->replaced++;
    lane_start(p, i, p->stillborn == 0);
    if (p->replaced > 1 || p->url->recycle == 1)
        births_begin(p);
}

/* True: it has ended, and `how` says how; with si_code 0 that is not known, as the program
 * waits for all its children itself, or has SIGCHLD ignored. */
static bool lane_reap(struct lane *l, siginfo_t *how)
{
    struct rlimit cpu = { RLIM_INFINITY, RLIM_INFINITY };
    struct rusage used = { .ru_utime = { 0, 0 } };
    prlimit(l->pid, RLIMIT_CPU, NULL, &cpu); /* as long as it is not waited for */
    int rc = (int)syscall(SYS_waitid, P_PIDFD, l->pidfd, how, WEXITED | WNOHANG, &used);
    double seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
                     + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    l->spent = seconds; /* measured; the limit is kept by counting ticks, seen 20% off */
    l->granted = cpu.rlim_max != RLIM_INFINITY && seconds > 0.6 * (double)cpu.rlim_max
                     ? (double)cpu.rlim_max : 0;
    if (rc < 0 && errno == EINVAL) /* an emulator that does not know those */
        rc = waitid(P_PID, (id_t)l->pid, how, WEXITED | WNOHANG);
    return rc == 0 ? how->si_pid != 0 : errno == ECHILD;
}

/* A worker that could not serve may have said why: a worker's word, so copied first. */
static void lane_refused(struct procs *p, const struct own *own)
{
    char why[sizeof own->refused_why];
    if (!load_acquire(&((struct own *)(uintptr_t)own)->refused)) /* worker_give_up */
        return;
    memcpy(why, own->refused_why, sizeof why);
    why[sizeof why - 1] = 0;
    snprintf(p->refused, sizeof p->refused, "worker processes end before they can serve: %s",
             why);
}

void lane_died(struct procs *p, unsigned i)
{
    struct lane *l = &p->lane[i];
    struct own *own = head_own(p->arena.head, i);
    siginfo_t how = { 0 };
    if (!l->pid || !lane_reap(l, &how))
        return;
    lane_is_now(p, i, 0);
    lane_collect(p, l);
    bool served = load_acquire(&own->up), retired = load_acquire(&own->retired); /* serve */
    bool killed = how.si_code == CLD_KILLED && how.si_status == SIGKILL;
    p->stillborn = served ? 0 : p->stillborn + 1;
    p->deaths += !retired && !p->closing;
    between_died(p, i, retired);
    if (!served)
        lane_refused(p, own);
    lane_empty(p, l, &how);
    output_close(l);
    if (p->closing)
        return;
    if (served)
        p->served_last = clock_now();
    bool hopeless = p->stillborn >= START_STILLBORN
                    && (!killed || (p->stillborn >= KILLED_UNBORN
                                    && clock_now() - p->served_last > KILLED_PATIENCE));
    if (hopeless && !any_lives(p))
        procs_break(p, *p->refused ? p->refused
                                   : "worker processes end before they can serve");
    else if (!hopeless && p->stillborn > KILLED_QUICK)
        l->retry = clock_now() + KILLED_PAUSE;
    else if (!hopeless)
        lane_replace(p, i);
    queue_feed(p);
}
