/* Waiting for any of several, and for descriptors, from plain threads and from tasks on
 * every executor. */
#include "base/memory.h"
#include "crew.h"
#include "io/poll.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static tutti_chan *a, *b, *c;
static tutti_event event;

static tutti_chan *open_ints(tutti_scope *s, size_t capacity)
{
    tutti_chan *ch;
    CHECK_INT(tutti_chan_open(&ch, s, sizeof(int), capacity, NULL), 0);
    return ch;
}
static void send_now(tutti_chan *ch, int item)
{
    tutti_case k[] = { tutti_on_send(ch, &item), tutti_on_none() };
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_INT(k[0].code, 0);
}

/* --- one case done, and only one ------------------------------------------------ */

EVERYWHERE(a_try_does_what_is_ready_or_nothing)
{
    int got = 0, item = 4;
    a = open_ints(&w->s, 1);
    tutti_case recv[] = { tutti_on_recv(a, &got), tutti_on_none() };
    tutti_case send[] = { tutti_on_none(), tutti_on_send(a, &item) };
    CHECK_INT(tutti_wait(recv, 2), 1);
    CHECK_INT(tutti_wait(send, 2), 1);
    CHECK_INT(send[1].code, 0);
    CHECK_INT(tutti_wait(send, 2), 0); /* full */
    CHECK_INT(tutti_wait(recv, 2), 0);
    CHECK_INT(recv[0].code, 1);
    CHECK_INT(got, 4);
    CHECK_INT(tutti_chan_close(a), 0);
    CHECK_INT(tutti_wait(recv, 2), 0);
    CHECK_INT(recv[0].code, 0);
    CHECK_INT(tutti_wait(send, 2), 1);
    CHECK_INT(send[1].code, -EPIPE);
    return 0;
}

EVERYWHERE(ready_cases_take_turns)
{
    int got, counts[3] = { 0, 0, 0 };
    a = open_ints(&w->s, 1);
    b = open_ints(&w->s, 1);
    tutti_event_set(&event);
    send_now(a, 1);
    send_now(b, 1);
    for (int i = 0; i < 3000; i++) {
        tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_recv(b, &got),
                           tutti_on_event(&event) };
        int done = tutti_wait(k, 3);
        CHECK(done >= 0 && done < 3);
        counts[done]++;
        if (done < 2)
            send_now(done ? b : a, 1);
    }
    for (int i = 0; i < 3; i++)
        CHECK(counts[i] > 700); /* a thousand, within ten times its deviation */
    return 0;
}

static int took[3];
static int take_any(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    tutti_case k[] = { tutti_on_recv(a, &took[0]), tutti_on_recv(b, &took[1]),
                       tutti_on_event(&event), tutti_on_recv(a, &took[2]) };
    int rc = tutti_wait(k, 4);
    CHECK(rc < 0 || k[rc].code == (rc == 2 ? 0 : 1));
    return rc;
}
EVERYWHERE(who_waits_for_several_is_woken_by_one)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 1);
    struct hand *h = crew_go(w, take_any, NULL);
    crew_until_waits(h);
    send_now(b, 7);
    send_now(b, 8); /* into the ring: it waits no more */
    CHECK_INT(crew_join(h), 1);
    CHECK_INT(took[1], 7);
    h = crew_go(w, take_any, NULL);
    CHECK_INT(crew_join(h), 1);
    CHECK_INT(took[1], 8);
    h = crew_go(w, take_any, NULL);
    crew_until_waits(h);
    send_now(a, 9);
    int done = crew_join(h);
    CHECK(done == 0 || done == 3);
    CHECK_INT(took[done == 3 ? 2 : 0], 9);
    CHECK_INT(took[done == 3 ? 0 : 2], 0);
    h = crew_go(w, take_any, NULL);
    crew_until_waits(h);
    tutti_event_set(&event);
    CHECK_INT(crew_join(h), 2);
    return 0;
}

static int mark_end(struct crew *w, void *unused)
{
    int got = 5;
    (void)w;
    (void)unused;
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_send(b, &got) };
    int rc = tutti_wait(k, 2);
    CHECK(rc >= 0);
    return k[rc].code * 10 + rc;
}
EVERYWHERE(the_end_of_a_channel_is_told_in_the_code)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 0);
    struct hand *h = crew_go(w, mark_end, NULL);
    crew_until_waits(h);
    CHECK_INT(tutti_chan_close(a), 0);
    CHECK_INT(crew_join(h), 0);
    a = open_ints(&w->s, 0);
    h = crew_go(w, mark_end, NULL);
    crew_until_waits(h);
    CHECK_INT(tutti_chan_close(b), 0);
    CHECK_INT(crew_join(h), -EPIPE * 10 + 1);
    return 0;
}

