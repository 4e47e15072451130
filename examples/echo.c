/* examples/echo.c - a server that sends back what it gets, a task for each connection.
 *
 *     echo                         64 clients of its own talk to it, and it ends
 *     echo tcp:127.0.0.1:7000      serves until SIGTERM or SIGINT; then accepts no more and
 *                                  gives those it has five seconds
 *
 * The task of a connection reads as if it blocked.  While it waits it holds no buffer, and
 * what it writes goes out when it waits again, so a burst is answered at once. */
#include "common/example.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <tutti/stream.h>
#include <tutti/sync.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "echo",
    .kind = "I/O",
    .summary = "Serves 64 clients on loopback, or at ADDRESS until it is told to end.",
    .size_means = "messages of 64 bytes of each client",
    .size = 2000,
    .size_least = 1,
    .size_most = 100000000,
    .arguments = "[ADDRESS]",
    .arguments_most = 1,
};

enum { CLIENTS = 64, MESSAGE = 64 };

/* --- the server --------------------------------------------------------------- */

static int echo(int fd)
{
    TUTTI_STREAM(client, fd);
    tutti_bytes b;
    int rc;
    while ((rc = tutti_stream_some(&client, &b)) > 0)
        if ((rc = tutti_stream_write(&client, b.data, b.size)) < 0)
            break;
    return rc < 0 ? rc : tutti_stream_close(&client);
}

struct server {
    tutti_scope *clients;
    int listener;
};

static int accept_all(void *arg)
{
    struct server *k = arg;
    return tutti_serve(k->clients, k->listener, echo);
}

static int serve_until_told(struct example *e, int listener)
{
    tutti_event stop = { { 0 } };
    TUTTI_SCOPE(clients, e->executor, TUTTI_NEVER, TUTTI_KEEP_GOING);
    TUTTI_SCOPE(front, e->executor, TUTTI_NEVER, 0);
    struct server k = { &clients, listener };
    int rc = tutti_event_on_signal(&front, &stop, SIGTERM);
    rc = rc < 0 ? rc : tutti_event_on_signal(&front, &stop, SIGINT);
    rc = rc < 0 ? rc : tutti_go(&front, accept_all, &k);
    rc = rc < 0 ? rc : tutti_event_wait(&stop);
    tutti_scope_cancel(&front);
    int closed = tutti_scope_close(&front);
    tutti_scope_expire(&clients, tutti_after(5 * TUTTI_SEC));
    tutti_scope_close(&clients);
    return rc < 0 ? rc : closed;
}

/* --- clients of its own --------------------------------------------------------- */

struct client {
    const char *address;
    uint64_t number, messages, sum;
};

static void message(uint64_t client, uint64_t i, char *text)
{
    snprintf(text, MESSAGE, "%016llx%016llx%031d", (unsigned long long)example_random(i),
             (unsigned long long)client, 0);
}

static uint64_t fold_message(uint64_t sum, const char *text)
{
    for (int i = 0; i < MESSAGE; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, sizeof word);
        sum = example_fold(sum, word);
    }
    return sum;
}

static int talk(void *arg)
{
    struct client *k = arg;
    int fd = tutti_dial(k->address);
    if (fd < 0)
        return fd;
    TUTTI_STREAM(server, fd);
    char text[MESSAGE];
    tutti_bytes b;
    for (uint64_t i = 0; i < k->messages; i++) {
        message(k->number, i, text);
        int rc = tutti_stream_write(&server, text, MESSAGE);
        rc = rc < 0 ? rc : tutti_stream_exactly(&server, MESSAGE, &b);
        if (rc <= 0)
            return rc < 0 ? rc : tutti_fail(-ECONNRESET, "the server hung up");
        k->sum = fold_message(k->sum, b.data);
    }
    return tutti_stream_close(&server);
}

static uint64_t total(const struct client *clients)
{
    uint64_t sum = 0;
    for (int i = 0; i < CLIENTS; i++)
        sum = example_fold(sum, clients[i].sum);
    return sum;
}

static int talk_to_self(struct example *e, int listener, uint64_t *sum)
{
    char address[100];
    struct client clients[CLIENTS];
    TUTTI_SCOPE(served, e->executor, TUTTI_NEVER, TUTTI_KEEP_GOING);
    TUTTI_SCOPE(front, e->executor, TUTTI_NEVER, 0);
    struct server k = { &served, listener };
    TUTTI_SCOPE(talking, e->executor, TUTTI_NEVER, 0);
    int rc = tutti_address_local(listener, address, sizeof address);
    rc = rc < 0 ? rc : tutti_go(&front, accept_all, &k);
    example_start(e);
    for (int i = 0; i < CLIENTS && rc >= 0; i++) {
        clients[i] = (struct client){ address, (uint64_t)i, e->size, 0 };
        rc = tutti_go(&talking, talk, &clients[i]);
    }
    int talked = tutti_scope_close(&talking);
    example_stop(e);
    tutti_scope_cancel(&front);
    tutti_scope_close(&front);
    tutti_scope_close(&served);
    *sum = rc < 0 || talked < 0 ? 0 : total(clients);
    return rc < 0 ? rc : talked;
}

/* The same bytes through one pair of sockets, there and back, by one thread. */
static int talk_serially(struct example *e, uint64_t *sum)
{
    int ends[2];
    char text[MESSAGE];
    struct client clients[CLIENTS];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return tutti_fail(-errno, "no pair of sockets: %s", strerror(errno));
    int ok = 1;
    example_start(e);
    for (uint64_t c = 0; c < CLIENTS; c++) {
        clients[c] = (struct client){ NULL, c, e->size, 0 };
        for (uint64_t i = 0; i < e->size; i++) {
            message(c, i, text);
            for (int back = 0; back < 2; back++)
                ok &= write(ends[back], text, MESSAGE) == MESSAGE
                      && read(ends[!back], text, MESSAGE) == MESSAGE;
            clients[c].sum = fold_message(clients[c].sum, text);
        }
    }
    example_stop(e);
    close(ends[0]);
    close(ends[1]);
    *sum = total(clients);
    return ok ? 0 : tutti_fail(-EIO, "a pair of sockets lost bytes");
}

int main(int argc, char **argv)
{
    struct example e;
    uint64_t sum = 0;
    example_open(&e, &about, argc, argv);
    const char *address = e.argument_count ? e.arguments[0] : "tcp:127.0.0.1:0";
    if (e.serial) {
        int rc = talk_serially(&e, &sum);
        return example_close(&e, rc, "64 clients", "echoes %016llx", (unsigned long long)sum);
    }
    int listener = tutti_listen(address);
    if (listener < 0)
        return example_close(&e, listener, "", "%s", "");
    int rc = e.argument_count ? serve_until_told(&e, listener)
                              : talk_to_self(&e, listener, &sum);
    tutti_close(listener);
    return example_close(&e, rc, "64 clients", "echoes %016llx", (unsigned long long)sum);
}
