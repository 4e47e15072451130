/* tests/io_flows.h - small programs, one for each family of I/O calls, to be cut off or to run
 * out of something at every point: each gives 0, or the first code that it met, and leaves
 * nothing open either way.  io_flows_test.c runs them. */
#ifndef TESTS_IO_FLOWS_H
#define TESTS_IO_FLOWS_H
#include "urls.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <tutti/io.h>
#include <tutti/stream.h>
#include <tutti/sync.h>

/* It runs in a task, or on a plain thread with tasks beside it. */
#define FLOW(name_) static int flow_##name_(void)

static tutti_executor *flow_on; /* where the tasks of the flow run */

static int worse(int rc, int other)
{
    return rc < 0 ? rc : other < 0 ? other : rc;
}

static void *as_arg(int fd)
{
    return (void *)(intptr_t)fd;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        tutti_close(fd);
}

static void drop_fd(void *fd)
{
    close_fd((int)(intptr_t)fd);
}

/* Start f(fd), which owns fd from now on. */
static int start_owning(tutti_scope *s, int (*f)(void *fd), int fd)
{
    return fd < 0 ? fd : tutti_spawn(s, f, as_arg(fd), drop_fd, NULL);
}

/* --- connections -------------------------------------------------------------------- */

static int echo_fd(int fd)
{
    char buf[1000];
    int n;
    while ((n = tutti_read(fd, buf, sizeof buf)) > 0)
        if ((n = tutti_write_all(fd, buf, (size_t)n)) < 0)
            break;
    close_fd(fd);
    return n;
}

static int serve_all(void *listener)
{
    TUTTI_SCOPE(clients, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int rc = tutti_serve(&clients, (int)(intptr_t)listener, echo_fd);
    tutti_scope_close(&clients);
    return rc;
}

static int talk_over(int fd)
{
    char buf[100];
    int rc = fd;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = tutti_write_all(fd, "hello", 5);
        rc = rc < 0 ? rc : tutti_read(fd, buf, sizeof buf);
        rc = rc == 0 ? -EPIPE : rc;
    }
    close_fd(fd);
    return rc;
}

/* A server at that place, and talk() to it. */
static int with_server_at(const char *where, int (*talk)(const char *address))
{
    char address[200];
    int l = tutti_listen(where);
    if (l < 0)
        return l;
    tutti_scope server;
    tutti_scope_open(&server, flow_on, TUTTI_NEVER, 0);
    int rc = tutti_address_local(l, address, sizeof address);
    rc = rc < 0 ? rc : tutti_go(&server, serve_all, as_arg(l));
    rc = rc < 0 ? rc : talk(address);
    tutti_scope_cancel(&server);
    tutti_scope_close(&server);
    close_fd(l);
    return rc;
}

static int dial_and_talk(const char *address)
{
    return talk_over(tutti_dial(address));
}

FLOW(tcp)
{
    return with_server_at("tcp:127.0.0.1:0", dial_and_talk);
}

FLOW(unix_sockets)
{
    char where[100];
    snprintf(where, sizeof where, "unix:@tutti-flow-%d", (int)getpid());
    return with_server_at(where, dial_and_talk);
}

static int dial_by_name(const char *address)
{
    char name[100];
    snprintf(name, sizeof name, "tcp:localhost:%s", strrchr(address, ':') + 1);
    return talk_over(tutti_dial(name));
}

FLOW(names)
{
    tutti_address found[4];
    int rc = tutti_resolve("tcp:localhost:80", found, 4);
    return rc < 0 ? rc : with_server_at("tcp:127.0.0.1:0", dial_by_name);
}

static int connect_ours(const char *address)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -EMFILE;
    int rc = tutti_connect(fd, &a, sizeof a);
    if (rc >= 0)
        return talk_over(fd);
    close_fd(fd);
    return rc;
}

FLOW(sockets_of_ones_own)
{
    return with_server_at("tcp:127.0.0.1:0", connect_ours);
}

/* --- files --------------------------------------------------------------------------- */

static int temporary_file(void)
{
    char path[] = "/tmp/tutti-flow-XXXXXX";
    int made = mkstemp(path);
    if (made < 0)
        return -EMFILE;
    close(made);
    int fd = tutti_open(path, O_RDWR, 0);
    unlink(path);
    return fd;
}

FLOW(files)
{
    char buf[16];
    int fd = temporary_file(), rc = fd;
    rc = rc < 0 ? rc : tutti_pwrite(fd, "0123456789", 10, 0);
    rc = rc < 0 ? rc : tutti_pread(fd, buf, 4, 3);
    rc = rc < 0 ? rc : tutti_write(fd, "ab", 2);
    rc = rc < 0 ? rc : tutti_read(fd, buf, sizeof buf);
    rc = rc < 0 ? rc : tutti_fsync(fd);
    close_fd(fd);
    return rc;
}