static int recv_any_size(struct crew *w, void *unused)
{
    tutti_bytes x, y;
    (void)w;
    (void)unused;
    tutti_case k[] = { tutti_on_recv(a, &x), tutti_on_recv(b, &y) };
    CHECK_INT(tutti_wait(k, 2), 1);
    CHECK_STR(y.data, "view");
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_STR(x.data, "second");
    CHECK_STR(y.data, "view");
    return 0;
}
EVERYWHERE(any_size_in_a_wait)
{
    char text[] = "view", more[] = "second";
    tutti_bytes item = { text, 5 }, second = { more, 7 };
    CHECK_INT(tutti_chan_open(&a, &w->s, TUTTI_ANY_SIZE, 0, NULL), 0);
    CHECK_INT(tutti_chan_open(&b, &w->s, TUTTI_ANY_SIZE, 1, NULL), 0);
    struct hand *h = crew_go(w, recv_any_size, NULL);
    crew_until_waits(h);
    tutti_case k[] = { tutti_on_send(b, &item), tutti_on_event(&event) };
    CHECK_INT(tutti_wait(k, 2), 0);
    tutti_case l[] = { tutti_on_send(a, &second), tutti_on_event(&event) };
    CHECK_INT(tutti_wait(l, 2), 0); /* it waits, with a copy */
    CHECK_INT(crew_join(h), 0);
    tutti_event_set(&event);
    CHECK_INT(tutti_wait(l, 2), 1); /* the copy for a is freed: see the leak checkers */
    fault_arm(1, false);
    int rc = tutti_wait(l, 2);
    fault_arm(0, false);
    CHECK_INT(rc, -ENOMEM);
    return 0;
}

/* --- two that face each other --------------------------------------------------- */

enum { ROUNDS = 1500 };
static int face(struct crew *w, void *side)
{
    (void)w;
    int sum = 0;
    for (int i = 0, out = 1, in; i < ROUNDS; i++) {
        tutti_case k[] = { tutti_on_send(side ? a : b, &out), tutti_on_recv(side ? b : a, &in) };
        in = 0;
        int rc = tutti_wait(k, 2);
        CHECK(rc == 0 || rc == 1);
        CHECK_INT(k[rc].code, rc);
        CHECK_INT(in, rc);
        sum += rc ? 1 : -1;
    }
    return sum;
}
EVERYWHERE(two_waits_that_face_each_other_do_the_same_case)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 0);
    struct hand *left = crew_go(w, face, NULL), *right = crew_go(w, face, (void *)1);
    int sum = crew_join(left);
    CHECK_INT(sum, -crew_join(right)); /* what one sent the other received */
    return 0;
}

static _Atomic long sent, received;
static int trade(struct crew *w, void *arg)
{
    unsigned random = check_seed() + (unsigned)(uintptr_t)arg * 2 + 1;
    tutti_chan *all[3] = { a, b, c };
    for (int i = 0; i < 800; i++) {
        int out = (int)(check_random(&random) % 1000), in1 = 0, in2 = 0;
        unsigned k0 = check_random(&random) % 3;
        tutti_case k[] = { tutti_on_recv(all[(k0 + 1) % 3], &in1), tutti_on_send(all[k0], &out),
                           tutti_on_recv(all[(k0 + 2) % 3], &in2),
                           tutti_on_time(tutti_after(check_random(&random) % 100000)) };
        int rc = tutti_wait(k, 4);
        CHECK(rc >= 0);
        CHECK_INT(k[rc].code, rc == 0 || rc == 2);
        add_relaxed(&sent, rc == 1 ? out : 0);
        add_relaxed(&received, in1 + in2);
        CHECK(rc == 0 || in1 == 0);
        CHECK(rc == 2 || in2 == 0);
    }
    (void)w;
    return 0;
}
EVERYWHERE(a_market_of_waits_loses_nothing)
{
    a = open_ints(&w->s, 0);
    b = open_ints(&w->s, 0);
    c = open_ints(&w->s, 0);
    for (long i = 0; i < 5; i++)
        crew_go(w, trade, (void *)i);
    crew_join_all(w);
    CHECK_INT(sent, received);
    return 0;
}

