/* operation.c - an operation that may be cancelled while it completes; whoever comes
 * first decides, and whoever comes last frees it.
 *
 * bug 1  assert: cancel and completion both win
 * bug 2  heap|race: cancel frees what completion uses
 *        @finish @free
 * bug 3  heap|race: both think that they are the last  @free @last
 * bug 4  lost-wakeup: a cancel that came too early is forgotten  @wait */
#include "bug.h"

enum { RUNNING, COMPLETED, CANCELLED };
struct operation {
    atomic_int state, users;
    int result;
};
static struct operation *operation;
static atomic_int completed, cancelled;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
static bool started, stop;

static void leave(struct operation *op)
{
    if (BUG == 3) {
        bool last = atomic_load(&op->users) == 1; /* @last */
        atomic_fetch_sub(&op->users, 1);
        if (last || atomic_load(&op->users) == 0) /* @last */
            free(op);                             /* @free */
    } else if (atomic_fetch_sub(&op->users, 1) == 1) {
        free(op); /* @free */
    }
}

static bool decide(struct operation *op, int as)
{
    int seen = RUNNING;
    if (BUG != 1)
        return atomic_compare_exchange_strong(&op->state, &seen, as);
    if (atomic_load(&op->state) != RUNNING)
        return false;
    atomic_store(&op->state, as);
    return true;
}

static void *complete(void *arg)
{
    if (decide(operation, COMPLETED)) {
        completed++;
        operation->result = 1; /* @finish */
    }
    if (BUG != 2)
        leave(operation);
    return arg;
}

static void *cancel(void *arg)
{
    if (decide(operation, CANCELLED))
        cancelled++;
    if (BUG == 2)
        free(operation); /* @free */
    else
        leave(operation);
    return arg;
}

static void *run_until_stopped(void *arg)
{
    pthread_mutex_lock(&lock);
    started = true;
    while (!stop)
        pthread_cond_wait(&over, &lock); /* @wait */
    pthread_mutex_unlock(&lock);
    return arg;
}

static void *stopper(void *arg)
{
    pthread_mutex_lock(&lock);
    if (started || BUG != 4)
        stop = true;
    pthread_cond_signal(&over);
    pthread_mutex_unlock(&lock);
    return arg;
}

int main(void)
{
    operation = calloc(1, sizeof *operation);
    operation->users = 2;
    if (BUG == 4)
        free(operation);
    else
        TOGETHER(complete, cancel);
    assert(completed + cancelled <= 1);
    if (BUG == 4 || BUG == 0)
        TOGETHER(run_until_stopped, stopper);
}
