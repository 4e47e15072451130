/* farcut.c - one that waits for a mutex in another process is cut off while the mutex comes
 * to it: it has it or it has not, and the next gets it. */
#include "far.h"

static tutti_scope cut;
static tutti_mutex *mutex;
static atomic_int opened;
static int inside;

static void turn(void)
{
    assert(inside++ == 0);
    inside--;
    tutti_mutex_unlock(mutex);
}

static void *is_cut(void *arg)
{
    lane_enter(WORKER);
    int rc = tutti_mutex_lock_cut(mutex);
    assert(rc == 0 || rc == -ECANCELED);
    if (rc == 0)
        turn();
    return arg;
}

/* The scope is the waiter's own, so the one that cuts has to know it. */
static void *cut_waiter(void *arg)
{
    tutti_scope_open(&cut, cell_nowhere(), TUTTI_NEVER, 0);
    atomic_store(&opened, 1);
    is_cut(arg);
    int rc = tutti_scope_close(&cut);
    assert(rc == 0 || rc == -ECANCELED);
    return arg;
}

static void *waiter(void *arg)
{
    lane_enter((long)arg % LANES);
    tutti_mutex_lock(mutex);
    turn();
    return arg;
}

int main(void)
{
    tutti_scope s;
    pthread_t t[2];
    home_open(&s);
    mutex = &arena.user[0].mutex;
    assert(tutti_mutex_share(&s, mutex) == 0);
    tutti_mutex_lock(mutex);
    assert(pthread_create(&t[0], NULL, cut_waiter, NULL) == 0);
    assert(pthread_create(&t[1], NULL, waiter, (void *)1) == 0);
    while (!atomic_load(&opened))
        sched_yield();
    tutti_scope_cancel(&cut);
    tutti_mutex_unlock(mutex);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    home_close(&s);
    return 0;
}
