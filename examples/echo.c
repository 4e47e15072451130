/* examples/echo.c - a server that sends back what it gets, a task for each
 * connection.
 *
 *     echo                         64 clients of its own talk to it, each a millisecond
 *                                  away, and it ends
 *     echo tcp:127.0.0.1:7000      serves until SIGTERM or SIGINT; then accepts no more
 *                                  and gives those it has five seconds
 *
 * The task of a connection reads as if it blocked.  While it waits it holds no buffer,
 * and what it writes goes out when it waits again, so a burst is answered at once. */
#include "common/example.h"
#include "common/serve.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <tutti/stream.h>
#include <time.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "echo",
    .kind = "I/O",
    .summary =
        "Sends back what it gets: to 64 clients of its own on loopback, each a\n"
        "millisecond away; or to whoever connects to ADDRESS (tcp:127.0.0.1:7000,\n"
        "unix:/tmp/echo), until SIGINT or SIGTERM.",
    .size_means = "messages of 64 bytes of each client",
    .size = 20,
    .size_least = 1,
    .size_most = 100000000,
    .arguments = "[ADDRESS]",
    .arguments_most = 1,
};

enum { CLIENTS = 64, MESSAGE = 64 };
#define AWAY TUTTI_MS /* the way from a client to here */

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

/* --- clients of its own --------------------------------------------------------- */

struct client {
    const char *address;
    uint64_t number, messages, sum;
};

static void message(uint64_t client, uint64_t i, char *text)
{
    snprintf(text, MESSAGE, "%016llx%016llx%031d",
             (unsigned long long)example_random(i), (unsigned long long)client, 0);
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
        int rc = tutti_sleep_until(tutti_after(AWAY));
        rc = rc < 0 ? rc : tutti_stream_write(&server, text, MESSAGE);
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

static void make_clients(const struct example *e, const char *address,
                         struct client *clients)
{
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = (struct client){ address, (uint64_t)i, e->size, 0 };
}

static int talk_to_self(struct example *e, int listener, uint64_t *sum)
{
    char address[100];
    struct client clients[CLIENTS];
    int rc = tutti_address_local(listener, address, sizeof address);
    make_clients(e, address, clients);
    if (rc >= 0)
        rc = serve_clients(e, e->executor, listener, echo, talk, clients,
                           sizeof *clients, CLIENTS);
    *sum = rc < 0 ? 0 : total(clients);
    return rc;
}

/* One client after another, as a server does that knows only blocking calls: through a
 * pair of sockets, there and back, by one thread. */
static int talk_serially(struct example *e, uint64_t *sum)
{
    static const struct timespec away = { 0, AWAY };
    int ends[2], ok = 1;
    char text[MESSAGE];
    struct client clients[CLIENTS];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return tutti_fail(-errno, "no pair of sockets: %s", strerror(errno));
    make_clients(e, NULL, clients);
    example_start(e);
    for (uint64_t c = 0; c < CLIENTS; c++)
        for (uint64_t i = 0; i < e->size; i++) {
            message(c, i, text);
            nanosleep(&away, NULL);
            for (int back = 0; back < 2; back++)
                ok &= write(ends[back], text, MESSAGE) == MESSAGE
                      && read(ends[!back], text, MESSAGE) == MESSAGE;
            clients[c].sum = fold_message(clients[c].sum, text);
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
    char what[64], answer[64] = "served";
    uint64_t sum = 0;
    example_open(&e, &about, argc, argv);
    if (e.serial && e.argument_count)
        example_refuse(&e, "a server has no serial form; leave %s away",
                       e.arguments[0]);
    const char *address = e.argument_count ? e.arguments[0] : "tcp:127.0.0.1:0";
    int listener = e.serial ? 0 : tutti_listen(address), rc = listener;
    if (e.serial)
        rc = talk_serially(&e, &sum);
    else if (rc >= 0)
        rc = e.argument_count ? serve_until_told(&e, e.executor, listener, echo)
                              : talk_to_self(&e, listener, &sum);
    if (!e.serial && listener >= 0)
        tutti_close(listener);
    if (!e.argument_count)
        snprintf(answer, sizeof answer, "echoes %016llx", (unsigned long long)sum);
    snprintf(what, sizeof what, e.argument_count ? "until told" : "%d clients",
             CLIENTS);
    return example_close(&e, rc, what, "%s", answer);
}
