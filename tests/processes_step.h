/* tests/processes_step.h - a worker that dies between any two stores to what processes share:
 * it counts its steps (far_step) and kills itself at the n-th. */
#ifndef TESTS_PROCESSES_STEP_H
#define TESTS_PROCESSES_STEP_H
#include "processes.h"
#include "exec/processes/procs.h"
#include "sync/far/far.h"
#include <tutti/shared.h>

struct board {
    tutti_mutex lock;
    tutti_sem sem, done;
    tutti_event go, up;
    tutti_counter began;
    tutti_chan *chan, *full, *empty; /* of three longs each */
    tutti_cond cond;
    tutti_barrier barrier; /* of two */
    tutti_table *map;
};

enum op { LOCK_UNLOCK, UNLOCK_WAITED, WAIT_LOCK, SEM_ONCE, UP_WAITED, SET_WAITED, CLEAR,
          SEND_RECV, SEND_WAITED, RECV_WAITED, SIGNAL, BROADCAST, MEET, MAP_ADD, MAP_DELETE };

struct order {
    struct board *b;
    int op;
    long n; /* at which step it dies; 0: it does not */
};

#define PATIENCE (20 * TUTTI_SEC)

static void arm(long n)
{
    store_relaxed(&far_steps, n);
}

/* So that those who are to wait do, most likely: either way is right. */
static void let_others_wait(void)
{
    tutti_sleep_until(tutti_after(2 * TUTTI_MS));
}

static int lock(struct board *b)
{
    int rc = tutti_mutex_lock_cut(&b->lock);
    return rc == -TUTTI_EOWNERDEAD ? 0 : rc;
}

static int down(tutti_sem *s)
{
    int rc = tutti_sem_down(s);
    return rc == -TUTTI_EOWNERDEAD ? 0 : rc;
}

/* Whoever of the others died is told once, and no end of ours. */
static int send(tutti_chan *c, long x)
{
    int rc = tutti_chan_send(c, &x);
    return rc == -TUTTI_EOWNERDEAD ? tutti_chan_send(c, &x) : rc;
}
static int recv(tutti_chan *c, long *x)
{
    int rc = tutti_chan_recv(c, x);
    rc = rc == -TUTTI_EOWNERDEAD ? tutti_chan_recv(c, x) : rc;
    return rc == 1 ? 0 : rc < 0 ? rc : -EPIPE;
}

static int step_chan(const struct order *in)
{
    long x = 0;
    int rc = 0;
    switch (in->op) {
    case SEND_RECV:
        arm(in->n);
        rc = send(in->b->chan, 77);
        return rc ? rc : recv(in->b->chan, &x);
    case SEND_WAITED:
        let_others_wait();
        arm(in->n);
        return send(in->b->empty, 77);
    case RECV_WAITED:
        let_others_wait();
        arm(in->n);
        return recv(in->b->full, &x);
    case SIGNAL:
    case BROADCAST:
        let_others_wait();
        arm(in->n);
        if (in->op == SIGNAL)
            tutti_cond_signal(&in->b->cond);
        else
            tutti_cond_broadcast(&in->b->cond);
        return 0;
    case MEET:
        let_others_wait();
        arm(in->n);
        rc = tutti_barrier_wait(&in->b->barrier);
        return rc < 0 ? rc : 0;
    case MAP_ADD:
        arm(in->n);
        return tutti_table_add(in->b->map, (tutti_bytes){ "key", 3 }, 1, NULL);
    case MAP_DELETE:
        arm(in->n);
        return tutti_table_delete(in->b->map, (tutti_bytes){ "key", 3 });
    }
    return 0;
}

