/* examples/common/slow.c - a small HTTP server that takes its time, in blocking style:
 * a task for each connection on one thread, with libtutti-hook in front of libc, so
 * that accept, read, write and nanosleep park.  It knows GET, HEAD and keep-alive, as
 * much as the examples' clients need.  Tests: tests/server_test.c. */
#include "slow.h"
#include "server.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <tutti.h>
#include <unistd.h>

enum { REQUEST_MOST = 8192, ASKED_ROOM = 1 << 15, WAIT_MOST = 600000 };

struct site {
    const struct slow_options *options;
    int listener;
    tutti_scope *scope;
    unsigned char asked[ASKED_ROOM]; /* by a hash of the path: it was, before */
};
static struct site site;

/* Holds: text[0..used) has been read and not been answered. */
struct connection {
    int fd, head; /* head: the request is HEAD, so no body goes out */
    size_t used;
    char text[REQUEST_MOST];
};

static void pause_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&t, NULL);
}

static uint32_t hash_of(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h ^ h >> 15;
}

static int put(int fd, const char *from, size_t size)
{
    while (size) {
        ssize_t n = send(fd, from, size, MSG_NOSIGNAL);
        if (n <= 0)
            return -1;
        from += n;
        size -= (size_t)n;
    }
    return 0;
}

static int answer(struct connection *c, const char *status, const char *type,
                  const char *body, size_t size)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                     status, type, size);
    if (put(c->fd, head, (size_t)n))
        return -1;
    return c->head ? 0 : put(c->fd, body, size);
}

static int answer_words(struct connection *c, const char *status)
{
    return answer(c, status, "text/plain", status, strlen(status));
}

/* What comes behind a question mark is for others than files. */
static int answer_file(struct connection *c, char *path)
{
    char name[2 * REQUEST_MOST];
    struct stat st;
    const char *root = site.options->root;
    path[strcspn(path, "?")] = 0;
    if (!root || strstr(path, ".."))
        return answer_words(c, "404 Not Found");
    int length = snprintf(name, sizeof name, "%s%s%s", root, path,
                      path[strlen(path) - 1] == '/' ? "index.html" : "");
    if (length >= (int)sizeof name)
        return answer_words(c, "404 Not Found");
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return answer_words(c, "404 Not Found");
    }
    char *body = malloc((size_t)st.st_size + 1);
    ssize_t n = body ? read(fd, body, (size_t)st.st_size) : -1;
    close(fd);
    const char *dot = strrchr(name, '.');
    int html = dot && (!strcmp(dot, ".html") || !strcmp(dot, ".htm"));
    int rc = n < 0
                 ? -1
                 : answer(c, "200 OK", html ? "text/html" : "application/octet-stream",
                          body, (size_t)n);
    free(body);
    return rc;
}

/* One in sixteen, and only the first time. */
static int falters(const char *path)
{
    uint32_t h = hash_of(path);
    if (!site.options->falters || h % 16)
        return 0;
    unsigned char *asked = &site.asked[h / 16 % ASKED_ROOM];
    return !(*asked)++;
}

/* Answered once n have asked: only who asks side by side gets an answer. */
static int meet(struct connection *c, int n)
{
    static int waiting;
    int round = waiting / n;
    waiting++;
    while (waiting / n == round)
        pause_ms(1);
    return answer(c, "200 OK", "text/plain", "met", 3);
}

/* /moved/N/REST leads to REST over N redirections; without an end if N is no number. */
static int answer_moved(struct connection *c, const char *path)
{
    char head[2 * REQUEST_MOST], *rest;
    long more = strtol(path + 7, &rest, 10);
    const char *sign = rest == path + 7 ? path : "";
    if (!*sign && (more < 0 || *rest != '/'))
        return answer_words(c, "404 Not Found");
    int n = *sign      ? snprintf(head, sizeof head, "%s", path)
            : more > 1 ? snprintf(head, sizeof head, "/moved/%ld%s", more - 1, rest)
                       : snprintf(head, sizeof head, "%s", rest);
    char *where = strndup(head, (size_t)n);
    n = snprintf(head, sizeof head,
                 "HTTP/1.1 301 Moved Permanently\r\nLocation: %s\r\n"
                 "Content-Length: 0\r\n\r\n", where ? where : "/");
    free(where);
    return put(c->fd, head, (size_t)n);
}

static int answer_request(struct connection *c)
{
    char method[8], path[REQUEST_MOST];
    if (sscanf(c->text, "%7s %8000s HTTP/1.", method, path) != 2 || path[0] != '/')
        return answer_words(c, "400 Bad Request"), -1;
    c->head = !strcmp(method, "HEAD");
    if (!c->head && strcmp(method, "GET"))
        return answer_words(c, "405 Method Not Allowed"), -1;
    if (!strncmp(path, "/wait/", 6)) {
        long ms = atol(path + 6);
        pause_ms(ms < 0 ? 0 : ms > WAIT_MOST ? WAIT_MOST : ms);
        return answer(c, "200 OK", "text/plain", "waited", 6);
    }
    if (!strncmp(path, "/moved/", 7))
        return answer_moved(c, path);
    if (!strncmp(path, "/meet/", 6) && atoi(path + 6) > 0)
        return meet(c, atoi(path + 6));
    pause_ms(site.options->delay_ms);
    if (falters(path))
        return answer_words(c, "503 Service Unavailable");
    return answer_file(c, path);
}

/* The end of the first request in c; 0: more must be read. */
static size_t request_end(struct connection *c)
{
    c->text[c->used] = 0;
    char *end = strstr(c->text, "\r\n\r\n");
    return end ? (size_t)(end - c->text) + 4 : 0;
}

static int serve_one(void *arg)
{
    struct connection *c = arg;
    for (;;) {
        size_t end;
        while (!(end = request_end(c))) {
            size_t room = sizeof c->text - 1 - c->used;
            ssize_t n = room ? recv(c->fd, c->text + c->used, room, 0) : 0;
            if (n <= 0)
                return 0;
            c->used += (size_t)n;
        }
        if (answer_request(c) < 0)
            return 0;
        memmove(c->text, c->text + end, c->used - end);
        c->used -= end;
    }
}

static void connection_drop(void *arg)
{
    struct connection *c = arg;
    close(c->fd);
    free(c);
}

static int serve_run(void *arg)
{
    struct connection *c = arg;
    serve_one(c);
    connection_drop(c);
    return 0;
}

_Noreturn static int accept_all(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (;;) {
        int fd = accept4(site.listener, NULL, NULL, SOCK_CLOEXEC);
        struct connection *c = fd >= 0 ? calloc(1, sizeof *c) : NULL;
        if (c) {
            int on = 1; /* head and body go one by one; neither waits */
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            c->fd = fd;
            tutti_spawn(&s, serve_run, c, NULL, NULL);
        } else if (fd >= 0) {
            close(fd);
        } else {
            pause_ms(10); /* out of descriptors: some will come back */
        }
    }
}

void slow_serve(int listener, const struct slow_options *o)
{
    struct rlimit files;
    site = (struct site){ .options = o, .listener = listener };
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    tutti_run("loop://?stack=64k", accept_all, NULL);
}