enum { MUCH = 400000 };
static char much[MUCH];

static int drain(void *fd)
{
    char buf[10000];
    int n;
    while ((n = tutti_read((int)(intptr_t)fd, buf, sizeof buf)) > 0)
        ;
    drop_fd(fd);
    return n;
}

FLOW(sendfile)
{
    int file = temporary_file(), rc = file;
    rc = rc < 0 ? rc : tutti_pwrite(file, much, MUCH, 0);
    for (int blocking = 0; blocking < 2 && rc >= 0; blocking++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK),
                       0, ends) < 0) {
            rc = -EMFILE;
            break;
        }
        tutti_scope s;
        tutti_scope_open(&s, flow_on, TUTTI_NEVER, 0);
        rc = start_owning(&s, drain, ends[0]);
        int64_t sent = rc < 0 ? rc : tutti_sendfile(ends[1], file, 0, MUCH);
        rc = sent < 0 ? (int)sent : rc;
        close_fd(ends[1]);
        rc = worse(rc, tutti_scope_close(&s));
    }
    close_fd(file);
    return rc;
}

static int write_to_fifo(void *path)
{
    int fd = tutti_open(path, O_WRONLY, 0);
    int rc = fd < 0 ? fd : tutti_write_all(fd, "hello", 5);
    close_fd(fd);
    return rc;
}

/* Each end waits for the other. */
FLOW(fifo)
{
    char path[100], buf[16];
    snprintf(path, sizeof path, "/tmp/tutti-flow-%d.fifo", (int)getpid());
    unlink(path);
    if (mkfifo(path, 0600) < 0)
        return -EMFILE;
    tutti_scope s;
    tutti_scope_open(&s, flow_on, TUTTI_NEVER, 0);
    int rc = tutti_go(&s, write_to_fifo, path);
    int fd = rc < 0 ? rc : tutti_open(path, O_RDONLY, 0);
    for (rc = fd; rc > 0;)
        rc = tutti_read(fd, buf, sizeof buf);
    if (rc < 0)
        tutti_scope_cancel(&s);
    rc = worse(rc, tutti_scope_close(&s));
    close_fd(fd);
    close_fd(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)); /* who was abandoned may go */
    unlink(path);
    return rc;
}

/* A stream into a file that always blocks, and out of it. */
FLOW(streams_of_files)
{
    tutti_stream t;
    tutti_bytes b;
    int file = memfd_create("flow", MFD_CLOEXEC), rc = file < 0 ? -EMFILE : 0;
    int copy = rc < 0 ? rc : dup(file);
    if (copy >= 0) {
        tutti_stream_open(&t, copy);
        rc = tutti_stream_write(&t, much, 10000);
        rc = rc < 0 ? rc : tutti_stream_write(&t, much, 10000);
        rc = rc < 0 ? rc : tutti_stream_flush(&t);
        rc = worse(rc, tutti_stream_close(&t));
        lseek(file, 0, SEEK_SET);
    }
    tutti_stream_open(&t, file);
    while (rc >= 0 && (rc = tutti_stream_some(&t, &b)) > 0)
        ;
    return worse(rc, tutti_stream_close(&t));
}

/* --- datagrams, pipes, waits ------------------------------------------------------------- */

static int answer_datagram(void *fd)
{
    tutti_address from;
    char buf[100];
    int n = tutti_udp_receive((int)(intptr_t)fd, buf, sizeof buf, &from);
    n = n < 0 ? n : tutti_udp_send((int)(intptr_t)fd, buf, (size_t)n, &from);
    drop_fd(fd);
    return n;
}

/* The answer, or that there will be none. */
static int receive_answer(int fd, tutti_future answered)
{
    char buf[100];
    tutti_case k[] = { tutti_on_fd(fd, POLLIN), tutti_on_done(answered) };
    int rc = tutti_wait(k, 2);
    if (rc == 1)
        rc = tutti_future_await(answered, NULL);
    return rc < 0 ? rc : tutti_udp_receive(fd, buf, sizeof buf, NULL);
}

FLOW(datagrams)
{
    char text[100];
    tutti_address at;
    tutti_future answered;
    int a = tutti_udp_open("udp:127.0.0.1:0"), b = a < 0 ? a : tutti_udp_open("udp:127.0.0.1:0");
    int rc = b < 0 ? b : tutti_address_local(a, text, sizeof text);
    rc = rc < 0 ? rc : tutti_resolve(text, &at, 1);
    if (rc < 0) {
        close_fd(a);
        close_fd(b);
        return rc;
    }
    tutti_scope s;
    tutti_scope_open(&s, flow_on, TUTTI_NEVER, 0);
    rc = tutti_spawn(&s, answer_datagram, as_arg(a), drop_fd, &answered);
    rc = rc < 0 ? rc : tutti_udp_send(b, "hello", 5, &at);
    rc = rc < 0 ? rc : receive_answer(b, answered);
    if (rc < 0)
        tutti_scope_cancel(&s);
    rc = worse(rc, tutti_scope_close(&s));
    close_fd(b);
    return rc;
}

