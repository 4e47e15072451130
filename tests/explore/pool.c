/* pool.c - a pool of two workers over a list of jobs, and its end.
 *
 * bug 1  lost-wakeup: the end is announced without the lock  @sleep
 * bug 2  lost-wakeup: the end wakes one worker  @sleep
 * bug 3  assert: a worker leaves at the end although jobs are left
 * bug 4  race: the number of jobs is read without the lock  @peek @take
 * bug 5  assert: idle is counted before the last job is over */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static int jobs;
static atomic_bool ending;
static atomic_int done, busy = 2;

static bool job_take(void)
{
    bool got = false;
    if (BUG == 4 && jobs == 0 && ending) /* @peek */
        return false;
    pthread_mutex_lock(&lock);
    while (jobs == 0 && !ending)
        pthread_cond_wait(&more, &lock); /* @sleep */
    if (jobs > 0 && !(BUG == 3 && ending)) {
        jobs--; /* @take */
        got = true;
    }
    pthread_mutex_unlock(&lock);
    return got;
}

static void *worker(void *arg)
{
    bool got;
    do {
        got = job_take();
        if (BUG == 5 && !got)
            atomic_fetch_sub(&busy, 1);
        if (got) {
            if (BUG == 5)
                atomic_fetch_sub(&busy, 1);
            sched_yield();
            atomic_fetch_add(&done, 1);
            if (BUG == 5)
                atomic_fetch_add(&busy, 1);
        }
    } while (got);
    return arg;
}

static void *boss(void *arg)
{
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&lock);
        jobs++; /* @take */
        pthread_cond_signal(&more);
        pthread_mutex_unlock(&lock);
    }
    if (BUG != 1)
        pthread_mutex_lock(&lock);
    ending = true;
    if (BUG == 2)
        pthread_cond_signal(&more);
    else
        pthread_cond_broadcast(&more);
    if (BUG != 1)
        pthread_mutex_unlock(&lock);
    if (BUG == 5) {
        while (atomic_load(&busy))
            sched_yield();
        assert(done == 2);
    }
    return arg;
}

int main(void)
{
    TOGETHER(worker, worker, boss);
    assert(done == 2);
}