/* --- time, futures, the end of a scope ------------------------------------------ */

EVERYWHERE(time_comes_when_nothing_else_does)
{
    int got;
    a = open_ints(&w->s, 0);
    tutti_time when = tutti_after(3 * TUTTI_MS);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_time(TUTTI_NEVER), tutti_on_time(when) };
    CHECK_INT(tutti_wait(k, 3), 2);
    CHECK(tutti_now() >= when);
    tutti_case past[] = { tutti_on_recv(a, &got), tutti_on_time(1), tutti_on_none() };
    CHECK_INT(tutti_wait(past, 3), 1);
    TUTTI_SCOPE(s, w->ex, tutti_after(2 * TUTTI_MS), 0);
    tutti_case late[] = { tutti_on_recv(a, &got), tutti_on_time(tutti_after(TUTTI_SEC * 30)) };
    CHECK_INT(tutti_wait(late, 2), -ETIMEDOUT);
    CHECK_INT(tutti_wait(late, 2), -ETIMEDOUT);
    return 0;
}

static tutti_scope inner;
static int wait_in_inner(struct crew *w, void *unused)
{
    int got;
    (void)unused;
    tutti_scope_open(&inner, w->ex, TUTTI_NEVER, 0);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_event(&event) };
    int rc = tutti_wait(k, 2);
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(a_wait_that_is_cancelled_takes_nothing)
{
    a = open_ints(&w->s, 1);
    struct hand *h = crew_go(w, wait_in_inner, NULL);
    crew_until_waits(h);
    tutti_scope_cancel(&inner);
    CHECK_INT(crew_join(h), -ECANCELED);
    send_now(a, 1);
    CHECK_INT((long long)tutti_chan_length(a), 1);
    return 0;
}

static tutti_future future;
static int fulfil(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 50; i++)
        crew_yield();
    return tutti_future_fulfil(future, 17, (tutti_bytes){ NULL, 0 });
}
EVERYWHERE(futures_are_waited_for)
{
    tutti_future never = { { 0, 0 } };
    CHECK_INT(tutti_promise(&w->s, &future), 0);
    struct hand *h = crew_go(w, fulfil, NULL);
    tutti_case k[] = { tutti_on_done(never), tutti_on_done(future), tutti_on_event(&event) };
    CHECK_INT(tutti_wait(k, 3), 1);
    CHECK_INT(k[1].code, 17);
    CHECK_INT(crew_join(h), 0);
    tutti_future_release(future);
    CHECK_INT(tutti_wait(k, 3), 1);
    CHECK_INT(k[1].code, -ESTALE);
    tutti_case only[] = { tutti_on_done(never), tutti_on_none() };
    CHECK_INT(tutti_wait(only, 2), 1);
    return 0;
}

