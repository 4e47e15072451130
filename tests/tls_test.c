/* TLS over streams: what is sent arrives, whom to trust, what is no TLS, goodbyes, and cuts. */
#include "certificate.h"
#include "io.h"
#include <sys/socket.h>
#include <tutti/tls.h>

static tutti_tls *server_tls;

static int echo_tls(void *fd)
{
    tutti_stream t;
    tutti_bytes b;
    int rc = tutti_tls_accept(server_tls, &t, (int)(intptr_t)fd);
    if (rc < 0)
        return rc;
    while ((rc = tutti_stream_some(&t, &b)) > 0)
        if ((rc = tutti_stream_write(&t, b.data, b.size)) < 0)
            break;
    int closed = tutti_stream_close(&t);
    return rc < 0 ? rc : closed;
}

static tutti_tls *tls_for(int server, const char *protocols, const char *authorities,
                          int unverified)
{
    tutti_tls *t;
    tutti_tls_options o = { sizeof o, server ? cert_file : NULL, server ? key_file : NULL,
                            authorities, protocols, unverified };
    int rc = server ? tutti_tls_server_open(&t, &o) : tutti_tls_client_open(&t, &o);
    if (rc < 0)
        check_fail(__FILE__, __LINE__, "%s", tutti_why());
    return t;
}

/* A client beside an echo server over a pair of sockets.  server_code: 0: it ends well; 1: it
 * fails; 2: either, as its client may be gone before it has said all. */
static void with_server(tutti_scope *s, tutti_tls *client, const char *host,
                        void (*talk)(tutti_stream *t, int rc), int server_code)
{
    int ends[2];
    tutti_future served;
    tutti_stream t;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    tutti_scope serving;
    tutti_scope_open(&serving, tutti_scope_executor(s), TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_spawn(&serving, echo_tls, (void *)(intptr_t)ends[1], NULL, &served), 0);
    talk(&t, tutti_tls_connect(client, &t, ends[0], host));
    int rc = tutti_future_await(served, NULL);
    if (server_code == 1 ? rc >= 0 : server_code == 0 && rc < 0)
        check_fail(__FILE__, __LINE__, "the server: %d, %s", rc, tutti_why());
    tutti_scope_close(&serving);
}

static void talk_much(tutti_stream *t, int rc)
{
    static char much[200000];
    tutti_bytes b;
    char protocol[20];
    if (rc < 0)
        check_fail(__FILE__, __LINE__, "%s", tutti_why());
    CHECK_INT(tutti_tls_protocol(t, protocol, sizeof protocol), 0);
    CHECK_STR(protocol, "http/1.1");
    tutti_stream_limit(t, sizeof much);
    for (int i = 0; i < 20; i++) {
        CHECK_INT(tutti_stream_print(t, "line %d\n", i), 0);
        CHECK_INT(tutti_stream_line(t, &b), 1);
        CHECK(b.size >= 6 && !memcmp(b.data, "line ", 5));
    }
    for (size_t i = 0; i < sizeof much; i++)
        much[i] = (char)(i % 101);
    for (size_t n = 1; n < sizeof much; n *= 7) {
        CHECK_INT(tutti_stream_write(t, much, n), 0);
        CHECK_INT(tutti_stream_exactly(t, n, &b), 1);
        CHECK(!memcmp(b.data, much, n));
    }
    CHECK_INT(tutti_stream_finish(t), 0);
    CHECK_INT(tutti_stream_some(t, &b), 0);
    CHECK_INT(tutti_stream_close(t), 0);
}

ON_IO(bytes_go_there_and_back_under_tls)
{
    certificate_make();
    server_tls = tls_for(1, "h2x,http/1.1", NULL, 0);
    tutti_tls *client = tls_for(0, "http/1.1", cert_file, 0);
    with_server(s, client, "here.test", talk_much, 0);
    with_server(s, client, "127.0.0.1", talk_much, 0);
    tutti_tls_close(client);
    tutti_tls_close(server_tls);
    certificate_remove();
}

static void untrusted(tutti_stream *t, int rc)
{
    tutti_bytes b;
    CHECK_INT(rc, -EACCES);
    CHECK_HAS(tutti_why(), "not trusted");
    CHECK_INT(tutti_stream_some(t, &b), -EINVAL); /* it is not open */
}
static void hostless(tutti_stream *t, int rc)
{
    (void)t;
    CHECK_INT(rc, -EINVAL);
    CHECK_HAS(tutti_why(), "needs a host");
}
static void silent(tutti_stream *t, int rc)
{
    CHECK_INT(rc, 0);
    CHECK_INT(tutti_stream_close(t), 0);
}

ON_IO(a_certificate_is_for_its_host_and_from_those_who_are_trusted)
{
    certificate_make();
    server_tls = tls_for(1, NULL, NULL, 0);
    tutti_tls *client = tls_for(0, NULL, cert_file, 0), *strict = tls_for(0, NULL, NULL, 0);
    tutti_tls *careless = tls_for(0, NULL, NULL, 1);
    with_server(s, client, "there.test", untrusted, 1);
    with_server(s, client, "127.0.0.2", untrusted, 1);
    with_server(s, strict, "here.test", untrusted, 1);
    with_server(s, client, NULL, hostless, 1);
    with_server(s, client, "", hostless, 1);
    with_server(s, careless, "there.test", silent, 2);
    with_server(s, careless, NULL, silent, 2);
    tutti_tls_close(client);
    tutti_tls_close(strict);
    tutti_tls_close(careless);
    tutti_tls_close(server_tls);
    tutti_tls *none;
    tutti_tls_options o = { .size = sizeof o };
    CHECK_INT(tutti_tls_server_open(&none, &o), -EINVAL);
    o.certificates = o.key = "/no/such/file";
    CHECK_INT(tutti_tls_server_open(&none, &o), -ENOENT);
    o.certificates = key_file;
    o.key = cert_file;
    CHECK_INT(tutti_tls_server_open(&none, &o), -EINVAL);
    CHECK(!none);
    certificate_remove();
}

ON_IO(what_is_no_tls_is_an_error_and_a_deadline_ends_a_greeting)
{
    int ends[2];
    tutti_stream t;
    (void)s;
    tutti_tls *client;
    CHECK_INT(tutti_tls_client_open(&client, NULL), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_INT(write(ends[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
    CHECK_INT(tutti_tls_connect(client, &t, ends[0], "x.test"), -EPROTO);
    CHECK_INT(tutti_close(ends[1]), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    tutti_scope hurry;
    tutti_scope_open(&hurry, NULL, tutti_after(3 * TUTTI_MS), 0);
    CHECK_INT(tutti_tls_connect(client, &t, ends[0], "x.test"), -ETIMEDOUT);
    tutti_scope_cancel(&hurry);
    tutti_scope_close(&hurry);
    CHECK_INT(tutti_close(ends[1]), 0);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_INT(tutti_close(ends[1]), 0);
    CHECK(tutti_tls_connect(client, &t, ends[0], "x.test") < 0);
    tutti_tls_close(client);
    tutti_tls_close(NULL);
}

TEST_MAIN
