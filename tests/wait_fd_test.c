/* tests/wait_fd_test.c - tutti_wait_fd: a descriptor by which another event loop learns that
 * one of several is ready. */
#include "base/memory.h"
#include "descriptors.h"
#include "wait_common.h"
#include <poll.h>

static tutti_chan *a, *b;
static tutti_event event;
static int fds[2];

/* --- for other event loops ----------------------------------------------------------- */

static int readable(int fd)
{
    struct pollfd p = { fd, POLLIN, 0 };
    return poll(&p, 1, 0);
}
static int all_done(tutti_case *k, size_t n) /* until none; how many were done */
{
    int done = 0, rc;
    while ((rc = tutti_wait(k, n)) != (int)n - 1) {
        CHECK(rc >= 0);
        done++;
        if (k[rc].kind == TUTTI_ON_EVENT)
            tutti_event_clear(&event);
        if (k[rc].kind == TUTTI_ON_TIME)
            k[rc].on.when = TUTTI_NEVER;
        if (k[rc].kind == TUTTI_ON_FD)
            get_byte(k[rc].on.fd);
        if (k[rc].kind == TUTTI_ON_DONE)
            k[rc].on.future = (tutti_future){ { 0, 0 } };
    }
    return done;
}
EVERYWHERE(a_descriptor_for_other_loops)
{
    int got;
    tutti_scope s;
    tutti_future promise;
    open_pipe(fds);
    tutti_scope_open(&s, w->ex, TUTTI_NEVER, 0);
    a = open_ints(&s, 3);
    b = open_ints(&s, 0);
    CHECK_INT(tutti_promise(&s, &promise), 0);
    tutti_case k[] = { tutti_on_recv(a, &got),       tutti_on_recv(b, &got),
                       tutti_on_event(&event),       tutti_on_fd(fds[0], POLLIN),
                       tutti_on_time(TUTTI_NEVER),   tutti_on_done(promise),
                       tutti_on_none() };
    int fd = tutti_wait_fd(&s, k, 6);
    CHECK(fd >= 0);
    for (int round = 0; round < 3; round++) {
        CHECK_INT(readable(fd), 0);
        send_now(a, 1);
        send_now(a, 2);
        CHECK_INT(readable(fd), 1);
        CHECK_INT(readable(fd), 1); /* until it is armed again */
        CHECK_INT(all_done(k, 7), 2);
        CHECK_INT(readable(fd), 0);
        tutti_event_set(&event);
        CHECK_INT(readable(fd), 1);
        CHECK_INT(all_done(k, 7), 1);
        CHECK_INT(readable(fd), 0);
        put_byte(fds[1]);
        CHECK_INT(readable(fd), 1);
        CHECK_INT(all_done(k, 7), 1);
        CHECK_INT(readable(fd), 0);
        k[4] = tutti_on_time(1);
        CHECK_INT(all_done(k, 7), 1);
        CHECK_INT(readable(fd), 0);
        k[4] = tutti_on_time(tutti_after(2 * TUTTI_MS));
        int rc = tutti_wait(k, 7); /* armed with the new time, unless that has come */
        if (rc == 6) {
            struct pollfd p = { fd, POLLIN, 0 };
            CHECK_INT(poll(&p, 1, 20000), 1);
            rc = tutti_wait(k, 7);
        }
        CHECK_INT(rc, 4);
        k[4] = tutti_on_done((tutti_future){ { 0, 0 } }); /* done with, as its page says */
        CHECK_INT(tutti_wait(k, 7), 6);
        CHECK_INT(readable(fd), 0);
    }
    CHECK_INT(tutti_future_fulfil(promise, 0, (tutti_bytes){ NULL, 0 }), 0);
    CHECK_INT(readable(fd), 1);
    CHECK_INT(all_done(k, 7), 1);
    CHECK_INT(readable(fd), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(fcntl(fd, F_GETFD), -1); /* it was the scope's */
    return 0;
}

static int send_blocking(struct crew *w, void *unused)
{
    int item = 6;
    (void)w;
    (void)unused;
    return tutti_chan_send(b, &item);
}
EVERYWHERE(observers_take_nothing)
{
    int got = 0;
    tutti_scope s;
    tutti_scope_open(&s, w->ex, TUTTI_NEVER, 0);
    b = open_ints(&s, 0);
    tutti_case k[] = { tutti_on_recv(b, &got), tutti_on_none() };
    int fd = tutti_wait_fd(&s, k, 1);
    CHECK(fd >= 0);
    struct hand *h = crew_go(w, send_blocking, NULL);
    crew_until_waits(h); /* it told the observer, and still waits */
    CHECK_INT(readable(fd), 1);
    CHECK_INT(got, 0);
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_INT(got, 6);
    CHECK_INT(crew_join(h), 0);
    CHECK_INT(tutti_wait(k, 2), 1);
    CHECK_INT(readable(fd), 0);
    CHECK_INT(tutti_chan_close(b), 0);
    CHECK_INT(readable(fd), 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    return 0;
}

static _Atomic bool told;
static void *foreign_loop(void *p)
{
    struct { int fd; tutti_case *k; int *got; long sum; } *loop = p;
    while (loop->sum < 500500) {
        struct pollfd poll_it = { loop->fd, POLLIN, 0 };
        CHECK_INT(poll(&poll_it, 1, 30000), 1); /* 0: a wake was lost */
        while (tutti_wait(loop->k, 2) == 0)
            loop->sum += *loop->got;
    }
    store_release(&told, true); /* pairs with the load below */
    return NULL;
}
EVERYWHERE(a_foreign_loop_misses_nothing)
{
    static int got;
    tutti_scope s;
    pthread_t thread;
    tutti_scope_open(&s, w->ex, TUTTI_NEVER, 0);
    a = open_ints(&s, 4);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_none() };
    struct { int fd; tutti_case *k; int *got; long sum; } loop = { 0, k, &got, 0 };
    loop.fd = tutti_wait_fd(&s, k, 1);
    CHECK(loop.fd >= 0);
    CHECK_INT(pthread_create(&thread, NULL, foreign_loop, &loop), 0);
    for (int i = 1; i <= 1000; i++)
        CHECK_INT(tutti_chan_send(a, &i), 0);
    while (!load_acquire(&told))
        crew_yield();
    pthread_join(thread, NULL);
    CHECK_INT(loop.sum, 500500);
    CHECK_INT(tutti_scope_close(&s), 0);
    return 0;
}

/* Two threads that take turns with it: each arms it for the other. */
static _Atomic int told_turns;
struct turns {
    pthread_mutex_t mutex;
    int fd;
    tutti_case *k;
    int *got;
    long sum;
};
static void *loop_by_turns(void *arg)
{
    struct turns *t = arg;
    bool more = true;
    while (more) {
        struct pollfd poll_it = { t->fd, POLLIN, 0 };
        CHECK(poll(&poll_it, 1, 10) >= 0); /* the other may have been quicker */
        pthread_mutex_lock(&t->mutex);
        while (t->sum < 125250 && tutti_wait(t->k, 2) == 0)
            t->sum += *t->got;
        more = t->sum < 125250;
        pthread_mutex_unlock(&t->mutex);
    }
    add_release(&told_turns, 1); /* pairs with the load below */
    return NULL;
}
EVERYWHERE(two_threads_arm_a_descriptor_in_turns)
{
    static int got;
    tutti_scope s;
    pthread_t thread[2];
    store_relaxed(&told_turns, 0);
    tutti_scope_open(&s, w->ex, TUTTI_NEVER, 0);
    a = open_ints(&s, 4);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_none() };
    struct turns t = { PTHREAD_MUTEX_INITIALIZER, 0, k, &got, 0 };
    t.fd = tutti_wait_fd(&s, k, 1);
    CHECK(t.fd >= 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, loop_by_turns, &t), 0);
    for (int i = 1; i <= 500; i++)
        CHECK_INT(tutti_chan_send(a, &i), 0);
    while (load_acquire(&told_turns) < 2)
        crew_yield();
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    CHECK_INT(t.sum, 125250);
    CHECK_INT(tutti_wait(k, 2), 1);
    CHECK_INT(readable(t.fd), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    return 0;
}

