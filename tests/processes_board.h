/* tests/processes_board.h - what tests of locks, signals, channels and tables between worker
 * processes share: a board that all tasks of a test see, and what tasks do with it. */
#ifndef TESTS_PROCESSES_BOARD_H
#define TESTS_PROCESSES_BOARD_H
#include "processes.h"
#include <tutti/shared.h>

/* What all of a test's tasks see. */
struct board {
    tutti_mutex lock;
    tutti_sem sem, done;
    tutti_event go, up;
    tutti_counter count;
    long plain, seen;
    _Atomic int inside, worst, pids[64];
    _Atomic int at;
    char rest[4096];
};

struct job {
    struct board *b;
    int what, n;
};

__attribute__((unused)) static struct board *
board_open(tutti_executor **ex, tutti_scope *s, const char *url, unsigned flags)
{
    tutti_ref r;
    *ex = processes_open_bounded(url);
    tutti_scope_open(s, *ex, TUTTI_NEVER, flags);
    struct board *b = tutti_share(s, 1, sizeof *b, TUTTI_WRITE, &r);
    CHECK(b != NULL);
    CHECK_INT(tutti_mutex_share(s, &b->lock), 0);
    CHECK_INT(tutti_sem_share(s, &b->sem, 2), 0);
    CHECK_INT(tutti_sem_share(s, &b->done, 0), 0);
    CHECK_INT(tutti_event_share(s, &b->go), 0);
    CHECK_INT(tutti_event_share(s, &b->up), 0);
    return b;
}

static int board_close(tutti_executor *ex, tutti_scope *s)
{
    int rc = tutti_scope_close(s);
    CHECK_INT(tutti_executor_close(ex), 0);
    return rc;
}

__attribute__((unused)) static void nap(int ms)
{
    tutti_sleep_until(tutti_after(ms * TUTTI_MS));
}

enum { ADD, LOCK_AND_DIE, LOCK_AND_RETURN, LOCK_BRIEFLY, HOLD, DOWN_UP, DOWN_AND_DIE,
       DOWN, UP, WAIT_GO, SET_UP, COUNT };

static int add(struct board *b, int n)
{
    for (int i = 0; i < n; i++) {
        int rc = tutti_mutex_lock(&b->lock);
        if (rc < 0)
            return rc;
        b->plain++;
        tutti_mutex_unlock(&b->lock);
    }
    return 0;
}

static int down_up(struct board *b, int n)
{
    for (int i = 0; i < n; i++) {
        int rc = tutti_sem_down(&b->sem);
        if (rc < 0)
            return rc;
        int now = ++b->inside;
        if (now > b->worst)
            b->worst = now;
        b->inside--;
        tutti_sem_up(&b->sem);
    }
    return 0;
}

TUTTI_TASK(act, "sync.act", struct job, int);
static int act(const struct job *in, int *out)
{
    struct board *b = in->b;
    int rc = 0;
    *out = getpid();
    switch (in->what) {
    case ADD: return add(b, in->n);
    case LOCK_AND_DIE:
        rc = tutti_mutex_lock(&b->lock);
        tutti_event_set(&b->up);
        return rc < 0 ? rc : raise(SIGKILL);
    case LOCK_AND_RETURN: return tutti_mutex_lock(&b->lock);
    case LOCK_BRIEFLY:
        rc = tutti_mutex_lock_cut(&b->lock);
        if (rc == 0 || rc == -TUTTI_EOWNERDEAD)
            tutti_mutex_unlock(&b->lock);
        return rc;
    case HOLD:
        rc = tutti_mutex_lock(&b->lock);
        tutti_event_set(&b->up);
        tutti_event_wait(&b->go);
        tutti_mutex_unlock(&b->lock);
        return rc;
    case DOWN_UP: return down_up(b, in->n);
    case DOWN_AND_DIE:
        rc = tutti_sem_down(&b->sem);
        return rc < 0 ? rc : raise(SIGKILL);
    case DOWN: return tutti_sem_down(&b->sem);
    case UP: tutti_sem_up(&b->done); return 0;
    case WAIT_GO:
        tutti_sem_up(&b->done);
        return tutti_event_wait(&b->go);
    case SET_UP: tutti_event_set(&b->up); return 0;
    case COUNT:
        for (int i = 0; i < in->n; i++)
            tutti_counter_add(&b->count, 1);
        return 0;
    }
    return -EINVAL;
}

__attribute__((unused)) static tutti_future
start(tutti_scope *s, struct board *b, int what, int n)
{
    tutti_future f;
    struct job j = { b, what, n };
    CHECK_INT(act_submit(s, &j, &f), 0);
    return f;
}

static int end(tutti_future f)
{
    int rc = tutti_future_await(f, NULL);
    tutti_future_release(f);
    return rc;
}
#endif
