/* napping.c - the monitor finds that nothing runs and naps, while a worker wakes up and is
 * stuck at once: somebody looks at that one, without any time having to pass.  No worker
 * runs here, only what the monitor would see of one, so that a schedule has few steps. */
#include "cell.h"
#include "sched/monitor.h"
#include <semaphore.h>

static struct worker worker;
static _Atomic(struct worker *) places[1];
static struct pool pool;
static sem_t looked;

/* The linker brings the monitor here for its verdict. */
int __wrap_worker_judge(struct worker *w, int64_t now, bool cares);
int __wrap_worker_judge(struct worker *w, int64_t now, bool cares)
{
    (void)now, (void)cares;
    bool rests = load_relaxed(&w->sleeping) != AWAKE; /* a hint, as there */
    if (!rests)
        sem_post(&looked);
    return w->watch.verdict = rests ? RESTS : MOVES;
}

static void *wakes(void *arg)
{
    store_relaxed(&worker.sleeping, AWAKE); /* as worker_sleep ends */
    monitor_heed();
    sem_wait(&looked);
    return arg;
}

int main(void)
{
    sem_init(&looked, 0, 0);
    pool.count = pool.room = pool.want = 1;
    pool.worker = places;
    worker.pool = &pool;
    worker.sleeping = ASLEEP_FUTEX;
    places[0] = &worker;
    atomic_init(&pool.seats, 1);
    list_init(&pool.parked);
    __real_monitor_enter(&pool);
    CELL_RUN(wakes);
    monitor_leave(&pool);
    return 0;
}
