/* tls/tls.c - TLS over a stream: see tutti/tls.h.
 *
 * Design: OpenSSL reads and writes two buffers in memory, and we carry bytes between them and
 * the stream below; so OpenSSL never waits, and nothing of its own (its queue of errors belongs
 * to the thread) is looked at after a point where the task may have parked.
 * Tests: tests/tls_test.c. */
#include "inside.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* One connection.  Holds: in and out are ssl's, which frees them. */
struct tls {
    tutti_stream below;
    SSL *ssl;
    BIO *in, *out;
    int failed;
};

/* --- bytes ------------------------------------------------------------------------ */

/* What OpenSSL wants sent. */
static int carry_out(struct tls *t)
{
    char *at;
    long n = BIO_get_mem_data(t->out, &at);
    int rc = n > 0 ? tutti_stream_write(&t->below, at, (size_t)n) : 0;
    if (n > 0)
        (void)BIO_reset(t->out);
    return rc;
}

/* What has come: 1; 0 at the end. */
static int carry_in(struct tls *t)
{
    tutti_bytes b;
    int rc = tutti_stream_some(&t->below, &b);
    if (rc == 1 && BIO_write(t->in, b.data, (int)b.size) != (int)b.size)
        rc = -ENOMEM;
    return rc;
}

/* A call of OpenSSL has given rc <= 0: 1: try again; 0: the end; negative. */
static int go_on(struct tls *t, int rc)
{
    int why = SSL_get_error(t->ssl, rc); /* before anything may park */
    int code = 0;
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE
        && why != SSL_ERROR_ZERO_RETURN) {
        long verdict = SSL_get_verify_result(t->ssl);
        if (!SSL_is_init_finished(t->ssl) && verdict != X509_V_OK) {
            code = tutti_fail(-EACCES, "TLS: the certificate is not trusted: %s",
                              X509_verify_cert_error_string(verdict));
            ERR_clear_error();
        } else {
            code = tls_fail(-EPROTO, "TLS");
        }
        t->failed = code;
    }
    int sent = carry_out(t); /* an alert, too */
    if (code < 0 || sent < 0)
        return code < 0 ? code : sent;
    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    rc = carry_in(t);
    if (rc == 0) /* a connection that was cut off is not one that was ended */
        rc = tutti_fail(-EPIPE, "TLS: the peer hung up without a goodbye");
    return rc;
}

static int tls_read(void *ctx, void *buf, size_t n)
{
    struct tls *t = ctx;
    for (;;) {
        size_t got = 0;
        ERR_clear_error(); /* other tasks of this thread leave theirs */
        int rc = t->failed ? 0 : SSL_read_ex(t->ssl, buf, n, &got);
        if (rc == 1)
            return (int)got;
        rc = t->failed ? t->failed : go_on(t, rc);
        if (rc <= 0)
            return rc;
    }
}

static int tls_write(void *ctx, const void *data, size_t n)
{
    struct tls *t = ctx;
    size_t done = 0;
    while (done < n) {
        size_t put = 0, piece = n - done < 16384 ? n - done : 16384;
        ERR_clear_error(); /* as in tls_read */
        int rc = t->failed ? 0
                           : SSL_write_ex(t->ssl, (const char *)data + done, piece, &put);
        done += put;
        rc = t->failed ? t->failed : rc == 1 ? carry_out(t) : go_on(t, rc);
        if (rc < 0 || (rc == 0 && put == 0))
            return rc < 0 ? rc : -EPIPE;
    }
    return 0;
}

static int tls_flush(void *ctx)
{
    struct tls *t = ctx;
    return tutti_stream_flush(&t->below);
}

static int tls_finish(void *ctx)
{
    struct tls *t = ctx;
    ERR_clear_error();
    if (!t->failed)
        SSL_shutdown(t->ssl);
    int rc = carry_out(t);
    return rc < 0 ? rc : tutti_stream_finish(&t->below);
}

static int tls_close(void *ctx)
{
    struct tls *t = ctx;
    ERR_clear_error();
    if (t->ssl && !t->failed && SSL_is_init_finished(t->ssl)
        && !(SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)) {
        SSL_shutdown(t->ssl);
        carry_out(t);
    }
    int rc = tutti_stream_close(&t->below);
    SSL_free(t->ssl);
    free(t);
    return rc;
}

static const tutti_stream_ops tls_ops = { sizeof tls_ops, tls_read, tls_write, tls_flush,
                                          tls_finish, tls_close };

/* --- connections -------------------------------------------------------------------- */

static int tls_begin(struct tls *t, const tutti_tls *shared, const char *host)
{
    t->ssl = SSL_new(shared->context);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out) {
        BIO_free(t->in);
        BIO_free(t->out);
        return tls_fail(-ENOMEM, "TLS");
    }
    BIO_set_mem_eof_return(t->in, -1);
    BIO_set_mem_eof_return(t->out, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    if (shared->server) {
        SSL_set_accept_state(t->ssl);
        return 0;
    }
    SSL_set_connect_state(t->ssl);
    if ((!host || !*host) && SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE)
        return tutti_fail(-EINVAL, "TLS: whose certificate is to be checked needs a host");
    unsigned char address[16];
    int number = host && (inet_pton(AF_INET, host, address) == 1
                          || inet_pton(AF_INET6, host, address) == 1);
    if (number && !X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host))
        return tls_fail(-EINVAL, "TLS: the host");
    if (host && *host && !number
        && (!SSL_set1_host(t->ssl, host) || !SSL_set_tlsext_host_name(t->ssl, host)))
        return tls_fail(-EINVAL, "TLS: the host");
    return 0;
}

static int greet(struct tls *t)
{
    for (;;) {
        ERR_clear_error();
        int rc = SSL_do_handshake(t->ssl);
        if (rc == 1)
            return carry_out(t);
        rc = go_on(t, rc);
        if (rc <= 0)
            return rc < 0 ? rc : -EPROTO;
    }
}

static int tls_open(tutti_tls *shared, tutti_stream *s, int fd, const char *host)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t || !shared || !s) {
        free(t);
        tutti_close(fd);
        return tutti_fail(!t ? -ENOMEM : -EINVAL, "TLS: %s",
                          !t ? "no memory" : "no stream, or nothing opened");
    }
    tutti_stream_open(&t->below, fd);
    int rc = tls_begin(t, shared, host);
    rc = rc < 0 ? rc : greet(t);
    if (rc < 0) {
        t->failed = rc;
        tls_close(t);
        return rc;
    }
    tutti_stream_open_over(s, &tls_ops, t);
    return 0;
}

int tutti_tls_connect(tutti_tls *t, tutti_stream *s, int fd, const char *host)
{
    return tls_open(t, s, fd, host);
}

int tutti_tls_accept(tutti_tls *t, tutti_stream *s, int fd)
{
    return tls_open(t, s, fd, NULL);
}

int tutti_tls_protocol(const tutti_stream *s, char *text, size_t n)
{
    const unsigned char *at = NULL;
    unsigned size = 0;
    const struct tls *t = tutti_stream_over(s, &tls_ops);
    if (!t || !text || !n)
        return tutti_fail(-EINVAL, "tutti_tls_protocol: no TLS stream, or no room");
    SSL_get0_alpn_selected(t->ssl, &at, &size);
    size = size < n ? size : (unsigned)n - 1;
    memcpy(text, at ? (const char *)at : "", at ? size : 0);
    text[at ? size : 0] = 0;
    return 0;
}