static int until_event(void *unused)
{
    (void)unused;
    return tutti_event_wait(&event);
}
TEST(the_end_of_a_scope_is_waited_for)
{
    tutti_executor *ex;
    tutti_scope s;
    CHECK_INT(tutti_executor_open(&ex, "threads://2"), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_case k[] = { tutti_on_empty(&s), tutti_on_time(tutti_after(TUTTI_MS)) };
    CHECK_INT(tutti_go(&s, until_event, NULL), 0);
    CHECK_INT(tutti_wait(k, 2), 1);
    tutti_event_set(&event);
    k[1] = tutti_on_time(TUTTI_NEVER);
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(one_bad_item_among_many_cases_is_an_error)
{
    tutti_executor *ex;
    tutti_scope s;
    tutti_chan *views;
    tutti_bytes item = { "word", 4 }, bad = { NULL, 4 };
    CHECK_INT(tutti_executor_open(&ex, "threads://1"), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_chan_open(&views, &s, TUTTI_ANY_SIZE, 4, NULL), 0);
    tutti_case k[40];
    for (int i = 0; i < 40; i++)
        k[i] = tutti_on_send(views, i == 39 ? &bad : &item);
    CHECK_INT(tutti_wait(k, 40), -EINVAL);
    CHECK_INT((long long)tutti_chan_length(views), 0);
    k[39] = tutti_on_none();
    CHECK(tutti_wait(k, 40) < 39);
    CHECK_INT((long long)tutti_chan_length(views), 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- descriptors ----------------------------------------------------------------- */

static int fds[2];
static void open_pipe(int p[2])
{
    CHECK_INT(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
}
static void put_byte(int fd)
{
    CHECK_INT(write(fd, "x", 1), 1);
}
static void get_byte(int fd)
{
    char x;
    CHECK_INT(read(fd, &x, 1), 1);
}

static int wait_readable(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    tutti_case k[] = { tutti_on_event(&event), tutti_on_fd(fds[0], POLLIN) };
    int rc = tutti_wait(k, 2);
    return rc == 1 ? k[1].code : rc;
}
EVERYWHERE(descriptors_wake)
{
    open_pipe(fds);
    for (int round = 0; round < 5; round++) { /* the second time it is known already */
        struct hand *h = crew_go(w, wait_readable, NULL), *other = crew_go(w, wait_readable, NULL);
        crew_until_waits(h);
        crew_until_waits(other);
        put_byte(fds[1]);
        CHECK_INT(crew_join(h), POLLIN);
        CHECK_INT(crew_join(other), POLLIN); /* each of several waiters */
        get_byte(fds[0]);
        h = crew_go(w, wait_readable, NULL);
        crew_until_waits(h);
        tutti_event_set(&event); /* wakes who sleeps in a poller too */
        CHECK_INT(crew_join(h), 0);
        tutti_event_clear(&event);
        close(fds[0]);
        close(fds[1]);
        open_pipe(fds); /* mostly other files of the same number */
    }
    struct hand *h = crew_go(w, wait_readable, NULL);
    crew_until_waits(h);
    close(fds[1]);
    CHECK_INT(crew_join(h), POLLHUP);
    CHECK_INT(crew_join(crew_go(w, wait_readable, NULL)), POLLHUP);
    return 0;
}

EVERYWHERE(different_events_of_one_descriptor)
{
    open_pipe(fds);
    struct hand *h = crew_go(w, wait_readable, NULL);
    crew_until_waits(h);
    tutti_case out[] = { tutti_on_fd(fds[1], POLLOUT), tutti_on_event(&event) };
    CHECK_INT(tutti_wait(out, 2), 0);
    CHECK_INT(out[0].code, POLLOUT);
    char block[4096] = { 0 };
    while (write(fds[1], block, sizeof block) > 0)
        ;
    CHECK_INT(crew_join(h), POLLIN);
    tutti_case full[] = { tutti_on_fd(fds[1], POLLOUT), tutti_on_fd(fds[0], POLLIN | POLLOUT) };
    CHECK_INT(tutti_wait(full, 2), 1);
    CHECK_INT(full[1].code, POLLIN);
    tutti_case none[] = { tutti_on_fd(fds[1], POLLOUT), tutti_on_none() };
    CHECK_INT(tutti_wait(none, 2), 1);
    tutti_case late[] = { tutti_on_fd(fds[1], POLLOUT), tutti_on_time(tutti_after(2 * TUTTI_MS)) };
    CHECK_INT(tutti_wait(late, 2), 1);
    TUTTI_SCOPE(s, w->ex, tutti_after(2 * TUTTI_MS), 0);
    CHECK_INT(tutti_wait(late, 1), -ETIMEDOUT);
    return 0;
}

static int wait_for(struct crew *w, void *events)
{
    (void)w;
    tutti_case k[] = { tutti_on_fd(fds[0], (short)(long)events) };
    CHECK_INT(tutti_wait(k, 1), 0);
    return k[0].code;
}
EVERYWHERE(who_is_left_at_a_descriptor_is_woken_later)
{
    char block[4096] = { 0 };
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    while (write(fds[0], block, sizeof block) > 0)
        ;
    struct hand *in = crew_go(w, wait_for, (void *)POLLIN);
    crew_until_waits(in);
    struct hand *out = crew_go(w, wait_for, (void *)POLLOUT), *in2;
    crew_until_waits(out);
    put_byte(fds[1]);
    CHECK_INT(crew_join(in), POLLIN);
    get_byte(fds[0]);
    in2 = crew_go(w, wait_for, (void *)POLLIN);
    crew_until_waits(in2);
    while (read(fds[1], block, sizeof block) > 0)
        ;
    CHECK_INT(crew_join(out), POLLOUT);
    close(fds[1]);
    CHECK(crew_join(in2) & POLLIN);
    return 0;
}

/* Each report arms it again, with the union of what those want who are left. */
EVERYWHERE(several_at_a_descriptor_are_served_round_after_round)
{
    char block[4096] = { 0 };
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    while (write(fds[0], block, sizeof block) > 0)
        ;
    struct hand *out[2], *in[3];
    for (int i = 0; i < 2; i++)
        crew_until_waits(out[i] = crew_go(w, wait_for, (void *)POLLOUT));
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++)
            crew_until_waits(in[i] = crew_go(w, wait_for, (void *)POLLIN));
        put_byte(fds[1]);
        for (int i = 0; i < 3; i++)
            CHECK_INT(crew_join(in[i]), POLLIN);
        get_byte(fds[0]);
    }
    crew_until_waits(in[0] = crew_go(w, wait_for, (void *)POLLIN));
    while (read(fds[1], block, sizeof block) > 0)
        ;
    for (int i = 0; i < 2; i++)
        CHECK_INT(crew_join(out[i]), POLLOUT);
    put_byte(fds[1]);
    CHECK_INT(crew_join(in[0]), POLLIN);
    return 0;
}

static tutti_event ack;
static int sleep_often(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 300; i++) {
        tutti_case k[] = { tutti_on_fd(fds[0], POLLIN), tutti_on_event(&event) };
        CHECK_INT(tutti_wait(k, 2), 1);
        tutti_event_clear(&event);
        tutti_event_set(&ack);
    }
    return 0;
}
EVERYWHERE(who_sleeps_in_a_poller_is_woken_again_and_again)
{
    open_pipe(fds);
    struct hand *h = crew_go(w, sleep_often, NULL);
    for (int i = 0; i < 300; i++) {
        crew_until_waits(h);
        for (int k = 0; k < i % 40; k++) /* at times it is asleep by then */
            crew_yield();
        tutti_event_set(&event);
        CHECK_INT(tutti_event_wait(&ack), 0);
        tutti_event_clear(&ack);
    }
    return crew_join(h);
}

EVERYWHERE(odd_descriptors)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    (void)w;
    CHECK(file >= 0);
    tutti_case k[] = { tutti_on_fd(file, POLLIN) };
    CHECK_INT(tutti_wait(k, 1), 0); /* a regular file is always ready */
    CHECK_INT(k[0].code, POLLIN);
    close(file);
    CHECK_INT(tutti_wait(k, 1), 0);
    CHECK_INT(k[0].code, POLLNVAL);
    return 0;
}

static int ping_fd[2], pong_fd[2];
static int echo(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        tutti_case k[] = { tutti_on_fd(ping_fd[0], POLLIN), tutti_on_event(&event) };
        CHECK_INT(tutti_wait(k, 2), 0);
        get_byte(ping_fd[0]);
        put_byte(pong_fd[1]);
    }
    return 0;
}
EVERYWHERE(descriptors_lose_no_wake)
{
    open_pipe(ping_fd);
    open_pipe(pong_fd);
    struct hand *h = crew_go(w, echo, NULL);
    for (int i = 0; i < 1000; i++) {
        put_byte(ping_fd[1]);
        tutti_case k[] = { tutti_on_event(&event), tutti_on_fd(pong_fd[0], POLLIN) };
        CHECK_INT(tutti_wait(k, 2), 1);
        get_byte(pong_fd[0]);
    }
    return crew_join(h);
}

