/* examples/httpd.c - a small server of static files, HTTP/1.1, a task for each
 * connection.
 *
 *     httpd                                 32 clients of its own ask it, each two
 *                                           milliseconds away, and it ends
 *     httpd DIRECTORY tcp:127.0.0.1:8080    serves until SIGTERM or SIGINT
 *
 * Requests are taken apart by libhttp-parser as they come.  The answers to a burst of
 * requests are gathered and go out together when the task waits for the next.  Small
 * files are kept in memory, by each worker for itself, the 256 last asked for, and looked
 * at again after a second; large ones are sent by the kernel.  A client has ten seconds to finish a
 * request that it began, and a minute to begin the next or to take what it was sent; one
 * that sends nonsense gets 400 and is hung up on. */
#include "common/example.h"
#include "common/folder.h"
#include "common/serve.h"
#include "common/site.h"
#include <http_parser.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <tutti/stream.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "httpd",
    .kind = "I/O",
    .summary =
        "Serves static files over HTTP/1.1: to 32 clients of its own on loopback,\n"
        "each two milliseconds away; or DIRECTORY at ADDRESS (tcp:127.0.0.1:8080),\n"
        "until SIGINT or SIGTERM.",
    .size_means = "requests of each client, in bursts of eight",
    .size = 160,
    .size_least = 1,
    .size_most = 100000000,
    .arguments = "[DIRECTORY ADDRESS]",
    .arguments_most = 2,
};

enum { TARGET_MOST = 2048, HEADERS_MOST = 16 << 10 };
#define REQUEST_TIME (10 * TUTTI_SEC)
#define IDLE_TIME (60 * TUTTI_SEC)

/* One connection. */
struct client {
    tutti_stream *stream;
    http_parser parser;
    char target[TARGET_MOST];
    size_t target_size; /* <= TARGET_MOST, which says: too long */
    size_t request_size;
    char field[5]; /* the header's name, if it is as short as "host" */
    size_t field_size;
    int in_field, hosts;
    int nonsense; /* the parser takes it, and the standard does not */
    int code; /* negative: the stream has failed */
    int last; /* nothing follows */
};

/* --- answers ------------------------------------------------------------------- */

static const char *reason(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    default: return "Internal Server Error";
    }
}

static int answer_error(struct client *c, int status)
{
    const char *words = reason(status);
    return tutti_stream_print(c->stream,
                              "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\n"
                              "Content-Length: %zu\r\n%s%s\r\n%s\n",
                              status, words, strlen(words) + 1,
                              status == 405 ? "Allow: GET, HEAD\r\n" : "",
                              c->last ? "Connection: close\r\n" : "", words);
}

static int answer_page(struct client *c, const struct page *p)
{
    int head_only = c->parser.method == HTTP_HEAD;
    int rc = tutti_stream_write(c->stream, p->head, p->head_size);
    rc = rc < 0 ? rc
         : c->last ? tutti_stream_write(c->stream, "Connection: close\r\n\r\n", 21)
                   : tutti_stream_write(c->stream, "\r\n", 2);
    if (rc < 0 || head_only)
        return rc;
    if (p->body)
        return tutti_stream_write(c->stream, p->body, p->size);
    int64_t sent = tutti_stream_sendfile(c->stream, p->fd, 0, p->size);
    return sent < 0 ? (int)sent : (size_t)sent < p->size ? -EPIPE : 0;
}

/* --- requests ------------------------------------------------------------------- */

static int on_begin(http_parser *parser)
{
    struct client *c = parser->data;
    c->target_size = 0;
    c->in_field = c->hosts = c->nonsense = 0;
    return 0;
}

static int on_target(http_parser *parser, const char *at, size_t n)
{
    struct client *c = parser->data;
    if (n < TARGET_MOST - c->target_size) {
        memcpy(c->target + c->target_size, at, n);
        c->target_size += n;
    } else {
        c->target_size = TARGET_MOST; /* stays there: no difference may turn over */
    }
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t n)
{
    struct client *c = parser->data;
    if (!c->in_field)
        c->field_size = 0;
    c->in_field = 1;
    if (n <= sizeof c->field - c->field_size) {
        memcpy(c->field + c->field_size, at, n);
        c->field_size += n;
    } else {
        c->field_size = sizeof c->field;
    }
    c->nonsense |= memchr(at, ' ', n) != NULL; /* before the colon */
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t n)
{
    struct client *c = parser->data;
    (void)at;
    (void)n;
    if (c->in_field && c->field_size == 4 && !strncasecmp(c->field, "host", 4))
        c->hosts++;
    c->in_field = 0;
    return 0;
}

/* What follows is HTTP all the same, whatever else the client could speak. */
static int on_headers(http_parser *parser)
{
    if (parser->method != HTTP_CONNECT)
        parser->upgrade = 0;
    return 0;
}

