/* tests/wait_poll_test.c - waiting for descriptors among others, from plain threads and from
 * tasks on every executor. */
#include "base/memory.h"
#include "wait_common.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tutti/io.h>

static tutti_event event;

/* --- descriptors ----------------------------------------------------------------- */

static int fds[2];

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

/* What a plain thread waits with is its own; the child of a fork() has a copy that it must let
 * go. */
TEST(a_plain_thread_waits_for_descriptors_in_the_child_of_a_fork_too)
{
    int status;
    open_pipe(fds);
    for (int i = 0; i < 2; i++) {
        tutti_case k[] = { tutti_on_fd(fds[0], POLLIN), tutti_on_time(tutti_after(TUTTI_MS)) };
        CHECK_INT(tutti_wait(k, 2), 1);
        fflush(stdout);
        pid_t pid = i ? -1 : fork();
        if (i || pid == 0)
            continue;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
        return;
    }
    _exit(0);
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
        CHECK(rc == -ENOMEM || rc == -EMFILE || rc == 1);
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

/* All that this process may still open. */
static void take_all(int *last)
{
    struct rlimit few;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = 64;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int fd; (fd = dup(fds[0])) >= 0;)
        *last = fd;
}

static int without_descriptors(void *listener)
{
    char c = 0;
    CHECK_INT(tutti_read(fds[0], &c, 1), -EMFILE);
    CHECK_HAS(tutti_why(), "ulimit -n");
    TUTTI_SCOPE(s, NULL, tutti_after(30 * TUTTI_MS), 0);
    CHECK_INT(tutti_accept((int)(intptr_t)listener), -ETIMEDOUT); /* it does not fail */
    tutti_scope_close(&s);
    return 0;
}

static int with_them_again(void *unused)
{
    char c = 0;
    (void)unused;
    TUTTI_SCOPE(s, NULL, tutti_after(30 * TUTTI_MS), 0);
    CHECK_INT(tutti_read(fds[0], &c, 1), -ETIMEDOUT);
    tutti_scope_close(&s);
    return 0;
}

TEST(who_has_no_descriptor_to_wait_with_is_told_so)
{
    int last = -1, listener = tutti_listen("tcp:127.0.0.1:0");
    CHECK(listener >= 0);
    open_pipe(fds);
    take_all(&last);
    CHECK_INT(tutti_run("loop://", without_descriptors, (void *)(intptr_t)listener), 0);
    for (int i = 0; i < 6; i++)
        close(last - i);
    CHECK_INT(tutti_run("loop://", with_them_again, NULL), 0);
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
            CHECK_INT(tutti_wait(k, 2), i ? -EMFILE : -ENOMEM);
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
    if (getenv("CHECK_EMULATED") || CHECK_TSAN)
        check_skip("what is asked for first is not the same in an emulator or a sanitizer");
    open_pipe(fds);
    int all = first_wait(0);
    CHECK(all > 2);
    CHECK(first_wait(1) < all);
    CHECK_INT(first_wait(5), first_wait(1));
}

TEST_MAIN