/* --- many, and bad ones ------------------------------------------------------------ */

EVERYWHERE(many_cases)
{
    enum { MANY = 200 };
    static tutti_chan *many[MANY];
    static tutti_case k[MANY];
    static int got[MANY];
    for (int i = 0; i < MANY; i++)
        many[i] = open_ints(&w->s, 1);
    for (int i = 0; i < MANY; i++)
        k[i] = tutti_on_recv(many[i * 7 % MANY], &got[i]);
    for (int i = 0; i < MANY; i += 11) {
        send_now(many[i * 7 % MANY], i + 1);
        CHECK_INT(tutti_wait(k, MANY), i);
        CHECK_INT(got[i], i + 1);
    }
    fault_arm(1, false);
    int rc = tutti_wait(k, MANY);
    fault_arm(0, false);
    CHECK_INT(rc, -ENOMEM);
    return 0;
}

EVERYWHERE(malformed_cases_are_refused)
{
    int got;
    tutti_scope closed;
    a = open_ints(&w->s, 1);
    tutti_scope_open(&closed, w->ex, TUTTI_NEVER, 0);
    tutti_scope_close(&closed);
    tutti_case k[] = { tutti_on_recv(a, &got), tutti_on_none() };
    tutti_case bad[] = { tutti_on_recv(NULL, &got), tutti_on_recv(a, NULL),
                         tutti_on_send(NULL, &got), tutti_on_event(NULL),
                         tutti_on_fd(-1, POLLIN),   tutti_on_empty(&closed),
                         tutti_on_empty(&w->s),     tutti_case_(99) };
    CHECK_INT(tutti_wait(NULL, 1), -EINVAL);
    CHECK_INT(tutti_wait(k, 0), -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        k[1] = bad[i];
        CHECK_INT(tutti_wait(k, 2), -EINVAL);
        CHECK_HAS(tutti_why(), "case 1");
    }
    return 0;
}

