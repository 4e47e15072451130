/* examples/listen.c - events served on a loop while the CPUs are busy with other
 * work.
 *
 *     listen                                clients of its own send events, and it ends
 *     listen tcp:127.0.0.1:7000             serves until SIGTERM or SIGINT: try nc(1)
 *     listen --executor processes:// ...    the work is done in processes; one that
 *                                           crashes answers with its signal
 *
 * An event is a line, and gets a line: "ping" is answered at once, "hash TEXT" by a
 * task on the executor, twenty thousand rounds of SHA-256.  All sockets are on one
 * loop, which only waits and hands on, so it answers in a fraction of a millisecond
 * however busy the CPUs are; with --executor loop:// it works as well, and every ping
 * waits for that.  The answers of a connection come in the order of its events,
 * whichever is done first. */
#include "common/example.h"
#include "common/serve.h"
#include "common/sha256.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tutti/stream.h>

static const struct example_about about = {
    .name = "listen",
    .kind = "CPU",
    .summary =
        "Serves lines on one loop, \"ping\" and \"hash TEXT\", and hands hashing to\n"
        "the executor: to clients of its own, or to whoever connects to ADDRESS\n"
        "(tcp:127.0.0.1:7000), until SIGINT or SIGTERM.  Shows how long a ping takes\n"
        "while the CPUs are busy.",
    .size_means = "hashes that its own clients ask for",
    .size = 160,
    .size_least = 1,
    .size_most = 10000000,
    .arguments = "[ADDRESS]",
    .arguments_most = 1,
};

enum { ROUNDS = 20000, TEXT_MOST = 200, WAITING_MOST = 64, LINE_MOST = 4096 };

/* --- the work, wherever it is done ------------------------------------------------ */

struct text {
    uint32_t size;
    char bytes[TEXT_MOST];
};
struct digest {
    uint8_t bytes[SHA256_SIZE];
};
TUTTI_TASK_FLAGS(hash, "listen.hash", struct text, struct digest, TUTTI_IDEMPOTENT);
static int hash(const struct text *in, struct digest *out)
{
    struct sha256 h;
    sha256_begin(&h);
    sha256_add(&h, in->bytes, in->size);
    sha256_end(&h, out->bytes);
    for (int i = 1; i < ROUNDS; i++) {
        sha256_begin(&h);
        sha256_add(&h, out->bytes, SHA256_SIZE);
        sha256_end(&h, out->bytes);
    }
    return 0;
}

/* What a library might do to the process that it is in. */
TUTTI_TASK(crash, "listen.crash", tutti_none, tutti_none);
static int crash(const tutti_none *in, tutti_none *out)
{
    (void)in;
    (void)out;
    return raise(SIGSEGV);
}

/* --- the server, all of it on the loop -------------------------------------------- */

static struct example *example; /* its executor does the work */
static tutti_executor *front;   /* the loop */
static int may_crash;           /* it has processes for that */

/* An answer to come: words at once, or a future's. */
struct answer {
    const char *words;
    tutti_future future;
};
struct connection {
    tutti_stream stream;
    tutti_chan *answers;
    tutti_scope *work;
};

