/* farcutsem.c - one waits for a unit in each process, and the one beside who gives it is
 * cut off meanwhile: if it has not got the unit the other has. */
#include "farcut.h"

static tutti_sem *sem;

static int await(void)
{
    int rc = tutti_sem_down(sem);
    if (rc == 0)
        tutti_sem_up(sem); /* the next */
    return rc;
}

static void *is_cut(void *arg)
{
    cut_wait(await);
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
    cell_body *const body[] = { is_cut, waits, gives };
    home_open(&s);
    sem = &arena.user[0].sem;
    assert(tutti_sem_share(&s, sem, 0) == 0);
    cut_run(body);
    home_close(&s);
    return 0;
}
