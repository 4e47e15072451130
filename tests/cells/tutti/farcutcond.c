/* farcutcond.c - one waits for a condition in each process, and the one beside who signals
 * it, once, is cut off meanwhile: if the signal was not its it is the other's. */
#include "farcut.h"

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
    cut_wait(await);
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
    cell_body *const body[] = { is_cut, waits, signals };
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    assert(tutti_cond_share(&s, &arena.user[1].cond) == 0);
    cut_run(body);
    home_close(&s);
    return 0;
}
