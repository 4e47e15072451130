/* exec/processes/cancel.c - what is over comes to its end: what has not begun is taken back,
 * what runs is asked, then interrupted, then killed when its time of grace has passed.  All
 * under procs.latch, by the keeper.  Tests: tests/processes_cancel_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "core/record.h"
#include "exec/processes/procs.h"
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ASKED = 1, INTERRUPTED, KILLED };

/* 0, or why j is over; *deadline: when it will be. */
static int job_over(struct job *j, int64_t *deadline)
{
    int rc = scope_over_start(j->task->scope, deadline);
    if (rc == 0 && j->task->record && record_is_cancelled(j->task->record))
        rc = -ECANCELED;
    return rc;
}

static void lane_ask(struct procs *p, unsigned i, uint64_t number, bool interrupt)
{
    struct lane_shared *s = head_lane(p->arena.head, i);
    /* relaxed: `ask` orders it; see listen_asked */
    store_relaxed(&s->request[number % RING].asked,
                  interrupt ? REQUEST_INTERRUPTED : REQUEST_ASKED);
    add_release(&s->ask, 1); /* pairs with listen_main */
    futex_wake_shared(&s->ask);
}

static void lane_kill(struct lane *l)
{
    if (l->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
}

/* One that has begun, or may have. */
static void job_ask(struct procs *p, unsigned i, uint64_t number, struct job *j, int rc)
{
    int64_t now = clock_now(), half = (int64_t)(p->url->grace / 2);
    if (!j->asked)
        j->ask_code = rc;
    else if (now < j->ask_next) {
        keeper_wake_by(p, j->ask_next);
        return;
    }
    if (j->asked < KILLED)
        j->asked++;
    if (j->asked == KILLED) {
        lane_kill(&p->lane[i]);
        p->lane[i].killed = true;
    } else {
        lane_ask(p, i, number, j->asked == INTERRUPTED);
    }
    j->ask_next = now + half;
    keeper_wake_by(p, j->ask_next);
}

/* True: it was taken back, and has ended. */
static bool job_take_back(struct procs *p, unsigned i, uint64_t number, int rc)
{
    struct lane *l = &p->lane[i];
    struct job *j = l->job[number % RING];
    /* seq_cst, both: as in lane_revoke */
    store_seqcst(&head_lane(p->arena.head, i)->request[number % RING].tag,
                 number << REQUEST_BITS | REQUEST_REVOKED);
    if (load_seqcst(&head_own(p->arena.head, i)->answer[number % RING].tag) >> ANSWER_BITS
        == number)
        return false;
    l->job[number % RING] = NULL;
    l->queued--;
    job_end(p, j, TUTTI_CUT, rc, 0, NULL);
    return true;
}

static void look_at_lane(struct procs *p, unsigned i)
{
    struct lane *l = &p->lane[i];
    for (uint64_t at = l->tail; at != l->head; at++) {
        uint64_t number = l->number[at % RING];
        struct job *j = l->job[number % RING];
        int64_t deadline;
        int rc = j ? job_over(j, &deadline) : 0;
        if (j && rc == 0)
            keeper_wake_by(p, deadline);
        else if (j && !job_take_back(p, i, number, rc))
            job_ask(p, i, number, j, rc);
    }
}

static void look_at_queue(struct procs *p)
{
    struct job *j = p->queue;
    p->queue = NULL;
    p->queue_end = &p->queue;
    while (j) {
        struct job *next = j->next;
        int64_t deadline;
        int rc = job_over(j, &deadline);
        if (rc < 0) {
            job_end(p, j, TUTTI_CUT, rc, 0, NULL);
        } else {
            keeper_wake_by(p, deadline);
            queue_push(p, j);
        }
        j = next;
    }
}

void procs_look(struct procs *p)
{
    p->timer = CLOCK_NEVER;
    procs_collect(p);
    look_at_queue(p);
    for (unsigned i = 0; i < procs_lanes(p); i++)
        look_at_lane(p, i);
    queue_feed(p);
}