static int answer_hash(tutti_stream *s, tutti_future f)
{
    char hex[2 * SHA256_SIZE + 1];
    struct digest d;
    int rc = tutti_future_take(f, &d, sizeof d);
    if (rc < 0 && tutti_check() < 0)
        return tutti_check();
    if (rc < 0)
        return tutti_stream_print(s, "error: %s\n", tutti_why());
    for (int i = 0; i < SHA256_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", d.bytes[i]);
    return tutti_stream_print(s, "%s\n", hex);
}

static int write_all(struct connection *c)
{
    struct answer a;
    int rc;
    while ((rc = tutti_chan_recv(c->answers, &a)) > 0) {
        rc = a.words ? tutti_stream_print(&c->stream, "%s\n", a.words)
                     : answer_hash(&c->stream, a.future);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? rc : tutti_stream_flush(&c->stream);
}

/* Who has left needs no more hashes. */
static int write_answers(void *arg)
{
    struct connection *c = arg;
    int rc = write_all(c);
    if (rc < 0)
        tutti_scope_cancel(c->work);
    return rc;
}

static int is_word(tutti_bytes line, const char *word)
{
    return line.size == strlen(word) && !memcmp(line.data, word, line.size);
}

static struct answer take_event(tutti_scope *work, tutti_bytes line)
{
    static const tutti_none none;
    struct answer a = { .words = NULL };
    struct text text = { 0 };
    if (is_word(line, "ping")) {
        a.words = "pong";
    } else if (is_word(line, "crash") && may_crash) {
        crash_submit(work, &none, &a.future);
    } else if (line.size < 6 || memcmp(line.data, "hash ", 5)) {
        a.words = "error: there are \"ping\" and \"hash TEXT\"";
    } else if (line.size - 5 > TEXT_MOST) {
        a.words = "error: a text of more than 200 bytes";
    } else {
        text.size = (uint32_t)line.size - 5;
        memcpy(text.bytes, (const char *)line.data + 5, text.size);
        hash_submit(work, &text, &a.future);
    }
    return a;
}

/* Somebody sends what is no line, for a while yet: closing at once would cost the
 * answers that are on their way. */
static void hang_up(tutti_stream *s)
{
    tutti_bytes rest;
    tutti_stream_finish(s);
    tutti_stream_deadline(s, tutti_after(2 * TUTTI_SEC));
    while (tutti_stream_some(s, &rest) > 0)
        ;
}

/* Reading goes on while answers are still to come, up to so many.  The work is opened
 * first and closed last: a future lives as long as its scope. */
static int serve(int fd)
{
    static const struct answer too_long = { .words = "error: a line without an end" };
    struct connection c;
    tutti_bytes line;
    int rc;
    TUTTI_SCOPE(work, example->executor, TUTTI_NEVER, TUTTI_KEEP_GOING);
    TUTTI_SCOPE(here, front, TUTTI_NEVER, 0);
    c.work = &work;
    tutti_stream_open(&c.stream, fd);
    tutti_stream_limit(&c.stream, LINE_MOST);
    rc = tutti_chan_open(&c.answers, &here, sizeof(struct answer), WAITING_MOST, NULL);
    rc = rc < 0 ? rc : tutti_go(&here, write_answers, &c);
    while (rc >= 0 && (rc = tutti_stream_line(&c.stream, &line)) > 0) {
        struct answer a = take_event(&work, line);
        rc = tutti_chan_send(c.answers, &a);
    }
    if (rc == -EMSGSIZE)
        tutti_chan_send(c.answers, &too_long);
    else if (rc < 0)
        tutti_scope_cancel(&work);
    tutti_chan_close(c.answers);
    int written = tutti_scope_close(&here);
    if (rc == -EMSGSIZE)
        hang_up(&c.stream);
    tutti_stream_close(&c.stream);
    tutti_scope_close(&work); /* its failures have been answers */
    return rc < 0 ? rc : written;
}

/* --- clients of its own ----------------------------------------------------------- */

enum {
    ASKERS = 8,
    PINGERS = 4,
    CLIENTS = ASKERS + PINGERS,
    BURST = 8,
    PINGS_MOST = 50000
};
#define PING_EVERY (2 * TUTTI_MS)

struct client {
    const char *address;
    uint64_t number, sum;
    tutti_time *times; /* of pings, by a pinger */
    size_t count;
    int *asking; /* how many askers still are; all on one loop */
};

static void make_text(char text[64], uint64_t client, uint64_t i)
{
    snprintf(text, 64, "event %llu of %llu: %016llx", (unsigned long long)i,
             (unsigned long long)client,
             (unsigned long long)example_random(client * 1000003 + i));
}

static uint64_t hashes_of(uint64_t client)
{
    return example->size / ASKERS + (client < example->size % ASKERS);
}

static int ask(struct client *k, tutti_stream *s)
{
    char text[64];
    tutti_bytes b;
    int rc = 0;
    for (uint64_t i = 0, n = hashes_of(k->number); i < n && rc >= 0; i += BURST) {
        uint64_t burst = n - i < BURST ? n - i : BURST;
        for (uint64_t j = 0; j < burst && rc >= 0; j++) {
            make_text(text, k->number, i + j);
            rc = tutti_stream_print(s, "hash %s\n", text);
        }
        for (uint64_t j = 0; j < burst && rc >= 0; j++) {
            rc = tutti_stream_line(s, &b);
            if (rc == 0 || (rc > 0 && b.size != 2 * SHA256_SIZE))
                return tutti_fail(-EPROTO, "the answer is \"%.*s\"", (int)b.size,
                                  rc ? (const char *)b.data : "");
            for (size_t at = 0; at < b.size; at += 8) {
                uint64_t word;
                memcpy(&word, (const char *)b.data + at, sizeof word);
                k->sum = example_fold(k->sum, word);
            }
        }
    }
    return rc;
}

static int ping(struct client *k, tutti_stream *s)
{
    tutti_bytes b;
    int rc = 0;
    while (*k->asking && k->count < PINGS_MOST && rc >= 0) {
        rc = tutti_sleep_until(tutti_after(PING_EVERY));
        tutti_time began = tutti_now();
        rc = rc < 0 ? rc : tutti_stream_write(s, "ping\n", 5);
        rc = rc < 0 ? rc : tutti_stream_line(s, &b);
        if (rc == 0)
            return tutti_fail(-EPROTO, "a ping got no answer");
        k->times[k->count++] = tutti_now() - began;
    }
    return rc;
}

static int talk(void *arg)
{
    struct client *k = arg;
    int fd = tutti_dial(k->address);
    if (fd < 0)
        return fd;
    TUTTI_STREAM(s, fd);
    int rc = k->times ? ping(k, &s) : ask(k, &s);
    if (!k->times)
        --*k->asking;
    return rc < 0 ? rc : tutti_stream_close(&s);
}

static int by_time(const void *a, const void *b)
{
    tutti_time x = *(const tutti_time *)a, y = *(const tutti_time *)b;
    return (x > y) - (x < y);
}

static void note_pings(const struct client *clients)
{
    size_t n = 0;
    tutti_time *all = malloc(sizeof *all * PINGERS * PINGS_MOST);
    for (int i = ASKERS; all && i < CLIENTS; n += clients[i++].count)
        memcpy(all + n, clients[i].times, clients[i].count * sizeof *all);
    if (n) {
        qsort(all, n, sizeof *all, by_time);
        snprintf(example->note, sizeof example->note,
                 "%zu pings meanwhile: half within %.3f ms, 99 of 100 within "
                 "%.3f ms", n,
                 (double)all[n / 2] * 1e-6, (double)all[n * 99 / 100] * 1e-6);
    }
    free(all);
}

static int talk_to_self(int listener, uint64_t *sum)
{
    char address[100];
    int asking = ASKERS, room = 1;
    struct client clients[CLIENTS] = { { .number = 0 } };
    int rc = tutti_address_local(listener, address, sizeof address);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ address, (uint64_t)i, 0, NULL, 0, &asking };
        if (i >= ASKERS)
            room &=
                (clients[i].times = malloc(sizeof(tutti_time) * PINGS_MOST)) != NULL;
    }
    rc = rc < 0 ? rc : room ? 0 : -ENOMEM;
    if (rc >= 0)
        rc = serve_clients(example, front, listener, serve, talk, clients,
                           sizeof *clients, CLIENTS);
    if (rc >= 0)
        note_pings(clients);
    for (int i = 0; i < ASKERS; i++)
        *sum = example_fold(*sum, clients[i].sum);
    for (int i = ASKERS; i < CLIENTS; i++)
        free(clients[i].times);
    return rc;
}

