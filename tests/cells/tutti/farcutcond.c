/* farcutcond.c - one waits for a condition in each process, and the one beside who signals
 * it, once, is cut off meanwhile: if the signal was not its it is the other's. */
#include "far.h"
#include <semaphore.h>

static tutti_scope cut;
static sem_t opened, cancelled;
static bool ready;

static int await(void)
{
    tutti_mutex *m = &arena.user[0].mutex;
    tutti_cond *c = &arena.user[1].cond;
    int rc = 0;
    tutti_mutex_lock(m);
    while (!ready && rc == 0)
        rc = tutti_cond_wait(c, m);
    tutti_mutex_unlock(m);
    if (rc == 0)
        tutti_cond_signal(c); /* the next */
    return rc;
}

static void *is_cut(void *arg)
{
    lane_enter(WORKER);
    tutti_scope_open(&cut, cell_nowhere(), TUTTI_NEVER, 0);
    sem_post(&opened);
    int rc = await();
    assert(rc == 0 || rc == -ECANCELED);
    sem_wait(&cancelled);
    rc = tutti_scope_close(&cut);
    assert(rc == 0 || rc == -ECANCELED);
    return arg;
}

static void *waits(void *arg)
{
    lane_enter(HOME);
    assert(await() == 0);
    return arg;
}

static void *signals(void *arg)
{
    tutti_mutex *m = &arena.user[0].mutex;
    lane_enter(WORKER);
    tutti_mutex_lock(m);
    ready = true;
    tutti_mutex_unlock(m);
    tutti_cond_signal(&arena.user[1].cond);
    return arg;
}

int main(void)
{
    tutti_scope s;
    pthread_t t[3];
    cell_body *const body[] = { is_cut, waits, signals };
    sem_init(&opened, 0, 0);
    sem_init(&cancelled, 0, 0);
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    assert(tutti_cond_share(&s, &arena.user[1].cond) == 0);
    for (int i = 0; i < 3; i++)
        assert(pthread_create(&t[i], NULL, body[i], NULL) == 0);
    sem_wait(&opened);
    tutti_scope_cancel(&cut);
    sem_post(&cancelled);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    home_close(&s);
    return 0;
}
