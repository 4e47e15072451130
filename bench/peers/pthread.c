/* pthread.c - what a C program has without any library: threads, mutexes, conditions and
 * barriers; and ucontext for the switch. */
#include "../fork_work.h"
#include "peer.h"
#include <stdatomic.h>
#include <ucontext.h>

static pthread_t start(void *(*fn)(void *), void *arg)
{
    pthread_t t;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    peer_need(!pthread_create(&t, &small, fn, arg), "no more threads");
    pthread_attr_destroy(&small);
    return t;
}

/* --- switch: round a ring of 16, as inside_bench.c ---------------------------------- */

enum { RING = 16 };
static ucontext_t ring[RING + 1];

static void hop(int i)
{
    for (;;)
        swapcontext(&ring[i], &ring[(i + 1) % (RING + 1)]);
}
static double switch_round(void)
{
    static char stacks[RING][16 << 10];
    static int turns; /* not in a register that a switch would lose */
    turns = peer_pick(20000, 10);
    for (int i = 1; i <= RING; i++) {
        getcontext(&ring[i]);
        ring[i].uc_stack.ss_sp = stacks[i - 1];
        ring[i].uc_stack.ss_size = sizeof stacks[0];
        makecontext(&ring[i], (void (*)(void))hop, 1, i);
    }
    double began = peer_now();
    for (int i = 0; i < turns; i++)
        swapcontext(&ring[0], &ring[1]);
    return (peer_now() - began) / ((double)turns * (RING + 1));
}

/* --- yield: 16 threads of one CPU --------------------------------------------------- */

static void *yielder(void *arg)
{
    pthread_barrier_t *all = arg;
    int n = peer_pick(10000, 10);
    pthread_barrier_wait(all);
    for (int i = 0; i < n; i++)
        sched_yield();
    return NULL;
}
static double yield_round(void)
{
    pthread_t t[16];
    pthread_barrier_t all;
    peer_one_cpu();
    pthread_barrier_init(&all, NULL, 17);
    for (int i = 0; i < 16; i++)
        t[i] = start(yielder, &all);
    pthread_barrier_wait(&all);
    double began = peer_now();
    for (int i = 0; i < 16; i++)
        pthread_join(t[i], NULL);
    return (peer_now() - began) / (16.0 * peer_pick(10000, 10));
}

/* --- spawn: batches of 100 ------------------------------------------------------------ */

static void *nothing(void *unused)
{
    return unused;
}
static double spawn_round(void)
{
    pthread_t t[100];
    int batches = peer_pick(50, 1);
    double began = peer_now();
    for (int b = 0; b < batches; b++) {
        for (int i = 0; i < 100; i++)
            t[i] = start(nothing, NULL);
        for (int i = 0; i < 100; i++)
            pthread_join(t[i], NULL);
    }
    return (peer_now() - began) / (batches * 100.0);
}

/* --- channel: a mutex, two conditions and room for one --------------------------------- */

struct channel {
    pthread_mutex_t mutex;
    pthread_cond_t full, empty;
    long item;
    int there;
};
#define CHANNEL { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, \
                  PTHREAD_COND_INITIALIZER, 0, 0 }
static struct channel there = CHANNEL, back = CHANNEL;

static void channel_send(struct channel *c, long item)
{
    pthread_mutex_lock(&c->mutex);
    while (c->there)
        pthread_cond_wait(&c->empty, &c->mutex);
    c->item = item;
    c->there = 1;
    pthread_cond_signal(&c->full);
    pthread_mutex_unlock(&c->mutex);
}
static long channel_recv(struct channel *c)
{
    pthread_mutex_lock(&c->mutex);
    while (!c->there)
        pthread_cond_wait(&c->full, &c->mutex);
    long item = c->item;
    c->there = 0;
    pthread_cond_signal(&c->empty);
    pthread_mutex_unlock(&c->mutex);
    return item;
}
static void *pong(void *unused)
{
    long item;
    while ((item = channel_recv(&there)) >= 0)
        channel_send(&back, item);
    return unused;
}
static double pings(int n)
{
    pthread_t t = start(pong, NULL);
    double began = peer_now();
    for (int i = 0; i < n; i++) {
        channel_send(&there, i);
        peer_need(channel_recv(&back) == i, "the channel lost something");
    }
    double took = (peer_now() - began) / n;
    channel_send(&there, -1);
    pthread_join(t, NULL);
    return took;
}
static double channel_round(void)
{
    peer_one_cpu();
    return pings(peer_pick(20000, 10));
}
static double channel_2_round(void)
{
    return pings(peer_pick(5000, 10));
}

/* --- region: a crew that meets at two barriers ------------------------------------------ */

enum { REGION = 100, REGIONS = 1000, CREW_MOST = 256 };
static float numbers[REGION];
static pthread_barrier_t begin, end;
static int over;

