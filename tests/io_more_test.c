/* Datagrams, signals through a channel, and other processes: on every backend and from plain
 * threads. */
#include "io.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <tutti/stream.h>
#include <tutti/sync.h>

/* --- datagrams -------------------------------------------------------------------- */

static int answer_one(void *fd)
{
    tutti_address from;
    char buf[100];
    int n = tutti_udp_receive((int)(intptr_t)fd, buf, sizeof buf, &from);
    return n < 0 ? n : tutti_udp_send((int)(intptr_t)fd, buf, (size_t)n, &from);
}

ON_IO(datagrams_go_there_and_back)
{
    char text[100], buf[4] = "";
    tutti_address at, from;
    int a = tutti_udp_open("udp:127.0.0.1:0"), b = tutti_udp_open("udp:127.0.0.1:0");
    CHECK(a >= 0 && b >= 0);
    CHECK_INT(tutti_address_local(a, text, sizeof text), 0);
    CHECK(!strncmp(text, "udp:127.0.0.1:", 14));
    CHECK_INT(tutti_resolve(text, &at, 1), 1);
    CHECK_INT(tutti_address_text(&at, text, sizeof text), 0);
    tutti_scope answering;
    tutti_scope_open(&answering, tutti_scope_executor(s), TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&answering, answer_one, (void *)(intptr_t)a), 0);
    CHECK_INT(tutti_udp_send(b, "hello", 5, &at), 0);
    CHECK_INT(tutti_udp_receive(b, buf, sizeof buf, &from), 5); /* one byte is lost */
    CHECK(!memcmp(buf, "hell", 4));
    CHECK_INT(tutti_scope_close(&answering), 0);
    char peer[100];
    CHECK_INT(tutti_address_text(&from, peer, sizeof peer), 0);
    CHECK_STR(peer, text);
    TUTTI_SCOPE(hurry, NULL, tutti_after(2 * TUTTI_MS), 0);
    CHECK_INT(tutti_udp_receive(b, buf, sizeof buf, NULL), -ETIMEDOUT);
    tutti_scope_cancel(&hurry);
    tutti_scope_close(&hurry);
    CHECK_INT(tutti_close(a), 0);
    CHECK_INT(tutti_close(b), 0);
    CHECK_INT(tutti_udp_open("tcp:127.0.0.1:0"), -EINVAL);
    tutti_address none = { { 0 } };
    CHECK_INT(tutti_address_text(&none, text, sizeof text), -EINVAL);
    CHECK_INT(tutti_resolve("udp:127.0.0.1:9", &at, 0), 0);
}

/* One socket at all of this machine reaches both, and tells each by its own words. */
ON_IO(a_datagram_socket_of_no_host_is_of_both_families)
{
    static const char *const hosts[] = { "127.0.0.1", "[::1]" };
    char at[100], text[100], peer[100], buf[8];
    tutti_address to, from;
    int any = tutti_udp_open("udp::0");
    (void)s;
    CHECK(any >= 0);
    CHECK_INT(tutti_address_local(any, text, sizeof text), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(at, sizeof at, "udp:%s:0", hosts[i]);
        int one = tutti_udp_open(at);
        if (one < 0)
            continue; /* there is no IPv6 here */
        CHECK_INT(tutti_address_local(one, peer, sizeof peer), 0);
        CHECK_INT(tutti_resolve(peer, &to, 1), 1);
        CHECK_INT(tutti_udp_send(any, "there", 5, &to), 0);
        CHECK_INT(tutti_udp_receive(one, buf, sizeof buf, NULL), 5);
        snprintf(at, sizeof at, "udp:%s%s", hosts[i], strrchr(text, ':'));
        CHECK_INT(tutti_resolve(at, &to, 1), 1);
        CHECK_INT(tutti_udp_send(one, "back", 4, &to), 0);
        CHECK_INT(tutti_udp_receive(any, buf, sizeof buf, &from), 4);
        CHECK_INT(tutti_address_text(&from, text + 50, 50), 0);
        CHECK_STR(text + 50, peer);
        CHECK_INT(tutti_close(one), 0);
    }
    CHECK_INT(tutti_close(any), 0);
}

/* --- a listener that is refused everything ------------------------------------------ */