/* The target's path, when it came as "http://host/path" too. */
static struct page *find(const struct client *c, int *status)
{
    const char *at = c->target, *end = at + c->target_size;
    if (c->target_size > 7 && !strncasecmp(at, "http://", 7)) {
        at = memchr(at + 7, '/', c->target_size - 7);
        if (!at)
            return site_find("/", 1, status);
    }
    return site_find(at, (size_t)(end - at), status);
}

static int on_complete(http_parser *parser)
{
    struct client *c = parser->data;
    struct page *page = NULL;
    int status = 0;
    c->request_size = 0;
    c->last = !http_should_keep_alive(parser) || parser->method == HTTP_CONNECT;
    if (parser->http_major != 1 || c->nonsense || c->hosts > 1
        || (parser->http_minor > 0 && !c->hosts))
        status = 400;
    else if (parser->method != HTTP_GET && parser->method != HTTP_HEAD)
        status = 405;
    else if (c->target_size >= TARGET_MOST)
        status = 414;
    else
        page = find(c, &status);
    if (status == 400)
        c->last = 1;
    c->code = page ? answer_page(c, page) : answer_error(c, status);
    site_release(page);
    return c->code < 0 || c->last; /* else the parser goes on with the next */
}

static const http_parser_settings settings = {
    .on_message_begin = on_begin,
    .on_url = on_target,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
    .on_message_complete = on_complete,
};

/* What has come, requests and pieces of them.  0: go on. */
static int take(struct client *c, tutti_bytes b)
{
    c->request_size += b.size;
    size_t used = http_parser_execute(&c->parser, &settings, b.data, b.size);
    if (c->code < 0 || c->last)
        return 1;
    int status = used != b.size || c->parser.upgrade ? 400
                 : c->request_size > HEADERS_MOST      ? 431
                                                       : 0;
    if (!status)
        return 0;
    c->last = 1;
    c->code = answer_error(c, status);
    return 1;
}

static int wait_for_bytes(struct client *c, tutti_time *began, tutti_bytes *b)
{
    tutti_time now = tutti_now();
    if (!c->request_size)
        *began = now;
    tutti_time limit = c->request_size ? *began + REQUEST_TIME : now + IDLE_TIME;
    tutti_stream_deadline(c->stream, limit);
    return tutti_stream_some(c->stream, b);
}

int httpd_talk(tutti_stream *stream)
{
    struct client c = { .stream = stream };
    tutti_time began = 0;
    tutti_bytes b;
    int rc;
    http_parser_init(&c.parser, HTTP_REQUEST);
    c.parser.data = &c;
    while ((rc = wait_for_bytes(&c, &began, &b)) > 0)
        if (take(&c, b))
            break;
    if (rc == -ETIMEDOUT && c.request_size) {
        c.last = 1;
        answer_error(&c, 408);
    }
    if (c.last && c.code >= 0)
        tutti_stream_finish(c.stream);
    return rc < 0 ? rc : c.code;
}

static int serve(int fd)
{
    TUTTI_STREAM(stream, fd);
    unsigned limit = IDLE_TIME / TUTTI_MS; /* for one that does not read, too */
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
    int rc = httpd_talk(&stream);
    return rc < 0 ? rc : tutti_stream_close(&stream);
}

/* --- clients of its own ----------------------------------------------------------- */

enum { CLIENTS = 32, BURST = 8, FILES = 20 };
#define AWAY (2 * TUTTI_MS) /* the way from a client to here */

static int file_of(uint64_t client, uint64_t i)
{
    return (int)(example_random(client * 1000003 + i) % FILES);
}

static size_t file_size(int file)
{
    return file == FILES - 1 ? 300000 : 10 + (size_t)file * 97;
}

static uint64_t fold_bytes(uint64_t sum, const char *at, size_t n)
{
    for (; n >= 8; at += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        sum = example_fold(sum, word);
    }
    return example_fold(sum, n);
}

struct asker {
    const char *address;
    uint64_t number, requests, sum;
};

/* The number after `before` in a line, which has no 0 at its end; 0: another line. */
static size_t number_after(tutti_bytes line, const char *before)
{
    const char *at = line.data, *end = at + line.size;
    size_t n = strlen(before), number = 0;
    if (line.size < n || memcmp(at, before, n))
        return 0;
    for (at += n; at < end && *at >= '0' && *at <= '9' && number < SIZE_MAX / 100; at++)
        number = 10 * number + (size_t)(*at - '0');
    return number;
}

/* The body of one answer into the sum. */
static int take_answer(struct asker *k, tutti_stream *s)
{
    tutti_bytes b;
    size_t size = 0, status = 0;
    int rc;
    while ((rc = tutti_stream_line(s, &b)) > 0 && b.size) {
        status += number_after(b, "HTTP/1.1 ");
        size += number_after(b, "Content-Length: ");
    }
    rc = rc <= 0 ? rc : tutti_stream_exactly(s, size, &b);
    if (rc <= 0 || status != 200)
        return rc < 0 ? rc : tutti_fail(-EPROTO, "the server answered %zu", status);
    k->sum = fold_bytes(k->sum, b.data, b.size);
    return 0;
}