static void starve_poller(const char *url)
{
    tutti_executor *ex;
    int rc = tutti_executor_open(&ex, url), n = 0;
    if (rc == -ENOTSUP)
        check_skip(tutti_why());
    CHECK_INT(rc, 0);
    open_pipe(fds);
    tutti_case k[] = { tutti_on_fd(fds[0], POLLIN), tutti_on_time(0) };
    do {
        k[1] = tutti_on_time(tutti_after(50 * TUTTI_MS)); /* not over before it waits */
        fault_arm(++n, false);
        rc = tutti_wait(k, 2);
        CHECK(rc == -ENOMEM || rc == 1);
    } while (rc < 0);
    fault_arm(0, false);
    CHECK(n > 4);
    CHECK_INT(tutti_executor_close(ex), 0);
}
TEST(no_memory_or_descriptors_for_a_poller_is_an_error__epoll)
{
    starve_poller("loop://?io=epoll");
}
TEST(no_memory_or_descriptors_for_a_poller_is_an_error__uring)
{
    starve_poller("loop://?io=uring");
}

/* How much a thread that waits for the first time asks for, once it had got only the first. */
static int first_wait(int failures)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        tutti_case k[] = { tutti_on_fd(fds[0], POLLIN), tutti_on_time(0) };
        for (int i = 0; i < failures; i++) {
            k[1] = tutti_on_time(tutti_after(TUTTI_MS));
            fault_arm(2, true);
            CHECK_INT(tutti_wait(k, 2), -ENOMEM);
        }
        fault_arm(1000000, false);
        k[1] = tutti_on_time(tutti_after(TUTTI_MS));
        CHECK_INT(tutti_wait(k, 2), 1);
        _exit((int)fault_arm(0, false));
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(a_thread_that_got_no_poller_does_not_ask_for_its_end_again)
{
    if (getenv("CHECK_EMULATED"))
        check_skip("what is asked for first is not the same in an emulator");
    open_pipe(fds);
    int all = first_wait(0);
    CHECK(all > 2);
    CHECK(first_wait(1) < all);
    CHECK_INT(first_wait(5), first_wait(1));
}

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

static int open_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
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
    tutti_case closed_fd = tutti_on_fd(open_fds() + 99, POLLIN);
    CHECK_INT(tutti_wait_fd(&s, &closed_fd, 1), -EBADF);
    CHECK_INT(tutti_wait(&closed_fd, 1), 0);
    CHECK_INT(closed_fd.code, POLLNVAL);
    int before = open_fds(), rc, n = 0;
    do {
        CHECK_INT(open_fds(), before);
        fault_arm(++n, false);
        rc = tutti_wait_fd(&s, k, 1);
        CHECK(rc >= 0 || rc == -ENOMEM || rc == -EMFILE);
    } while (rc < 0);
    fault_arm(0, false);
    CHECK_INT(n, 5);
    tutti_scope_close(&s);
    CHECK_INT(open_fds(), before);
    tutti_scope_open(&closed, ex, TUTTI_NEVER, 0);
    tutti_scope_close(&closed);
    k[0] = tutti_on_time(1);
    CHECK_INT(tutti_wait_fd(&closed, k, 1), -EINVAL);
    CHECK_INT(open_fds(), before);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
