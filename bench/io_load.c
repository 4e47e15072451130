/* io_load.c - starts a server, puts load on it over loopback, and counts what the server's
 * process alone costs.
 *
 *     io_load SERVER WORD... -- NAME SYSTEM CONNECTIONS SECONDS     PORT stands for a port
 *
 * NAME chooses the load: echo-* sends 64 bytes on each connection and waits for them;
 * http-pipelined sends 16 requests at once, other http-* one; all in a closed loop.  One JSON
 * line: CPU us of the server a request.  idle-connections instead opens them, says one thing
 * on each and has the server hold them: KB of its memory for each. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIPELINE = 16, WORDS_MOST = 32 };
#define REQUEST "GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define HELLO "Hello, World!"

static struct {
    const char *name, *system;
    int connections, port;
    double seconds;
    char request[PIPELINE * sizeof REQUEST];
    size_t request_size, answers; /* to a request; 0: echo, as many bytes */
    pid_t server;
} load;

/* Holds: wanted is what is still to come of the answers: bytes, or bodies. */
struct connection {
    int fd;
    size_t wanted, matched;
};

__attribute__((noreturn)) static void leave(const char *what)
{
    fprintf(stderr, "io_load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    if (load.server > 0)
        kill(load.server, SIGKILL);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the server -------------------------------------------------------------------- */

static int free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, size)
        || getsockname(fd, (struct sockaddr *)&a, &size))
        leave("no port");
    close(fd);
    return ntohs(a.sin_port);
}

/* A copy of text with the port in the place of PORT. */
static char *with_port(const char *text)
{
    const char *at = strstr(text, "PORT");
    char *made;
    if (!at)
        return strdup(text);
    if (asprintf(&made, "%.*s%d%s", (int)(at - text), text, load.port, at + 4) < 0)
        leave("no memory");
    return made;
}

static void start_server(char **words)
{
    char *argv[WORDS_MOST + 1] = { NULL };
    for (int i = 0; words[i] && i < WORDS_MOST; i++)
        argv[i] = with_port(words[i]);
    load.server = fork();
    if (load.server < 0)
        leave("fork");
    if (load.server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
}

/* CPU seconds of the server's process so far. */
static double server_cpu(void)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(load.server, &clock) || clock_gettime(clock, &t))
        leave("the server's clock");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* KB of memory that the server has touched and nobody else has. */
static double server_memory(void)
{
    char path[64], line[256];
    double kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)load.server);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %lf", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}

static void check_server(void)
{
    int status;
    errno = 0;
    if (waitpid(load.server, &status, WNOHANG) == load.server) {
        load.server = 0;
        leave("the server has ended");
    }
}

/* --- connections ---------------------------------------------------------------------- */

static int connect_once(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)load.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        leave("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_patiently(void)
{
    double until = now() + 10;
    for (int fd;;) {
        if ((fd = connect_once()) >= 0)
            return fd;
        check_server();
        if (now() > until)
            leave("the server does not listen");
        usleep(5000);
    }
}

static void ask(struct connection *c)
{
    c->wanted = load.answers ? load.answers : load.request_size;
    c->matched = 0;
    if (send(c->fd, load.request, load.request_size, MSG_NOSIGNAL)
        != (ssize_t)load.request_size)
        leave("send");
}

/* How many bodies end in these bytes; c->matched goes on from piece to piece.  No byte of the
 * body repeats its first, so a mismatch starts anew. */
static size_t bodies(struct connection *c, const char *at, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        c->matched = at[i] == HELLO[c->matched] ? c->matched + 1 : at[i] == HELLO[0];
        if (c->matched == sizeof HELLO - 1) {
            found++;
            c->matched = 0;
        }
    }
    return found;
}