/* From now on this thread gets EPERM for accept4: 0, or it cannot be had. */
static int refuse_accept(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_accept4, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
           || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int set_after_others(void *event)
{
    for (int i = 0; i < 100; i++)
        tutti_yield();
    tutti_event_set(event);
    return 0;
}

static int cancel_when_set(void *arg)
{
    void **both = arg;
    int rc = tutti_event_wait(both[1]);
    tutti_scope_cancel(both[0]);
    return rc;
}

static int accepts_nothing(void *unused)
{
    tutti_event event = { { 0 } };
    tutti_scope s, beside;
    void *both[] = { &s, &event };
    int listener = tutti_listen("tcp:127.0.0.1:0");
    (void)unused;
    CHECK(listener >= 0);
    if (refuse_accept())
        check_skip("there are no filters of system calls here");
    tutti_scope_open(&beside, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&beside, set_after_others, &event), 0);
    CHECK_INT(tutti_go(&beside, cancel_when_set, both), 0);
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_accept(listener), -ECANCELED);
    tutti_scope_close(&s);
    return tutti_scope_close(&beside);
}

/* Others go on meanwhile, and it hears of the cancel. */
TEST(a_listener_that_is_refused_everything_does_not_spin)
{
    CHECK_INT(tutti_run("loop://?io=epoll", accepts_nothing, NULL), 0);
}

/* --- signals ------------------------------------------------------------------------ */

ON_IO(signals_come_through_a_channel)
{
    static const int which[] = { SIGUSR1, SIGUSR2 };
    tutti_chan *ch;
    tutti_scope listening;
    int got = 0, bad = 0, late = 0;
    signal(SIGUSR1, SIG_IGN); /* one may be under way when the channel goes */
    signal(SIGUSR2, SIG_IGN);
    for (int turn = 0; turn < 2; turn++) {
        tutti_scope_open(&listening, tutti_scope_executor(s), TUTTI_NEVER, 0);
        CHECK_INT(tutti_signals(&ch, &listening, which, 2), 0);
        for (int i = 0; i < 10; i++) {
            CHECK_INT(kill(getpid(), which[i % 2]), 0);
            CHECK_INT(tutti_chan_recv(ch, &got), 1);
            /* a thread that was put off the CPU before its handler began comes to it now */
            if (turn == 1 && got == SIGUSR1 && got != which[i % 2] && late++ == 0)
                CHECK_INT(tutti_chan_recv(ch, &got), 1);
            CHECK_INT(got, which[i % 2]);
        }
        for (int i = 0; i < 100; i++)
            kill(getpid(), SIGUSR1); /* as many as there is room for */
        CHECK_INT(tutti_chan_recv(ch, &got), 1);
        tutti_scope_cancel(&listening);
        tutti_scope_close(&listening);
    }
    tutti_scope_open(&listening, tutti_scope_executor(s), TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_signals(&ch, &listening, &bad, 1), -EINVAL);
    CHECK_INT(tutti_signals(&ch, &listening, which, 0), -EINVAL);
    CHECK(ch == NULL);
    tutti_scope_close(&listening);
}