TEST(a_descriptor_that_cannot_be_had_leaves_nothing)
{
    tutti_executor *ex;
    tutti_scope s, closed;
    int got;
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    a = open_ints(&s, 1);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_empty(&s) };
    CHECK_INT(tutti_wait_fd(&s, k, 2), -EINVAL);
    CHECK_INT(tutti_wait_fd(&s, k, 0), -EINVAL);
    CHECK_INT(tutti_wait_fd(NULL, k, 1), -EINVAL);
    CHECK_INT(tutti_wait_fd(&s, NULL, 1), -EINVAL);
    tutti_case closed_fd = tutti_on_fd(descriptors() + 99, POLLIN);
    CHECK_INT(tutti_wait_fd(&s, &closed_fd, 1), -EBADF);
    CHECK_INT(tutti_wait(&closed_fd, 1), 0);
    CHECK_INT(closed_fd.code, POLLNVAL);
    int before = descriptors(), rc, n = 0;
    do {
        CHECK_INT(descriptors(), before);
        fault_arm(++n, false);
        rc = tutti_wait_fd(&s, k, 1);
        CHECK(rc >= 0 || rc == -ENOMEM || rc == -EMFILE);
    } while (rc < 0);
    fault_arm(0, false);
    CHECK_INT(n, 5);
    tutti_scope_close(&s);
    CHECK_INT(descriptors(), before);
    tutti_scope_open(&closed, ex, TUTTI_NEVER, 0);
    tutti_scope_close(&closed);
    k[0] = tutti_on_time(1);
    CHECK_INT(tutti_wait_fd(&closed, k, 1), -EINVAL);
    CHECK_INT(descriptors(), before);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
