/* core_bench.c - what the parts of the core cost a user, by the public calls alone, on
 * threads://WORKERS (channel-2: on two):
 *
 *   yield      one turn among 16 tasks that yield to each other
 *   spawn      a closure started and finished, in scopes of 100
 *   submit     a typed task submitted and its result taken, in scopes of 100
 *   channel    a round trip between two tasks of one worker: two sends, two receives
 *   channel-2  the same between two workers that nothing else keeps busy
 *
 * What has no public face is in inside_bench.c.  See measure.h. */
#include "measure.h"
#include <stdatomic.h>
#include <stdio.h>
#include <tutti/sync.h>
#include <tutti/task.h>

/* Run fn(arg) in a task on a fresh executor of n workers; ns for a unit. */
static double on_workers(unsigned n, int (*fn)(void *took), double *took)
{
    char url[64];
    snprintf(url, sizeof url, "threads://%u", n);
    int rc = tutti_run(url, fn, took);
    return rc < 0 ? rc : *took;
}

/* --- yield --------------------------------------------------------------------- */

enum { YIELDERS = 16, YIELDS = 100000 };

static int yielder(void *unused)
{
    (void)unused;
    for (int i = 0; i < YIELDS; i++)
        tutti_yield();
    return 0;
}
static int yields(void *took)
{
    tutti_time began = tutti_now();
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < YIELDERS; i++)
        tutti_go(&s, yielder, NULL);
    int rc = tutti_scope_close(&s);
    *(double *)took = bench_ns(began, (double)YIELDERS * YIELDS);
    return rc;
}
static double yield_round(void)
{
    double took = 0;
    return on_workers(bench_workers, yields, &took);
}

/* --- spawn and submit ------------------------------------------------------------ */

enum { BATCH = 100, BATCHES = 5000 };

static int nothing(void *unused)
{
    (void)unused;
    return 0;
}
static int spawns(void *took)
{
    int rc = 0;
    tutti_time began = tutti_now();
    for (int i = 0; i < BATCHES && rc >= 0; i++) {
        TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
        for (int k = 0; k < BATCH; k++)
            tutti_go(&s, nothing, NULL);
        rc = tutti_scope_close(&s);
    }
    *(double *)took = bench_ns(began, (double)BATCHES * BATCH);
    return rc;
}
static double spawn_round(void)
{
    double took = 0;
    return on_workers(bench_workers, spawns, &took);
}

TUTTI_TASK(twice, "bench.twice", long, long);
static int twice(const long *in, long *out)
{
    *out = *in * 2;
    return 0;
}
static int submits(void *took)
{
    int rc = 0;
    tutti_time began = tutti_now();
    for (int i = 0; i < BATCHES / 5 && rc >= 0; i++) {
        tutti_future f[BATCH];
        long got;
        TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
        for (long k = 0; k < BATCH; k++)
            twice_submit(&s, &k, &f[k]);
        for (long k = 0; k < BATCH && rc >= 0; k++) {
            rc = twice_take(f[k], &got);
            if (rc >= 0 && got != 2 * k)
                rc = -EBADMSG;
        }
        int closed = tutti_scope_close(&s);
        rc = rc < 0 ? rc : closed;
    }
    *(double *)took = bench_ns(began, (double)BATCHES / 5 * BATCH);
    return rc;
}
static double submit_round(void)
{
    double took = 0;
    return on_workers(bench_workers, submits, &took);
}

/* --- channels ---------------------------------------------------------------------- */

enum { ROUND_TRIPS = 100000 };

struct ping {
    tutti_chan *there, *back;
    int apart;          /* the two must be on different workers */
    _Atomic int begun;
    double *took;
};

/* A task that has begun stays on its worker, and one that spins keeps it: so the two that
 * wait for each other here are on different ones. */
static void meet(struct ping *p)
{
    atomic_fetch_add(&p->begun, 1);
    while (p->apart && atomic_load(&p->begun) < 2)
        continue;
}

static int pong(void *arg)
{
    struct ping *p = arg;
    long n;
    int rc;
    meet(p);
    while ((rc = tutti_chan_recv(p->there, &n)) == 1 && rc >= 0)
        rc = tutti_chan_send(p->back, &n);
    return rc;
}
static int ping(void *arg)
{
    struct ping *p = arg;
    int rc = 0;
    meet(p);
    tutti_time began = tutti_now();
    for (long n = 0, got; n < ROUND_TRIPS && rc >= 0; n++) {
        rc = tutti_chan_send(p->there, &n);
        if (rc >= 0)
            rc = tutti_chan_recv(p->back, &got);
    }
    *p->took = bench_ns(began, ROUND_TRIPS);
    tutti_chan_close(p->there);
    return rc < 0 ? rc : 0;
}
static int pings(void *took, int apart)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    struct ping p = { .apart = apart, .took = took };
    int rc = tutti_chan_open(&p.there, &s, sizeof(long), 1, NULL);
    if (rc >= 0)
        rc = tutti_chan_open(&p.back, &s, sizeof(long), 1, NULL);
    if (rc >= 0) {
        tutti_go(&s, pong, &p);
        tutti_go(&s, ping, &p);
    }
    return tutti_scope_close(&s);
}
static int pings_together(void *took)
{
    return pings(took, 0);
}
static int pings_apart(void *took)
{
    return pings(took, 1);
}
static double channel_round(void)
{
    double took = 0;
    return on_workers(1, pings_together, &took);
}
static double channel_2_round(void)
{
    double took = 0;
    return on_workers(2, pings_apart, &took);
}

static const struct bench benches[] = {
    { "yield", yield_round, 0 },     { "spawn", spawn_round, 0 },
    { "submit", submit_round, 0 },   { "channel", channel_round, 1 },
    { "channel-2", channel_2_round, 2 },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, benches, sizeof benches / sizeof *benches);
}
