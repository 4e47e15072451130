/* sched/sim.c - sim://SEED: a loop whose order is drawn from a seed and whose time is its
 * own, so that a test of tasks that wait for each other and for time runs at once and the
 * same way each time.  The worker's hot paths know nothing of it: a simulation makes each
 * turn one in which the worker looks at everything, and there comes by here.
 * Threads and descriptors are not simulated; libtutti-explore does that.
 * Where nothing can go on, and nobody outside comes for a while, who waits for what is said.
 * Tests: tests/sim_test.c. */
#include "sched/worker.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIM_EPOCH = 1000000000 }; /* time at the beginning; 0 would mean real time */
#define STUCK_AFTER INT64_C(1000000000) /* ns of real time */

static _Thread_local struct {
    uint64_t seed;
    struct fiber_pool *stacks; /* of its tasks */
    bool told;                 /* that it is stuck */
} sim;

static uint32_t sim_random(struct worker *w)
{
    uint64_t x = w->sim += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    return (uint32_t)((x ^ x >> 27) >> 32);
}

static uint32_t fifo_count(const struct fifo *q)
{
    uint32_t n = 0;
    for (const struct runnable *r = q->head; r; r = r->next)
        n++;
    return n;
}

/* Number k of the queue, which keeps the order of the others up to a turn. */
static struct runnable *fifo_take(struct fifo *q, uint32_t k)
{
    while (k--)
        fifo_push(q, fifo_pop(q));
    return fifo_pop(q);
}

/* What is due now; the time of what is next. */
static int64_t sim_fire(struct worker *w)
{
    worker_fire(w);
    int64_t timer = wheel_next(&w->wheel), alarm = alarms_fire_here();
    return timer < alarm ? timer : alarm;
}

struct runnable *sim_take(struct worker *w)
{
    struct task *t;
    w->due = load_relaxed(&w->tick) + 1; /* the next turn comes here, too */
    sim_fire(w);
    while ((t = deque_pop(&w->deque)) || (t = pool_injected(w->pool)))
        fifo_push(&w->bound, &t->run);
    uint32_t ready = fifo_count(&w->ready), n = ready + fifo_count(&w->bound);
    if (!n)
        return NULL;
    uint32_t k = sim_random(w) % n;
    return k < ready ? fifo_take(&w->ready, k) : fifo_take(&w->bound, k - ready);
}

void sim_until(int64_t until)
{
    if (clock_sim < until)
        clock_sim = until;
}

bool sim_advance(struct worker *w)
{
    int64_t until = sim_fire(w);
    if (w->poller && poller_busy(w->poller))
        poller_run(w->poller, 0);
    if (w->ready.head)
        return true;
    if (until == CLOCK_NEVER)
        return false; /* only somebody outside can go on */
    sim_until(until);
    sim_fire(w);
    return true;
}

/* --- nobody can go on --------------------------------------------------------------- */

struct parked {
    bool say;
    unsigned tasks;
    bool outside; /* one waits for a call on another thread, which ends by itself */
};

static void parked_look(struct fiber *f, void *arg)
{
    const struct context *c = (const struct context *)(const void *)f;
    struct parked *p = arg;
    /* relaxed: this thread's */
    if (!c->task || !(load_relaxed(&c->wait_word) & WAIT_OPEN) || !c->wait_what)
        return;
    p->tasks++;
    p->outside |= !strcmp(c->wait_what, "blocking call");
    if (p->say)
        dprintf(STDERR_FILENO, "  %s waits: %s\n", task_name(c), c->wait_what);
}

/* Is there a thread that could wake one?  When in doubt, yes. */
static bool others_run(void)
{
    DIR *d = opendir("/proc/self/task");
    unsigned n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n != 3; /* itself, and the two names of every folder */
}

static void sim_tell(struct worker *w)
{
    struct parked all = { false, 0, false };
    fiber_pool_each(sim.stacks, parked_look, &all);
    if (all.outside || !all.tasks)
        return;
    bool others = others_run();
    dprintf(STDERR_FILENO, "tutti: deadlock on sim://%llu: nothing can go on%s\n",
            (unsigned long long)sim.seed,
            others ? ", unless another thread of the program wakes one of these" : "");
    if (w->root->wait_what)
        dprintf(STDERR_FILENO, "  the program waits: %s\n", w->root->wait_what);
    all.say = true;
    fiber_pool_each(sim.stacks, parked_look, &all);
    if (!others)
        abort(); /* a test that hung would say less */
}

void sim_doze(struct worker *w)
{
    int64_t kept = clock_sim;
    clock_sim = 0; /* what is slept here is real */
    int64_t until = sim.told ? CLOCK_NEVER : clock_now() + STUCK_AFTER;
    int rc = futex_wait(&w->sleeping, ASLEEP_FUTEX, until);
    clock_sim = kept;
    if (rc != -ETIMEDOUT)
        return;
    sim.told = true;
    sim_tell(w);
}

/* --- beginning and end ---------------------------------------------------------------- */

void sim_clock_begin(void)
{
    clock_sim = SIM_EPOCH;
}

void sim_begin(struct worker *w, uint64_t seed, struct fiber_pool *stacks)
{
    sim.seed = seed;
    sim.stacks = stacks;
    sim.told = false;
    w->sim = seed + 1; /* not 0, and not again within 2^64 draws */
    w->due = load_relaxed(&w->tick) + 1; /* ours */
}

void sim_end(struct worker *w)
{
    w->sim = 0;
    clock_sim = 0;
}