static int write_slowly(void *fd)
{
    int rc = 0;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        tutti_yield();
        rc = tutti_write_all((int)(intptr_t)fd, much, 50000);
    }
    drop_fd(fd);
    return rc;
}

FLOW(pipes)
{
    char buf[7000];
    int ends[2];
    int rc = tutti_pipe(ends);
    if (rc < 0)
        return rc;
    tutti_scope s;
    tutti_scope_open(&s, flow_on, TUTTI_NEVER, 0);
    rc = start_owning(&s, write_slowly, ends[1]);
    if (rc >= 0)
        rc = tutti_fd_wait(ends[0], POLLIN, TUTTI_NEVER);
    while (rc > 0)
        rc = tutti_read(ends[0], buf, sizeof buf);
    close_fd(ends[0]);
    return worse(rc, tutti_scope_close(&s));
}

/* --- signals and processes ------------------------------------------------------------- */

FLOW(signals)
{
    static const int which[] = { SIGUSR1, SIGUSR2 };
    tutti_chan *ch;
    tutti_scope s;
    int got = 0;
    signal(SIGUSR1, SIG_IGN); /* while nobody listens */
    tutti_scope_open(&s, flow_on, TUTTI_NEVER, 0);
    int rc = tutti_signals(&ch, &s, which, 2);
    if (rc == 0) {
        kill(getpid(), SIGUSR1);
        rc = tutti_chan_recv(ch, &got);
        rc = rc > 0 && got != SIGUSR1 ? -EPROTO : rc;
    }
    tutti_scope_cancel(&s);
    int closed = tutti_scope_close(&s);
    CHECK(rc != -ENOMEM || closed != rc); /* what failed is not the scope */
    return rc;
}

FLOW(processes)
{
    static char *const argv[] = { "sh", "-c", "read x; echo got $x; read y; exit 3", NULL };
    tutti_process p;
    tutti_process_end end = { .size = sizeof end };
    char buf[100];
    int rc = tutti_process_open(&p, argv, TUTTI_PIPE_IN | TUTTI_PIPE_OUT | TUTTI_ERR_TO_OUT);
    if (rc < 0)
        return rc;
    rc = tutti_write_all(p.in, "this\n", 5);
    rc = rc < 0 ? rc : tutti_read(p.out, buf, sizeof buf);
    if (rc >= 0) {
        tutti_close(p.in); /* its second line never comes */
        p.in = -1;
        rc = tutti_process_wait(&p, &end);
        rc = rc == 0 && end.status != 3 ? -EPROTO : rc;
    }
    tutti_process_close(&p);
    return rc;
}

/* --- streams ------------------------------------------------------------------------------ */

static int echo_stream(void *fd)
{
    TUTTI_STREAM(t, (int)(intptr_t)fd);
    tutti_bytes b;
    int rc;
    while ((rc = tutti_stream_some(&t, &b)) > 0)
        if ((rc = tutti_stream_write(&t, b.data, b.size)) < 0)
            break;
    return rc < 0 ? rc : tutti_stream_close(&t);
}

static int tell_much(void *stream)
{
    int rc = tutti_stream_write(stream, much, MUCH);
    return rc < 0 ? rc : tutti_stream_finish(stream);
}

/* Lines, and then more than a socket holds, written by one task and read by another. */
static int talk_by_stream(tutti_stream *t)
{
    tutti_bytes b;
    int rc = 0;
    for (int i = 0; i < 3 && rc >= 0; i++) {
        rc = tutti_stream_print(t, "line %d\n", i);
        rc = rc < 0 ? rc : tutti_stream_line(t, &b);
        rc = rc == 0 ? -EPIPE : rc;
    }
    tutti_scope s;
    tutti_scope_open(&s, flow_on, TUTTI_NEVER, 0);
    rc = rc < 0 ? rc : tutti_go(&s, tell_much, t);
    size_t got = 0;
    while (rc >= 0 && (rc = tutti_stream_some(t, &b)) > 0)
        got += b.size;
    rc = rc == 0 && got < MUCH ? -EPIPE : rc;
    if (rc < 0)
        tutti_scope_cancel(&s);
    return worse(rc, tutti_scope_close(&s));
}

FLOW(streams)
{
    int ends[2];
    tutti_stream t;
    tutti_scope s;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -EMFILE;
    tutti_scope_open(&s, flow_on, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_stream_open(&t, ends[1]);
    int rc = start_owning(&s, echo_stream, ends[0]);
    rc = rc < 0 ? rc : talk_by_stream(&t);
    rc = worse(rc, tutti_stream_close(&t));
    if (rc < 0)
        tutti_scope_cancel(&s);
    return worse(rc, tutti_scope_close(&s));
}
#endif