static int ask(void *arg)
{
    struct asker *k = arg;
    int fd = tutti_dial(k->address), rc = fd;
    if (fd < 0)
        return fd;
    TUTTI_STREAM(s, fd);
    tutti_stream_limit(&s, 1 << 20);
    for (uint64_t i = 0; i < k->requests && rc >= 0; i += BURST) {
        uint64_t n = k->requests - i < BURST ? k->requests - i : BURST;
        rc = tutti_sleep_until(tutti_after(AWAY));
        for (uint64_t j = 0; j < n && rc >= 0; j++)
            rc = tutti_stream_print(&s, "GET /%d.txt HTTP/1.1\r\nHost: here\r\n\r\n",
                                    file_of(k->number, i + j));
        for (uint64_t j = 0; j < n && rc >= 0; j++)
            rc = take_answer(k, &s);
    }
    return rc < 0 ? rc : tutti_stream_close(&s);
}

static uint64_t total(const struct asker *askers)
{
    uint64_t sum = 0;
    for (int i = 0; i < CLIENTS; i++)
        sum = example_fold(sum, askers[i].sum);
    return sum;
}

static void make_askers(const struct example *e, const char *address,
                        struct asker *askers)
{
    for (int i = 0; i < CLIENTS; i++)
        askers[i] = (struct asker){ address, (uint64_t)i, e->size, 0 };
}

static int ask_self(struct example *e, int listener, uint64_t *sum)
{
    char address[100];
    struct asker askers[CLIENTS];
    int rc = tutti_address_local(listener, address, sizeof address);
    make_askers(e, address, askers);
    if (rc >= 0)
        rc = serve_clients(e, e->executor, listener, serve, ask, askers, sizeof *askers,
                           CLIENTS);
    *sum = rc < 0 ? 0 : total(askers);
    return rc;
}

static size_t read_file(const char *directory, int file, char *body, size_t room)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%d.txt", directory, file);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(body, 1, room, f) : 0;
    if (f)
        fclose(f);
    return n;
}

/* One client after another, and the bytes from the files, without any server. */
static int read_serially(struct example *e, const char *directory, uint64_t *sum)
{
    static const struct timespec away = { 0, AWAY };
    struct asker askers[CLIENTS];
    static char body[1 << 20];
    size_t read = 1;
    make_askers(e, NULL, askers);
    example_start(e);
    for (uint64_t c = 0; c < CLIENTS; c++)
        for (uint64_t i = 0; i < e->size && read; i++) {
            if (i % BURST == 0)
                nanosleep(&away, NULL);
            read = read_file(directory, file_of(c, i), body, sizeof body);
            askers[c].sum = fold_bytes(askers[c].sum, body, read);
        }
    example_stop(e);
    *sum = total(askers);
    return read ? 0 : tutti_fail(-EIO, "%s cannot be read", directory);
}

static int make_files(const char *directory)
{
    char path[300];
    int ok = 1;
    for (int i = 0; i < FILES && ok; i++) {
        snprintf(path, sizeof path, "%s/%d.txt", directory, i);
        FILE *f = fopen(path, "w");
        for (size_t at = 0; f && at < file_size(i); at++)
            fputc('a' + (int)((at * 7 + (size_t)i) % 26), f);
        ok = f && fclose(f) == 0;
    }
    return ok ? 0 : tutti_fail(-EIO, "%s cannot be written", directory);
}

static int demonstrate(struct example *e, uint64_t *sum)
{
    struct folder folder;
    int listener = e->serial ? 0 : tutti_listen("tcp:127.0.0.1:0");
    if (listener < 0)
        return listener;
    int rc =
        folder_open(&folder, "httpd") ? tutti_fail(-EIO, "no folder for files") : 0;
    rc = rc < 0 ? rc : make_files(folder.path);
    rc = rc < 0 ? rc : site_open(folder.path);
    rc = rc < 0 ? rc
         : e->serial ? read_serially(e, folder.path, sum)
                     : ask_self(e, listener, sum);
    site_close();
    folder_close(&folder);
    if (!e->serial)
        tutti_close(listener);
    return rc;
}

int main(int argc, char **argv)
{
    struct example e;
    uint64_t sum = 0;
    example_open(&e, &about, argc, argv);
    if (e.argument_count == 1)
        example_refuse(&e, "%s is a directory without an address", e.arguments[0]);
    if (!e.argument_count) {
        int done = demonstrate(&e, &sum);
        return example_close(&e, done, "32 clients", "files %016llx",
                             (unsigned long long)sum);
    }
    if (e.serial)
        example_refuse(&e, "a server has no serial form; leave the directory away");
    int rc = site_open(e.arguments[0]);
    int listener = rc < 0 ? rc : tutti_listen(e.arguments[1]);
    rc = listener < 0 ? listener : serve_until_told(&e, e.executor, listener, serve);
    if (listener >= 0)
        tutti_close(listener);
    site_close();
    return example_close(&e, rc, "a site", "%s", "served");
}
