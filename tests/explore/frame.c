/* frame.c - a function hands a request in its own frame to another thread, and waits
 * until that has been answered.
 *
 * bug 1  dead-stack: it does not wait at all  @answer @left
 * bug 2  dead-stack: it waits for some time and then gives up  @answer @left
 * bug 3  dead-stack: it sees the answer before the other has signalled  @signal
 * bug 4  dead-stack: the flag that is set last lies in the frame  @flag @left
 * bug 5  dead-stack: it gives its caller the address of its variable  @caller
 * bug 6  dead-stack: the frame that ended is used by a frame further in  @answer @left */
#include "bug.h"
#include <semaphore.h>
#include <time.h>

struct request {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int value, answered;
    atomic_int flag;
};

static struct request *_Atomic posted;
static sem_t waiting, answered;

static void answer(struct request *r)
{
    pthread_mutex_lock(&r->lock); /* @answer */
    r->value = 42;                /* @answer */
    r->answered = 1;              /* @answer */
    if (BUG != 3)
        pthread_cond_signal(&r->done);
    pthread_mutex_unlock(&r->lock);
    if (BUG == 3)
        pthread_cond_signal(&r->done); /* @signal */
    if (BUG != 3)
        atomic_store(&r->flag, 1); /* @flag */
}

static void *server(void *arg)
{
    sem_wait(&waiting);
    answer(posted);
    sem_post(&answered);
    return arg;
}

static int wait_for(struct request *r)
{
    struct timespec at = { 0, 1000 };
    int late = 0;
    pthread_mutex_lock(&r->lock);
    while (BUG != 1 && !r->answered && !late)
        late = BUG == 2 ? pthread_cond_timedwait(&r->done, &r->lock, &at)
                        : pthread_cond_wait(&r->done, &r->lock);
    int value = r->value;
    pthread_mutex_unlock(&r->lock);
    if (BUG != 3 && BUG != 4)
        while (BUG != 1 && BUG != 2 && BUG != 6 && !atomic_load(&r->flag))
            sched_yield();
    return value;
}

static __attribute__((noinline)) int ask(void)
{
    struct request r = { .lock = PTHREAD_MUTEX_INITIALIZER,
                         .done = PTHREAD_COND_INITIALIZER };
    posted = &r;
    sem_post(&waiting);
    return BUG == 6 ? 42 : wait_for(&r);
} /* @left */

static __attribute__((noinline)) int *address(void)
{
    int variable[4] = { 1, 2, 3, 4 }, *volatile to = variable;
    look_at(variable[2]);
    return to + 1;
}

static __attribute__((noinline)) int deeper(int n)
{
    volatile int room[16] = { n };
    sched_yield();
    return n ? deeper(n - 1) + room[0] : 0;
}

int main(void)
{
    pthread_t thread;
    sem_init(&waiting, 0, 0);
    sem_init(&answered, 0, 0);
    pthread_create(&thread, NULL, server, NULL);
    int value = ask();
    if (BUG == 6)
        deeper(3);
    if (BUG == 5)
        look_at(*address()); /* @caller */
    sem_wait(&answered);
    pthread_join(thread, NULL);
    assert(value == 42 || BUG);
}