/* All of them or none: what could be had before the one that could not be is given back. */
ON_IO(signals_that_cannot_all_be_had_stay_as_they_were)
{
    static const int first[] = { SIGUSR2 }, both[] = { SIGUSR1, SIGUSR2 },
                     twice[] = { SIGUSR1, SIGUSR1 };
    struct sigaction now;
    tutti_chan *one, *two;
    tutti_scope listening;
    tutti_scope_open(&listening, tutti_scope_executor(s), TUTTI_NEVER, 0);
    CHECK_INT(tutti_signals(&one, &listening, first, 1), 0);
    CHECK_INT(tutti_signals(&two, &listening, both, 2), -EBUSY);
    CHECK(two == NULL);
    CHECK(strstr(tutti_why(), "USR2") != NULL);
    CHECK_INT(tutti_signals(&two, &listening, twice, 2), -EBUSY);
    CHECK_INT(sigaction(SIGUSR1, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
    CHECK_INT(tutti_signals(&two, &listening, twice, 1), 0);
    CHECK_INT(tutti_scope_close(&listening), 0);
    CHECK_INT(sigaction(SIGUSR1, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
    CHECK_INT(tutti_signals(&two, &listening, both, 2), -EINVAL); /* closed */
}

/* --- processes ------------------------------------------------------------------------ */

static void shell(char **argv, const char *text)
{
    argv[0] = (char *)(uintptr_t) "sh";
    argv[1] = (char *)(uintptr_t) "-c";
    argv[2] = (char *)(uintptr_t)text;
    argv[3] = NULL;
}

static void start(tutti_process *p, char *const argv[], unsigned flags)
{
    int rc = tutti_process_open(p, argv, flags);
    if (rc == -ENOSYS)
        check_skip("processes have no descriptors here");
    CHECK_INT(rc, 0);
}

ON_IO(a_process_is_talked_to_and_waited_for)
{
    char *argv[4];
    tutti_process p;
    tutti_process_end end = { .size = sizeof end };
    tutti_bytes b;
    (void)s;
    shell(argv, "read x; echo got $x; echo oops >&2; exit 7");
    start(&p, argv, TUTTI_PIPE_IN | TUTTI_PIPE_OUT | TUTTI_PIPE_ERR);
    CHECK_INT(tutti_write_all(p.in, "this\n", 5), 0);
    TUTTI_STREAM(out, p.out);
    TUTTI_STREAM(err, p.err);
    p.out = p.err = -1;
    CHECK_INT(tutti_stream_line(&out, &b), 1);
    CHECK(b.size == 8 && !memcmp(b.data, "got this", 8));
    CHECK_INT(tutti_stream_line(&err, &b), 1);
    CHECK(b.size == 4 && !memcmp(b.data, "oops", 4));
    CHECK_INT(tutti_stream_line(&out, &b), 0);
    CHECK_INT(tutti_process_wait(&p, &end), 0);
    CHECK_INT(end.status, 7);
    CHECK_INT(end.signal, 0);
    CHECK(end.memory > 100000 && end.user + end.system > 0);
    CHECK_INT(tutti_process_wait(&p, &end), -EINVAL);
    CHECK_INT(tutti_process_signal(&p, SIGTERM), -ESRCH);
    tutti_process_close(&p);
    tutti_process_close(&p);
    if (getenv("CHECK_EMULATED")) /* it forks for vfork, and nobody hears of a failed exec */
        return;
    argv[0] = (char *)(uintptr_t) "/no/such/program";
    CHECK_INT(tutti_process_open(&p, argv, TUTTI_PIPE_IN), -ENOENT);
    CHECK_HAS(tutti_why(), "/no/such/program");
}

ON_IO(a_signal_ends_a_process)
{
    char *argv[4];
    tutti_process p;
    tutti_process_end end = { .size = sizeof end };
    (void)s;
    shell(argv, "exec sleep 100");
    start(&p, argv, 0);
    CHECK_INT(tutti_process_signal(&p, SIGTERM), 0);
    CHECK_INT(tutti_process_wait(&p, &end), 0);
    CHECK_INT(end.signal, SIGTERM);
    CHECK_INT(end.status, 128 + SIGTERM);
    tutti_process_close(&p);
}

/* It starts others, one of them in a session of its own; all are gone after the deadline. */
ON_IO(the_deadline_kills_all_that_a_process_has_started)
{
    char *argv[4];
    tutti_process p;
    tutti_process_end end = { .size = sizeof end };
    tutti_bytes b;
    int pids[3] = { 0 };
    (void)s;
    shell(argv, "sleep 100 & echo $!; setsid sleep 100 & echo $!; "
                "sh -c 'sleep 100 & echo $!; wait' & wait");
    start(&p, argv, TUTTI_PIPE_OUT);
    TUTTI_STREAM(out, p.out);
    p.out = -1;
    for (int i = 0; i < 3; i++) {
        CHECK_INT(tutti_stream_line(&out, &b), 1);
        pids[i] = atoi(b.data);
    }
    tutti_scope hurry;
    tutti_scope_open(&hurry, NULL, tutti_after(TUTTI_MS), 0);
    CHECK_INT(tutti_process_wait(&p, &end), -ETIMEDOUT);
    tutti_scope_cancel(&hurry);
    tutti_scope_close(&hurry);
    CHECK_INT(end.signal, SIGKILL);
    CHECK_INT(tutti_stream_some(&out, &b), 0); /* nobody holds the pipe any more */
    for (int i = 0; i < 3; i++)
        CHECK(pids[i] > 1);
    tutti_process_close(&p);
}

ON_IO(closing_kills_what_still_runs)
{
    char *argv[4];
    tutti_process p;
    (void)s;
    shell(argv, "sleep 100 & wait");
    start(&p, argv, TUTTI_PIPE_OUT | TUTTI_ERR_TO_OUT);
    tutti_process_close(&p);
}

TEST_MAIN
