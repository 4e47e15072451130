/* farcutsem.c - one waits for a unit in each process, and the one beside who gives it is
 * cut off meanwhile: if it has not got the unit the other has. */
#include "far.h"
#include <semaphore.h>

static tutti_scope cut;
static tutti_sem *sem;
static sem_t opened, cancelled;

static void *is_cut(void *arg)
{
    lane_enter(WORKER);
    tutti_scope_open(&cut, cell_nowhere(), TUTTI_NEVER, 0);
    sem_post(&opened);
    int rc = tutti_sem_down(sem);
    assert(rc == 0 || rc == -ECANCELED);
    if (rc == 0)
        tutti_sem_up(sem);
    sem_wait(&cancelled);
    rc = tutti_scope_close(&cut);
    assert(rc == 0 || rc == -ECANCELED);
    return arg;
}

static void *waits(void *arg)
{
    lane_enter(HOME);
    assert(tutti_sem_down(sem) == 0);
    return arg;
}

static void *gives(void *arg)
{
    lane_enter(WORKER);
    tutti_sem_up(sem);
    return arg;
}

int main(void)
{
    tutti_scope s;
    pthread_t t[3];
    cell_body *const body[] = { is_cut, waits, gives };
    sem_init(&opened, 0, 0);
    sem_init(&cancelled, 0, 0);
    home_open(&s);
    sem = &arena.user[0].sem;
    assert(tutti_sem_share(&s, sem, 0) == 0);
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
