/* exec/processes/births.c - home's side of the zygote: started when the first worker has to be
 * replaced, since programs whose workers live need none; asked without waiting for it, since
 * this goes on under the latch.  Wherever it cannot help, workers are executed as before.
 * Tests: tests/processes_storm_test.c, tests/processes_fault_test.c. */
#include "exec/processes/between.h"
#include "exec/processes/procs.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOST_MOST = 3 };

void births_begin(struct procs *p)
{
    struct births *z = &p->births;
    int ends[2];
    if (z->state != ZYGOTE_NONE || z->lost >= LOST_MOST || fault_now()
        || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    for (int k = 0; k < 2; k++)
        ends[k] = descriptor_high(ends[k]);
    pid_t pid = 0;
    store_relaxed(&head_hatch(p->arena.head)->pid, 0); /* nobody else has it now */
    z->last = 0;
    z->ask = ends[0];
    if (ends[0] < 0 || ends[1] < 0 || poll_add(p, ends[0], POLL_ZYGOTE, 0) < 0
        || zygote_spawn(p, ends[1], &pid) < 0) {
        if (ends[0] >= 0)
            close(ends[0]);
        z->ask = -1;
        z->lost++;
    } else {
        z->pid = pid;
        z->state = ZYGOTE_STARTING;
    }
    if (ends[1] >= 0)
        close(ends[1]);
}

int births_ask(struct procs *p, unsigned i, const int theirs[2])
{
    union {
        struct cmsghdr head; /* for its alignment */
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = { .room = { 0 } };
    struct birth order = { i, 0 };
    struct iovec bytes = { &order, sizeof order };
    struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1 };
    if (theirs[0] >= 0) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(c), theirs, 2 * sizeof(int));
    }
    latch_lock(&p->lives); /* once it lives, it is coming */
    bool sent = !fault_now() && sendmsg(p->births.ask, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
    p->lane[i].coming |= sent;
    latch_unlock(&p->lives);
    return sent ? 0 : -EAGAIN; /* births_hear will learn the reason */
}

void births_kill(struct procs *p)
{
    if (p->births.ask >= 0)
        kill(p->births.pid, SIGKILL); /* not waited for yet, so it is nobody else's pid */
}

void births_end(struct procs *p)
{
    struct births *z = &p->births;
    if (z->ask < 0)
        return;
    close(z->ask);
    z->ask = -1;
    kill(z->pid, SIGKILL);
    waitpid(z->pid, NULL, 0);
    z->state = ZYGOTE_NONE;
}

/* Lane i will have none from there. */
static void birth_failed(struct procs *p, unsigned i)
{
    lane_is_now(p, i, 0);
    between_died(p, i, false); /* it may have served, unknown to us */
    if (!p->closing)
        lane_restart(p, i);
}

static void birth_take(struct procs *p, const struct birth *b)
{
    struct births *z = &p->births;
    if (b->lane == ZYGOTE_HELLO) {
        z->state = ZYGOTE_READY;
        if (b->pid < 0) {
            births_end(p);
            z->state = ZYGOTE_NEVER;
        }
    } else if (b->lane < procs_lanes(p) && p->lane[b->lane].coming) {
        z->last = b->pid;
        if (b->pid <= 0) {
            z->lost++;
            birth_failed(p, b->lane);
            return;
        }
        lane_is_now(p, b->lane, b->pid);
        if (lane_watch(p, b->lane) < 0)
            birth_failed(p, b->lane);
        else if (p->lane[b->lane].mad) /* before we knew whom to kill */
            kill(b->pid, SIGKILL);
    }
}

void births_hear(struct procs *p)
{
    struct birth b;
    ssize_t n = -1;
    while (p->births.ask >= 0
           && (n = recv(p->births.ask, &b, sizeof b, MSG_DONTWAIT)) == (ssize_t)sizeof b)
        birth_take(p, &b);
    if (p->births.ask < 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    births_end(p); /* somebody has killed it, perhaps just when it had forked */
    const struct hatch *h = head_hatch(p->arena.head);
    struct birth unheard = { load_relaxed(&((struct hatch *)(uintptr_t)h)->lane),
                             load_relaxed(&((struct hatch *)(uintptr_t)h)->pid) };
    if (unheard.pid > 0 && unheard.pid != p->births.last) /* births_end has waited for it */
        birth_take(p, &unheard);
    p->births.lost++;
    for (unsigned i = 0; i < procs_lanes(p); i++)
        if (p->lane[i].coming)
            birth_failed(p, i);
}