static void my_part(long me)
{
    region_serial(numbers, REGION * me / (long)peer_workers,
                  REGION * (me + 1) / (long)peer_workers);
}
static void *crew(void *arg)
{
    for (;;) {
        pthread_barrier_wait(&begin);
        if (over)
            return NULL;
        my_part((long)(intptr_t)arg);
        pthread_barrier_wait(&end);
    }
}
static double region_round(void)
{
    pthread_t t[CREW_MOST];
    int n = peer_pick(REGIONS * 5, 10);
    peer_need(peer_workers <= CREW_MOST, "256 workers at most");
    pthread_barrier_init(&begin, NULL, peer_workers);
    pthread_barrier_init(&end, NULL, peer_workers);
    for (unsigned i = 1; i < peer_workers; i++)
        t[i] = start(crew, (void *)(intptr_t)i);
    double began = peer_now();
    for (int i = 0; i < n; i++) {
        pthread_barrier_wait(&begin);
        my_part(0);
        pthread_barrier_wait(&end);
    }
    double took = (peer_now() - began) / n;
    over = 1;
    pthread_barrier_wait(&begin);
    for (unsigned i = 1; i < peer_workers; i++)
        pthread_join(t[i], NULL);
    return took;
}

/* --- parked-bytes: as many as a usual limit lets be ---------------------------------------- */

enum { PARKED = 5000 };
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int begun;

static void *park(void *unused)
{
    atomic_fetch_add(&begun, 1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return unused;
}
static double parked_round(void)
{
    static pthread_t t[PARKED];
    int n = peer_pick(PARKED, 10);
    double before = peer_resident();
    pthread_mutex_lock(&gate);
    for (int i = 0; i < n; i++)
        t[i] = start(park, NULL);
    while (atomic_load(&begun) < n)
        usleep(1000);
    double bytes = (peer_resident() - before) / n;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < n; i++)
        pthread_join(t[i], NULL);
    return bytes;
}

/* --- blocking-p99: 1,000 threads, as blocking_bench.c --------------------------------------- */

enum { THREADS = 1000, PERIOD = 20000000, LATES = THREADS * 60 * 4 };
static float *late; /* ms */
static atomic_long lates;
static double until;

static void sleep_until(double ns)
{
    struct timespec t = { (time_t)(ns / 1e9), 0 };
    t.tv_nsec = (long)(ns - (double)t.tv_sec * 1e9);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static void *periodic(void *arg)
{
    double t = peer_now() + (double)(intptr_t)arg * PERIOD / THREADS + PERIOD;
    while (t < until) {
        sleep_until(t);
        double now = peer_now();
        long i = atomic_fetch_add(&lates, 1);
        if (i < LATES)
            late[i] = (float)((now - t) / 1e6);
        for (t += PERIOD; t < now; t += PERIOD)
            continue;
    }
    return NULL;
}
static void *blocks(void *unused)
{
    for (double t = peer_now() + 0.3e9; t < until; t += 1e9) {
        sleep_until(t);
        usleep(200000);
    }
    return unused;
}
static void *computes(void *unused)
{
    for (double t = peer_now() + 0.6e9; t < until; t += 1e9) {
        sleep_until(t);
        while (peer_now() < t + 0.5e9)
            continue;
    }
    return unused;
}
static int by_late(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}
static double blocking_round(void)
{
    static pthread_t t[THREADS + 2];
    int n = peer_pick(THREADS, 10);
    late = calloc(LATES, sizeof *late);
    peer_need(late != NULL, "no memory");
    until = peer_now() + peer_pick(2500, 30) * 1e6;
    for (int i = 0; i < n; i++)
        t[i] = start(periodic, (void *)(intptr_t)i);
    t[n] = start(blocks, NULL);
    t[n + 1] = start(computes, NULL);
    for (int i = 0; i < n + 2; i++)
        pthread_join(t[i], NULL);
    long count = atomic_load(&lates) < LATES ? atomic_load(&lates) : LATES;
    qsort(late, (size_t)count, sizeof *late, by_late);
    double p99 = (double)late[count * 99 / 100];
    free(late);
    return p99;
}

int main(int argc, char **argv)
{
    static const struct peer peers[] = {
        { "switch", "ucontext", "ns", switch_round },
        { "yield", "pthreads", "ns", yield_round },
        { "spawn", "pthreads", "ns", spawn_round },
        { "channel", "pthreads", "ns", channel_round },
        { "channel-2", "pthreads", "ns", channel_2_round },
        { "region", "pthreads", "ns", region_round },
        { "parked-bytes", "pthreads", "bytes", parked_round },
        { "blocking-p99", "pthreads", "ms", blocking_round },
    };
    return peer_main(argc, argv, peers, sizeof peers / sizeof *peers);
}
