/* farcut.h - for cells in which one that waits, beside who gives what it waits for, is cut
 * off meanwhile, and another waits in the other process. */
#ifndef FARCUT_H
#define FARCUT_H
#include "far.h"
#include <semaphore.h>

static tutti_scope cut;
static sem_t opened, cancelled;

/* Wait under the scope that is cut.  By one thread. */
static void cut_wait(int (*await)(void))
{
    lane_enter(WORKER);
    tutti_scope_open(&cut, cell_nowhere(), TUTTI_NEVER, 0);
    sem_post(&opened);
    int rc = await();
    assert(rc == 0 || rc == -ECANCELED);
    sem_wait(&cancelled);
    rc = tutti_scope_close(&cut);
    assert(rc == 0 || rc == -ECANCELED);
}

/* Run the three, of which one does that, and cut it off. */
static void cut_run(cell_body *const body[3])
{
    pthread_t t[3];
    sem_init(&opened, 0, 0);
    sem_init(&cancelled, 0, 0);
    for (int i = 0; i < 3; i++)
        assert(pthread_create(&t[i], NULL, body[i], NULL) == 0);
    sem_wait(&opened);
    tutti_scope_cancel(&cut);
    sem_post(&cancelled);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
}
#endif