/* True: the answers are complete. */
static int answered(struct connection *c)
{
    static char buf[64 << 10];
    ssize_t n = recv(c->fd, buf, sizeof buf, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        leave(n ? "recv" : "the server hung up");
    size_t got = load.answers ? bodies(c, buf, (size_t)n) : (size_t)n;
    if (got > c->wanted)
        leave("the server said too much");
    c->wanted -= got;
    return c->wanted == 0;
}

static struct connection *connect_all(int epoll)
{
    struct connection *all = calloc((size_t)load.connections, sizeof *all);
    for (int i = 0; i < load.connections; i++) {
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &all[i] };
        all[i].fd = connect_patiently();
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &ev))
            leave("epoll");
    }
    return all;
}

/* Requests until that time; each connection stops when its answers are in. */
static uint64_t drive(int epoll, double until)
{
    struct epoll_event ev[256];
    uint64_t done = 0;
    int busy = load.connections;
    while (busy > 0) {
        int n = epoll_wait(epoll, ev, 256, 2000);
        if (n <= 0)
            leave("the server is silent");
        int more = now() < until;
        for (int i = 0; i < n; i++) {
            struct connection *c = ev[i].data.ptr;
            if (!answered(c))
                continue;
            done += load.answers ? load.answers : 1;
            busy -= !more;
            if (more)
                ask(c);
        }
    }
    return done;
}

/* --- figures ---------------------------------------------------------------------------- */

static void say(double figure)
{
    printf("{\"bench\":\"%s\",\"system\":\"%s\",\"median\":%.4f}\n", load.name, load.system,
           figure);
}

static void measure_requests(int epoll)
{
    struct connection *all = connect_all(epoll);
    for (int i = 0; i < load.connections; i++)
        ask(&all[i]);
    drive(epoll, now() + load.seconds / 4); /* warm */
    for (int i = 0; i < load.connections; i++)
        ask(&all[i]);
    double cpu = server_cpu();
    uint64_t done = drive(epoll, now() + load.seconds);
    say((server_cpu() - cpu) * 1e6 / (double)done);
}

static void measure_idle(int epoll)
{
    close(connect_patiently()); /* what is made once */
    usleep(100000);
    double before = server_memory();
    struct connection *all = connect_all(epoll);
    for (int i = 0; i < load.connections; i++)
        ask(&all[i]);
    drive(epoll, 0);
    usleep(200000);
    double after = server_memory();
    if (before < 0 || after < 0)
        leave("the server's memory");
    say((after - before) / load.connections);
}

static void raise_limit(void)
{
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    errno = 0;
    if (r.rlim_max < (rlim_t)load.connections + 64) {
        fprintf(stderr, "io_load: RLIMIT_NOFILE allows %ld descriptors, %d connections take "
                "more\n", (long)r.rlim_max, load.connections);
        exit(1);
    }
}

static void choose(const char *name)
{
    int http = !strncmp(name, "http", 4);
    load.answers = http ? (strstr(name, "pipelined") ? PIPELINE : 1) : 0;
    for (size_t i = 0; i < load.answers; i++)
        strcat(load.request, REQUEST);
    if (!http)
        memset(load.request, 'x', 64);
    load.request_size = http ? strlen(load.request) : 64;
}

int main(int argc, char **argv)
{
    char **last = argv + argc - 4;
    if (argc < 7 || strcmp(last[-1], "--")) {
        fprintf(stderr, "usage: io_load SERVER WORD... -- NAME SYSTEM CONNECTIONS SECONDS\n");
        return 2;
    }
    last[-1] = NULL;
    load.name = last[0];
    load.system = last[1];
    load.connections = atoi(last[2]);
    load.seconds = getenv("BENCH_TINY") ? 0.05 : atof(last[3]);
    choose(load.name);
    raise_limit();
    load.port = free_port();
    start_server(argv + 1);
    int epoll = epoll_create1(0);
    if (strncmp(load.name, "idle", 4))
        measure_requests(epoll);
    else
        measure_idle(epoll);
    kill(load.server, SIGKILL);
    return 0;
}