TUTTI_TASK(step, "inside.step", struct order, long);
static int step(const struct order *in, long *left)
{
    struct board *b = in->b;
    int rc = 0;
    switch (in->op) {
    case LOCK_UNLOCK:
        arm(in->n);
        rc = lock(b);
        tutti_mutex_unlock(&b->lock);
        break;
    case UNLOCK_WAITED:
        rc = lock(b);
        tutti_counter_add(&b->began, 1);
        let_others_wait();
        arm(in->n);
        tutti_mutex_unlock(&b->lock);
        break;
    case WAIT_LOCK:
        arm(in->n);
        tutti_counter_add(&b->began, 1);
        rc = lock(b);
        if (rc == 0)
            tutti_mutex_unlock(&b->lock);
        break;
    case SEM_ONCE:
        arm(in->n);
        rc = down(&b->sem);
        tutti_sem_up(&b->sem);
        break;
    case UP_WAITED:
        let_others_wait();
        arm(in->n);
        tutti_sem_up(&b->done);
        break;
    case SET_WAITED:
        let_others_wait();
        arm(in->n);
        tutti_event_set(&b->go);
        break;
    case CLEAR:
        arm(in->n);
        tutti_event_clear(&b->up);
        break;
    }
    rc = rc ? rc : step_chan(in);
    *left = load_relaxed(&far_steps);
    arm(0);
    return rc;
}

struct home {
    tutti_executor *ex;
    tutti_scope s;
    struct board *b;
};

static void home_open(struct home *h, const char *url)
{
    tutti_ref r;
    h->ex = processes_open_bounded(url);
    tutti_scope_open(&h->s, h->ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    h->b = tutti_share(&h->s, 1, sizeof *h->b, TUTTI_WRITE, &r);
    CHECK_INT(tutti_mutex_share(&h->s, &h->b->lock), 0);
    CHECK_INT(tutti_sem_share(&h->s, &h->b->sem, 1), 0);
    CHECK_INT(tutti_sem_share(&h->s, &h->b->done, 0), 0);
    CHECK_INT(tutti_event_share(&h->s, &h->b->go), 0);
    CHECK_INT(tutti_event_share(&h->s, &h->b->up), 0);
    CHECK_INT(tutti_chan_share(&h->b->chan, &h->s, sizeof(long), 3), 0);
    CHECK_INT(tutti_chan_share(&h->b->full, &h->s, sizeof(long), 3), 0);
    CHECK_INT(tutti_chan_share(&h->b->empty, &h->s, sizeof(long), 3), 0);
    CHECK_INT(tutti_cond_share(&h->s, &h->b->cond), 0);
    CHECK_INT(tutti_barrier_share(&h->s, &h->b->barrier, 2), 0);
    CHECK_INT(tutti_table_share(&h->b->map, &h->s, 4, 8, 8), 0);
    for (long i = 0; i < 3; i++)
        CHECK_INT(tutti_chan_send(h->b->full, &i), 0);
}

static void home_close(struct home *h)
{
    tutti_scope_close(&h->s);
    CHECK_INT(tutti_executor_close(h->ex), 0);
}

static tutti_future start(tutti_scope *s, struct board *b, int op, long n)
{
    tutti_future f;
    struct order j = { b, op, n };
    CHECK_INT(step_submit(s, &j, &f), 0);
    return f;
}

/* Its code; *left: steps it had to spare, 0 if it died. */
static int end(tutti_future f, long *left)
{
    *left = 0;
    return tutti_future_take(f, left, sizeof *left);
}

/* A wait that comes to nothing is a hang. */
#define SOON(h, call)                                                         \
    do {                                                                      \
        tutti_scope soon;                                                     \
        tutti_scope_open(&soon, (h)->ex, tutti_after(PATIENCE), 0);           \
        int rc_ = (call);                                                     \
        if (rc_ != 0 && rc_ != -TUTTI_EOWNERDEAD)                             \
            check_fail(__FILE__, __LINE__, "%s: %d", #call, rc_);             \
        tutti_scope_close(&soon);                                             \
    } while (0)

/* After that death all is as before: nothing is held, nothing missing, nothing too
 * much. */
static void check_all_well(struct home *h)
{
    struct board *b = h->b;
    long left;
    SOON(h, tutti_mutex_lock_cut(&b->lock));
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_lock(&b->lock), 0);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(end(start(&h->s, b, LOCK_UNLOCK, 0), &left), 0);
    SOON(h, tutti_sem_down(&b->sem));
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    tutti_sem_up(&b->sem);
    CHECK_INT(end(start(&h->s, b, SEM_ONCE, 0), &left), 0);
}
#endif
