/* farghost.c - a worker dies while it waits for a mutex, and another worker waits, too: who
 * holds it at home passes it to the one that lives. */
#define CELL_LANES 3
#include "far.h"

enum { OTHER = WORKER + 1 };

void __wrap_far_step_last(void);
void __wrap_far_step_last(void)
{
}

/* As far as a wait goes before it parks; then it is no more, and nobody of its process hears
 * a ring. */
static void *worker(void *arg)
{
    static struct wait_node node;
    struct context *c = context_self();
    lane_enter(WORKER);
    struct far *f = far_find(&arena.user[0].mutex, FAR_MUTEX);
    assert(f);
    far_lock(f);
    wait_node_init(&node, c, 1, 0);
    far_enlist(f, 0, &node);
    return arg; /* with its own latch: it is killed */
}

static void *holder(void *arg)
{
    pthread_t t;
    lane_enter(HOME);
    int rc = tutti_mutex_lock_cut(&arena.user[0].mutex);
    assert(rc == 0);
    assert(pthread_create(&t, NULL, worker, NULL) == 0);
    pthread_join(t, NULL);
    far_lane_died(lanes[HOME], WORKER, false);
    tutti_mutex_unlock(&arena.user[0].mutex);
    return arg;
}

static void *other(void *arg)
{
    lane_enter(OTHER);
    assert(tutti_mutex_lock_cut(&arena.user[0].mutex) == 0);
    tutti_mutex_unlock(&arena.user[0].mutex);
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_mutex_share(&s, &arena.user[0].mutex) == 0);
    CELL_RUN(holder, other);
    assert(tutti_scope_close(&s) == 0);
    far_space_close(lanes[OTHER]);
    far_space_close(lanes[HOME]);
    return 0;
}