/* The same hashes one after another, and no events. */
static void hash_serially(uint64_t *sum)
{
    char hex[2 * SHA256_SIZE + 1];
    example_start(example);
    for (uint64_t c = 0; c < ASKERS; c++) {
        uint64_t own = 0, word;
        for (uint64_t i = 0; i < hashes_of(c); i++) {
            struct text text = { 0 };
            struct digest d;
            make_text(text.bytes, c, i);
            text.size = (uint32_t)strlen(text.bytes);
            hash(&text, &d);
            for (int k = 0; k < SHA256_SIZE; k++)
                snprintf(hex + 2 * k, 3, "%02x", d.bytes[k]);
            for (size_t at = 0; at < 2 * SHA256_SIZE; at += 8) {
                memcpy(&word, hex + at, sizeof word);
                own = example_fold(own, word);
            }
        }
        *sum = example_fold(*sum, own);
    }
    example_stop(example);
}

/* On a loop of its own, wherever the work is done. */
static int listen_on(const char *address, int own, uint64_t *sum)
{
    int rc = tutti_executor_open(&front, "loop://");
    if (rc < 0)
        return rc;
    int listener = rc = tutti_listen(address);
    if (rc >= 0)
        rc = own ? talk_to_self(listener, sum)
                 : serve_until_told(example, front, listener, serve);
    if (listener >= 0)
        tutti_close(listener);
    int closed = tutti_executor_close(front);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    struct example e;
    char what[64], answer[64] = "served";
    uint64_t sum = 0;
    int rc = 0;
    example_open(&e, &about, argc, argv);
    example = &e;
    if (e.serial && e.argument_count)
        example_refuse(&e, "a server has no serial form; leave %s away",
                       e.arguments[0]);
    may_crash = !e.serial && !strncmp(tutti_executor_url(e.executor), "processes:", 10);
    if (e.serial)
        hash_serially(&sum);
    else
        rc = listen_on(e.argument_count ? e.arguments[0] : "tcp:127.0.0.1:0",
                       !e.argument_count, &sum);
    if (!e.argument_count)
        snprintf(answer, sizeof answer, "hashes %016llx", (unsigned long long)sum);
    snprintf(what, sizeof what, e.argument_count ? "until told" : "%llu hashes",
             (unsigned long long)e.size);
    return example_close(&e, rc, what, "%s", answer);
}
